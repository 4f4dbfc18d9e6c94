import { describe, expect, it } from 'vitest'
import { type Head, readOpening, readWhole, typeOf } from '../../../src/upstream/opening.ts'
import { TransportError } from '../../../src/upstream/transport-error.ts'
import { createFakeAnswer } from '../../support/fake-answer.ts'

const event = (type: string, fields: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
const created = event('response.created', { response: { id: 'resp_1', instructions: 'Sei höflich. 💥' } })
const progress = event('response.in_progress')
const limits = event('codex.rate_limits', { rate_limits: {} })
const delta = event('response.output_text.delta', { delta: 'Grüße 💥' })
const failed = event('response.failed', { response: { error: { code: 'server_error' } } })
const completed = event('response.completed', { response: { id: 'resp_1' } })

type Read = { head: Head | null; heard: string[]; text: string }

/** Reads an opening from these chunks; `then` ends the answer after them. */
async function open(chunks: (Buffer | string)[], then?: 'end' | TransportError): Promise<Read> {
  const answer = createFakeAnswer()
  const heard: string[] = []
  const reading = readOpening(answer, ({ type }) => heard.push(type))
  let isOpen = true
  for (const chunk of chunks) if (isOpen) isOpen = answer.give(chunk)
  if (then === 'end') answer.finish()
  else if (then) answer.break(then)
  const head = await Promise.race([reading, new Promise<null>((resolve) => setImmediate(() => resolve(null)))])
  return { head, heard, text: Buffer.concat(head?.opening ?? []).toString() }
}

describe('the opening of a stream', () => {
  it.each([
    'response.created',
    'response.in_progress',
    'response.queued',
    'response.metadata',
    'response.output_item.added',
    'response.content_part.added',
    'response.reasoning_summary_part.added',
    'codex.rate_limits',
    'codex.keepalive',
    'keepalive',
  ])('is held while it only announces: %s', async (type) => {
    const { head, heard } = await open([event(type)])
    expect(head).toBeNull()
    expect(heard).toEqual([type])
  })

  it.each([
    ['output', delta, 'response.output_text.delta'],
    ['a failure', failed, 'response.failed'],
    ['an error', event('error', { code: 'x' }), 'error'],
    ['the end', completed, 'response.completed'],
    ['a finished item', event('response.output_item.done'), 'response.output_item.done'],
    ['an event that nobody knows', event('response.something_new'), 'response.something_new'],
    ['an event without a name', 'data: hello\n\n', ''],
  ])('ends with %s', async (_what, text, type) => {
    const { head, heard } = await open([created, limits, progress, text])
    expect(head?.firstEvent?.type).toBe(type)
    expect(head).toMatchObject({ status: 200, ended: false, failure: null })
    expect(heard).toEqual(['response.created', 'codex.rate_limits', 'response.in_progress'])
  })

  it.each([
    ['comments', ': keepalive\n\n'],
    ['blank lines', '\n\n\n'],
    ['the end mark of other APIs', 'data: [DONE]\n\n'],
  ])('does not end with %s', async (_what, text) => expect((await open([created, text])).head).toBeNull())

  it.each([
    ['with LF', created + progress + delta],
    ['with CRLF', (created + progress + delta).replaceAll('\n', '\r\n')],
    ['without names', (created + progress + delta).replaceAll(/^event: .*\n/gm, '')],
    ['with the type last', `data: {"response":{"id":"ä"},"type":"response.created"}\n\n${delta}`],
    ['after a byte order mark', `\uFEFF${created}${delta}`],
    ['with data on several lines', `event: response.created\ndata: {\ndata: "type":"response.created"}\n\n${delta}`],
  ])('is the same wherever its bytes are cut: %s', async (_how, text) => {
    const bytes = Buffer.from(text)
    const whole = await open([bytes])
    expect(whole.head?.firstEvent?.type).toBe('response.output_text.delta')
    for (let at = 1; at < bytes.length; at++) {
      const { head, heard, text: kept } = await open([bytes.subarray(0, at), bytes.subarray(at)])
      expect(head?.firstEvent, `cut at ${at}`).toEqual(whole.head?.firstEvent)
      expect(heard).toEqual(whole.heard)
      expect(bytes.toString().startsWith(kept), `cut at ${at}`).toBe(true)
    }
    const single = await open([...bytes].map((byte) => Buffer.of(byte)))
    expect(single.head?.firstEvent).toEqual(whole.head?.firstEvent)
  })

  it('keeps every byte that came, also what comes after the first real event', async () => {
    const answer = createFakeAnswer()
    const reading = readOpening(answer, () => {})
    const rest = event('response.output_text.delta', { delta: 'b' })
    expect(answer.give(created)).toBe(true)
    expect(answer.give(delta + rest.slice(0, 9))).toBe(false)
    expect(answer.give(rest.slice(9))).toBe(false)
    answer.finish()
    const head = await reading
    expect(Buffer.concat(head.opening).toString()).toBe(created + delta + rest)
    expect(head.firstEvent?.type).toBe('response.output_text.delta')
  })

  it.each<[string, string, 'end' | TransportError, string | null]>([
    ['at once', '', 'end', null],
    ['after announcements', created + progress, 'end', null],
    ['with a last event that lacks its blank line', created + completed.trimEnd(), 'end', 'response.completed'],
    ['with a failure that lacks its blank line', failed.slice(0, -1), 'end', 'response.failed'],
    ['in the middle of an event', created + delta.slice(0, -9), 'end', null],
    ['in the middle of a name', created + delta.slice(0, 12), 'end', null],
    ['by a break', created, new TransportError('broken', new Error('reset')), null],
    [
      'by a break in the middle of an event',
      created + delta.trimEnd(),
      new TransportError('silent', new Error('slow')),
      null,
    ],
  ])('may be all there is: it ended %s', async (_how, text, then, type) => {
    const { head } = await open([text], then)
    expect(head).toMatchObject({ ended: true, failure: then === 'end' ? null : then })
    expect(head?.firstEvent?.type ?? null).toBe(type)
  })

  it('is taken as it is when it grows beyond 2 MiB', async () => {
    const long = event('response.created', { response: { instructions: 'x'.repeat(3 * 1024 * 1024) } })
    const chunks = Array.from({ length: 49 }, (_, at) => long.slice(at * 65_536, (at + 1) * 65_536))
    const { head } = await open(chunks)
    expect(head).toMatchObject({ firstEvent: null, ended: false })
    expect(head?.opening).toHaveLength(33)
  })
})

describe('a whole answer', () => {
  it('is kept up to its bound, and let go of there', async () => {
    const answer = createFakeAnswer({ status: 502 })
    const reading = readWhole(answer, 10)
    expect(answer.give('12345678')).toBe(true)
    expect(answer.give('90abc')).toBe(false)
    expect(answer.aborted).toBe(true)
    const head = await reading
    answer.break(new TransportError('aborted', new Error('let go')))
    expect(Buffer.concat(head.opening).toString()).toBe('1234567890')
    expect(head).toMatchObject({ status: 502, ended: true, failure: null, firstEvent: null })
  })

  it('may end, or break off', async () => {
    const good = createFakeAnswer()
    const reading = readWhole(good)
    good.give('all')
    good.finish()
    expect(await reading).toMatchObject({ ended: true, failure: null, opening: [Buffer.from('all')] })
    const bad = createFakeAnswer()
    const failure = new TransportError('broken', new Error('reset'))
    bad.break(failure)
    expect(await readWhole(bad)).toMatchObject({ ended: true, failure })
  })
})

describe('the type of an event', () => {
  it.each([
    ['its name', 'named', '{"type":"other"}', 'named'],
    ['the type of its data', undefined, '{"type":"a.b","x":1}', 'a.b'],
    ['a type with spaces around', undefined, ' { "type" : "a.b" }', 'a.b'],
    ['a type that comes late', undefined, '{"x":{"type":"no"},"type":"a.b"}', 'a.b'],
    ['a type with an escape', undefined, '{"type":"a\\u002eb"}', 'a.b'],
    ['nothing when it is a number', undefined, '{"type":7}', ''],
    ['nothing when there is none', undefined, '{}', ''],
    ['nothing when it is no JSON', undefined, 'hello', ''],
    ['nothing when it is null', undefined, 'null', ''],
  ])('is %s', (_what, name, data, type) => expect(typeOf(name, data)).toBe(type))
})

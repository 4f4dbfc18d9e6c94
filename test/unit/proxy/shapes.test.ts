import { describe, expect, it } from 'vitest'
import { nativeExchange, publicExchange } from '../../../src/proxy/dialects.ts'
import { collectResponse } from '../../../src/proxy/events.ts'
import { codexShape, publicShape } from '../../../src/proxy/shapes.ts'
import { eventsIn } from '../../support/simulator-client.ts'

const event = (type: string, fields: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
const created = event('response.created', { response: { id: 'r' } })
const delta = event('response.output_text.delta', { delta: 'Grüße 💥' })
const item = (index: number | undefined, text: string) =>
  event('response.output_item.done', { ...(index === undefined ? {} : { output_index: index }), item: { text } })
const completed = (output?: unknown, type = 'response.completed') =>
  event(type, { response: { id: 'r', status: 'x', ...(output === undefined ? {} : { output }) } })

/** What a public client gets of this text, given in chunks of a size. */
function shaped(text: string, size = 1 << 20): string {
  const shape = publicShape()
  const bytes = Buffer.from(text)
  let out = ''
  for (let at = 0; at < bytes.length; at += size) out += shape.chunk(bytes.subarray(at, at + size)) ?? ''
  return out + (shape.rest() ?? '')
}

describe('a public client', () => {
  it('gets every public event as it came', () => {
    const text = created + delta + item(0, 'a') + completed([{ text: 'a' }])
    expect(shaped(text)).toBe(text)
  })

  it('gets the same wherever the stream is cut', () => {
    const text = created + event('codex.rate_limits') + delta + item(0, 'ä') + completed([])
    const whole = shaped(text)
    for (let size = 1; size < 120; size++) expect(shaped(text, size), `chunks of ${size}`).toBe(whole)
    expect(shaped(text.replaceAll('\n', '\r\n'), 1)).toBe(whole)
  })

  it.each([
    ['an event of the private protocol', event('codex.rate_limits', { x: 1 })],
    ['one without a name', 'data: {"type":"codex.keepalive"}\n\n'],
    ['a comment', ': hello\n\n'],
    ['the end mark of another protocol', 'data: [DONE]\n\n'],
  ])('does not get %s', (_what, text) => expect(shaped(created + text + delta)).toBe(created + delta))

  it('gets names for events that came without', () => {
    expect(shaped(delta.replace(/^event: .*\n/, ''))).toBe(delta)
  })

  it('gets an event whole that came on several lines', () => {
    const text = 'event: a.b\ndata: {"type":\ndata: "a.b","x":1}\n\n'
    expect(shaped(text)).toBe(text)
    expect(shaped(text.replaceAll('\n', '\r\n'))).toBe(text)
  })

  it.each<[string, string, unknown[]]>([
    [
      'filled from the items when it is empty',
      item(0, 'a') + item(1, 'b') + completed([]),
      [{ text: 'a' }, { text: 'b' }],
    ],
    ['filled when it is missing', item(0, 'a') + completed(), [{ text: 'a' }]],
    ['in the order of the items’ places', item(1, 'b') + item(0, 'a') + completed([]), [{ text: 'a' }, { text: 'b' }]],
    [
      'in the order of coming when they name no place',
      item(undefined, 'a') + item(undefined, 'b') + completed([]),
      [{ text: 'a' }, { text: 'b' }],
    ],
    ['left alone when there is one', item(0, 'a') + completed([{ text: 'z' }]), [{ text: 'z' }]],
    ['empty when there was nothing', completed([]), []],
    ['filled in an incomplete response too', item(0, 'a') + completed([], 'response.incomplete'), [{ text: 'a' }]],
  ])('gets a final output that is %s', (_how, text, output) => {
    const last = eventsIn(shaped(created + text)).at(-1)
    expect(last).toMatchObject({ response: { id: 'r', status: 'x', output } })
  })

  it('gets a last event that lacks its blank line, and no half of one', () => {
    expect(shaped(created + completed([]).trimEnd())).toBe(created + completed([]))
    expect(shaped(created + delta.slice(0, -6))).toBe(created)
    expect(shaped(created + delta.slice(0, 20))).toBe(created)
  })

  it('is told that the answer broke off by an error event', () => {
    const [only, ...more] = eventsIn(publicShape().broken('stream_incomplete', 'Over.', false) ?? '')
    expect(only).toEqual({
      type: 'error',
      code: 'stream_incomplete',
      message: 'Over.',
      param: null,
      sequence_number: 0,
    })
    expect(more).toEqual([])
  })
})

describe('a Codex client', () => {
  it('gets every byte as it came, the same buffer', () => {
    const chunk = Buffer.from('event: codex.rate_limits\nda')
    expect(codexShape().chunk(chunk)).toBe(chunk)
    expect(codexShape().rest()).toBeNull()
  })

  it('is told that the answer broke off between two events, and never inside one', () => {
    const text = codexShape().broken('stream_incomplete', 'Over "now".', true) ?? ''
    const error = { code: 'stream_incomplete', message: 'Over "now".' }
    expect(eventsIn(text)).toEqual([{ type: 'response.failed', response: { status: 'failed', error } }])
    expect(codexShape().broken('stream_incomplete', 'Over.', false)).toBeNull()
  })
})

it('signs of life are whole events that each kind of client counts', () => {
  expect(eventsIn(nativeExchange().keepAlive)).toEqual([{ type: 'codex.keepalive' }])
  expect(publicExchange({ stream: true }).keepAlive).toMatch(/^:.*\n\n$/)
})

describe('a collected response', () => {
  const collected = (text: string) => {
    const collector = collectResponse()
    collector.push(Buffer.from(text))
    collector.finish()
    return collector.response()
  }
  it.each<[string, string, unknown]>([
    [
      'is the completed one, with its items',
      created + item(0, 'a') + completed([]),
      { id: 'r', status: 'x', output: [{ text: 'a' }] },
    ],
    ['is the failed one', created + completed([], 'response.failed'), { id: 'r', status: 'x', output: [] }],
    ['is none without an end', created + delta, null],
    ['is none when its end is no JSON', `${created}event: response.completed\ndata: {"response":\n\n`, null],
    ['is none when its end has no response', created + event('response.completed', { response: 'x' }), null],
    ['is none when its end was cut', created + completed([]).slice(0, -9), null],
  ])('%s', (_what, text, expected) => expect(collected(text)).toEqual(expected))
})

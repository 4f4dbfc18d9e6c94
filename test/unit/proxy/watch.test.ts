import { describe, expect, it } from 'vitest'
import { watchStream } from '../../../src/proxy/watch.ts'
import { seededRandom } from '../../support/accounts.ts'

const data = (type: string, fields: object = {}) => `data: ${JSON.stringify({ type, ...fields })}\n`
const event = (type: string, fields: object = {}) => `event: ${type}\n${data(type, fields)}\n`
const created = event('response.created', { response: { id: 'resp_1', instructions: 'response.completed 💥' } })
const limits = event('codex.rate_limits', { rate_limits: { primary: { used_percent: 7 } } })
const delta = event('response.output_text.delta', { delta: 'event: response.failed\\n\\n Grüße' })
const long = event('response.output_item.done', { item: { text: 'x'.repeat(400) } })
const usage = { input_tokens: 1, output_tokens: 2 }
const completed = event('response.completed', { response: { id: 'resp_1', text: 'ä', usage } })
const stream = `: hello\n\n${created}${limits}${delta}${delta}${long}${limits}${completed}`
const completedData = { type: 'response.completed', response: { id: 'resp_1', text: 'ä', usage } }

type Seen = {
  outputs: number
  limits: unknown[]
  terminal: unknown
  boundaries: number[]
  sawTerminalAt: number | null
}

/** Watches these chunks; notes after which bytes the stream was between two events. */
function watched(chunks: readonly Buffer[]): Seen {
  const seen: Seen = { outputs: 0, limits: [], terminal: null, boundaries: [], sawTerminalAt: null }
  const watch = watchStream({ firstOutput: () => seen.outputs++, rateLimits: (one) => seen.limits.push(one) })
  let at = 0
  for (const chunk of chunks) {
    watch.push(chunk)
    at += chunk.length
    if (watch.atBoundary()) seen.boundaries.push(at)
    if (watch.sawTerminal()) seen.sawTerminalAt ??= at
  }
  seen.terminal = watch.terminal()
  return seen
}

const sliced = (bytes: Buffer, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size))

const extraBlanks = (text: string) => text.replaceAll('\n\n', '\n\n\n\n')
const forms: [string, (text: string) => string][] = [
  ['lines that end in LF', (text) => text],
  ['lines that end in CRLF', (text) => text.replaceAll('\n', '\r\n')],
  ['no names, only data', (text) => text.replaceAll(/^event: .*\n/gm, '')],
  ['no names, and CRLF', (text) => text.replaceAll(/^event: .*\n/gm, '').replaceAll('\n', '\r\n')],
  ['no spaces after the colons', (text) => text.replaceAll(/^(event|data): /gm, '$1:')],
  ['extra blank lines', extraBlanks],
]

describe.each(forms)('a watched stream with %s', (_form, shape) => {
  const bytes = Buffer.from(shape(stream))
  const over = bytes.length - (shape === extraBlanks ? 2 : 0)

  it('is understood alike at every size of chunks, from one byte up', () => {
    for (let size = 1; size <= bytes.length; size++) {
      const { outputs, limits: found, terminal, sawTerminalAt } = watched(sliced(bytes, size))
      const rule = `chunks of ${size}`
      expect(terminal, rule).toEqual({ type: 'response.completed', data: completedData })
      expect(found, rule).toEqual(
        Array(2).fill({ type: 'codex.rate_limits', rate_limits: { primary: { used_percent: 7 } } }),
      )
      expect(outputs, rule).toBe(1)
      expect(sawTerminalAt, rule).toBe(size === 1 ? over : Math.min(bytes.length, Math.ceil(over / size) * size))
    }
  })

  it('is understood alike cut in two anywhere', () => {
    for (let at = 0; at <= bytes.length; at++) {
      const { terminal, limits: found } = watched([bytes.subarray(0, at), bytes.subarray(at)])
      expect(terminal, `cut at ${at}`).toEqual({ type: 'response.completed', data: completedData })
      expect(found).toHaveLength(2)
    }
  })

  it('may be added to between two events, and nowhere else', () => {
    const text = bytes.toString('latin1')
    const { boundaries } = watched(sliced(bytes, 1))
    const blank = text.includes('\r') ? '\r\n\r\n' : '\n\n'
    for (let at = 1; at <= bytes.length; at++) {
      // After a whole event, and within blank lines that follow it.
      const isBetween =
        text.slice(0, at).replace(/(\r?\n)+\r?$/, '') !== text.slice(0, at) &&
        /(\r?\n\r?\n)[\r\n]*$/.test(text.slice(0, at))
      expect(
        boundaries.includes(at),
        `after ${at} bytes: ${JSON.stringify(text.slice(Math.max(0, at - 20), at))}`,
      ).toBe(isBetween)
    }
    expect(boundaries.length).toBeGreaterThanOrEqual(text.split(blank).length - 1)
  })

  it('has no end while the end is not whole, but for its last blank line', () => {
    const start = bytes.toString('latin1').lastIndexOf(shape(completed).startsWith('event') ? 'event:' : 'data:')
    const end = bytes.lastIndexOf('}') + 1
    for (let at = start; at <= bytes.length; at++) {
      const { terminal } = watched([bytes.subarray(0, at)])
      expect(terminal === null, `cut at ${at} of ${bytes.length}`).toBe(at < end)
    }
  })
})

describe('the end of a stream', () => {
  const last = (text: string) => watched([Buffer.from(text)]).terminal
  it.each([['response.completed'], ['response.incomplete'], ['response.failed'], ['error']])('is %s', (type) =>
    expect(last(created + event(type, { x: 1 }))).toEqual({ type, data: { type, x: 1 } }),
  )

  it.each([
    ['only announcements', created],
    ['an event that only sounds like the end', event('response.completed.not') + event('my.error')],
    [
      'the end talked of in a text',
      event('response.output_text.delta', { delta: '\n\nevent: response.completed\n\n' }),
    ],
    ['an end that is no JSON', 'event: response.completed\ndata: {"type":\n\n'],
    ['an end without data', 'event: response.completed\n\n'],
    ['nothing', ''],
  ])('is not %s', (_what, text) => expect(last(text)).toBeNull())

  it('is the first one, whatever comes after it', () => {
    const text = completed + event('response.failed') + delta
    expect(last(text)).toEqual({ type: 'response.completed', data: completedData })
  })

  it('may have its data on several lines', () => {
    expect(last('event: response.completed\ndata: {"type":\ndata: "response.completed"}\n\n')).toEqual({
      type: 'response.completed',
      data: { type: 'response.completed' },
    })
  })

  it('is found in random cuts of many events, with random ends of lines', () => {
    for (let seed = 0; seed < 300; seed++) {
      const random = seededRandom(seed)
      const events = Array.from({ length: random.below(12) }, () => random.pick([created, limits, delta, long]))
      const [, shape] = random.pick(forms)
      const bytes = Buffer.from(shape([...events, completed].join('')))
      const chunks: Buffer[] = []
      for (let at = 0; at < bytes.length; ) {
        const next = at + 1 + random.below(random.pick([3, 40, 700]))
        chunks.push(bytes.subarray(at, next))
        at = next
      }
      const seen = watched(chunks)
      expect(seen.terminal, `seed ${seed}`).toEqual({ type: 'response.completed', data: completedData })
      expect(seen.limits.length, `seed ${seed}`).toBe(events.filter((one) => one === limits).length)
      expect(seen.outputs, `seed ${seed}`).toBe(events.includes(delta) ? 1 : 0)
    }
  })
})

/** An answer ready for the wire, chunked, one event to a chunk. `idAt`: where the response id stands, in bytes. */
export type PreparedAnswer = { bytes: Buffer; idAt: number[] }

/** Answers carry an id of their own, as real ones do: hex digits that are written over this. */
const idMark = '0'.repeat(32)
export const idLength = idMark.length

const quotaHeaders = {
  'x-codex-primary-used-percent': '20',
  'x-codex-primary-window-minutes': '300',
  'x-codex-primary-reset-at': String(Math.floor(Date.now() / 1000) + 4 * 3600),
  'x-codex-secondary-used-percent': '10',
  'x-codex-secondary-window-minutes': '10080',
  'x-codex-secondary-reset-at': String(Math.floor(Date.now() / 1000) + 5 * 86_400),
  'x-codex-credits-has-credits': 'false',
  'x-codex-credits-unlimited': 'false',
  'x-codex-credits-balance': '0',
}

/** Status line and headers of every event stream. */
export const streamHead = head(200, {
  'content-type': 'text/event-stream',
  'transfer-encoding': 'chunked',
  ...quotaHeaders,
})
export const lastChunk = '0\r\n\r\n'

export function jsonAnswer(body: unknown): Buffer {
  const text = JSON.stringify(body)
  return Buffer.from(head(200, { 'content-type': 'application/json', 'content-length': String(text.length) }) + text)
}

/** One event as a chunk of the chunked coding. */
export function eventChunk(type: string, fields: object): string {
  const text = `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
}

/** Events before the first delta and after the last one, with so many deltas in between: `deltas` + 8 in all. */
export function preparedStream(deltas: number): PreparedAnswer {
  const words = Array.from({ length: deltas }, (_, at) => `word${at} `)
  const text = words.join('')
  const place = { item_id: `msg_${idMark}`, output_index: 0, content_index: 0 }
  const part = { type: 'output_text', annotations: [], logprobs: [], text }
  const item = { id: place.item_id, type: 'message', role: 'assistant', status: 'completed', content: [part] }
  const events: [string, object][] = [
    ['response.created', { response: { ...echo, status: 'in_progress', output: [], usage: null } }],
    ['response.in_progress', { response: { ...echo, status: 'in_progress', output: [], usage: null } }],
    ['response.output_item.added', { output_index: 0, item: { ...item, status: 'in_progress', content: [] } }],
    ['response.content_part.added', { ...place, part: { ...part, text: '' } }],
    ...words.map((delta): [string, object] => [
      'response.output_text.delta',
      { ...place, delta, logprobs: [], obfuscation: 'aB3dE6gH' },
    ]),
    ['response.output_text.done', { ...place, text, logprobs: [] }],
    ['response.content_part.done', { ...place, part }],
    ['response.output_item.done', { output_index: 0, item }],
    ['response.completed', { response: { ...echo, status: 'completed', output: [item], usage: usageOf(deltas) } }],
  ]
  const chunks = events.map(([type, fields], at) => eventChunk(type, { sequence_number: at, ...fields }))
  const bytes = Buffer.from(streamHead + chunks.join('') + lastChunk)
  return { bytes, idAt: occurrences(bytes, idMark) }
}

/** What the upstream repeats of the request in its first events and its last one. */
const echo = {
  id: `resp_${idMark}`,
  object: 'response',
  created_at: 1_790_000_000,
  background: false,
  error: null,
  incomplete_details: null,
  instructions: 'You are a coding agent. '.repeat(60),
  model: 'gpt-5.5',
  parallel_tool_calls: true,
  reasoning: { effort: 'medium', summary: null },
  service_tier: 'default',
  store: false,
  temperature: 1,
  text: { format: { type: 'text' }, verbosity: 'medium' },
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  truncation: 'disabled',
  metadata: {},
}

function usageOf(deltas: number) {
  return {
    input_tokens: 1_200,
    input_tokens_details: { cached_tokens: 1_000 },
    output_tokens: deltas,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 1_200 + deltas,
  }
}

function head(status: number, headers: Record<string, string>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} OK\r\n${lines.join('')}\r\n`
}

function occurrences(bytes: Buffer, text: string): number[] {
  const found: number[] = []
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + text.length)) found.push(at)
  return found
}

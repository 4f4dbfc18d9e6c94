import { createHash } from 'node:crypto'
import { answerHeader, type StreamKind } from './programs.ts'

export const nativePath = '/backend-api/codex/responses'
export const publicPath = '/v1/responses'

/** What one client sends, again and again: `client` makes it a thread of its own, `bodyBytes` is about the size. */
export type RequestKind = { path: string; answer: StreamKind; bodyBytes: number; events?: number }

/** A request as Codex sends it (native path), or as a plain client of the public API does that wants JSON. */
export function requestBytes({ path, answer, bodyBytes, events }: RequestKind, client: number): Buffer {
  const isNative = path === nativePath
  const thread = threadId(client)
  const text = 'The quick brown fox jumps over the lazy dog. '
  const input = Array.from({ length: Math.ceil(bodyBytes / 2_048) }, (_, at) => ({
    type: 'message',
    role: at % 2 === 0 ? 'user' : 'assistant',
    content: [{ type: 'input_text', text: text.repeat(Math.ceil(Math.min(bodyBytes, 2_048) / text.length)) }],
  }))
  const body = isNative
    ? { model: 'gpt-5.5', instructions: 'You are a coding agent.', input, tools: [], store: false, stream: true }
    : { model: 'gpt-5.5', input }
  const bytes = Buffer.from(JSON.stringify({ ...body, prompt_cache_key: thread }))
  const codex = { originator: 'codex_cli_rs', 'user-agent': 'codex_cli_rs/0.169.0', 'session-id': thread }
  const headers: Record<string, string> = {
    host: 'localhost',
    ...(isNative ? { ...codex, 'thread-id': thread, accept: 'text/event-stream' } : { 'user-agent': 'bench' }),
    'content-type': 'application/json',
    [answerHeader]: answer,
    ...(events === undefined ? {} : { 'x-codex-events': String(events) }),
    'content-length': String(bytes.length),
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), bytes])
}

function threadId(client: number): string {
  const hex = createHash('sha256').update(`client ${client}`).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}

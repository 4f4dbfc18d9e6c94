import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An upstream whose every byte a test writes itself, for what the simulator does not do. */
export type ScriptedUpstream = {
  /** For `CODEX_LB_UPSTREAM_BASE_URL`. */
  baseUrl: string
  /** How many turns came. */
  turns(): number
  close(): Promise<void>
}

/** `answer` gets each turn; status and headers of an event stream are set. Everything else is answered 404. */
export async function startScriptedUpstream(
  answer: (response: ServerResponse, turn: number) => void,
): Promise<ScriptedUpstream> {
  let turns = 0
  const server = createServer((request: IncomingMessage, response) => {
    request.resume()
    request.on('end', () => {
      if (request.method !== 'POST') return void response.writeHead(404).end()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      answer(response, ++turns)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    baseUrl: `http://127.0.0.1:${port}/backend-api`,
    turns: () => turns,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** One event as the upstream writes it. */
export function sse(type: string, fields: object = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
}

/** The events around an answer: `response.created`, one message, `response.completed`. */
export const message = {
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  content: [{ type: 'output_text', text: 'hi' }],
}
const response = { id: 'resp_1', object: 'response', status: 'in_progress', output: [] }
const usage = { input_tokens: 3, output_tokens: 1, total_tokens: 4 }
export const created = sse('response.created', { response })
export const delta = sse('response.output_text.delta', { item_id: 'msg_1', delta: 'hi' })
export const itemDone = sse('response.output_item.done', { output_index: 0, item: message })
/** With an empty output, as it sometimes comes. */
export const completed = sse('response.completed', { response: { ...response, status: 'completed', usage } })

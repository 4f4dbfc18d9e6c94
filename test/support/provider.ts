import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Untyped } from './untyped.ts'

/** What a provider got. */
type ProviderCall = {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Record<string, Untyped>
}

/** What goes wrong with the next call of a path, once. */
type ProviderFault =
  | { kind: 'status'; status: number; body?: unknown; headers?: Record<string, string> }
  /** The connection ends, before the first byte or after a few events. */
  | { kind: 'reset' }
  | { kind: 'cut' }
  /** Nothing comes. */
  | { kind: 'silent' }
  | { kind: 'html' }

/** A small OpenAI-compatible provider: it answers what it was asked with, in three protocols. */
export type Provider = {
  url: string
  baseUrl: string
  calls: ProviderCall[]
  /** To one path, such as `/v1/responses`. */
  asked(path: string): ProviderCall[]
  fail(path: string, ...faults: ProviderFault[]): void
  /** Answers wait until they are let go. */
  hold(): () => void
  close(): Promise<void>
}

type Json = Record<string, Untyped>

export const providerKey = 'sk-provider-0001'

export async function startProvider(models: readonly string[] = ['gpt-5.5', 'local-1']): Promise<Provider> {
  const calls: ProviderCall[] = []
  const faults = new Map<string, ProviderFault[]>()
  let gate: Promise<void> = Promise.resolve()
  const server = createServer((request, response) => {
    void serve(request, response).catch(() => response.destroy())
  })
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString('utf8')
    const body = text === '' ? {} : (JSON.parse(text) as Json)
    const path = request.url ?? ''
    calls.push({ method: request.method ?? '', path, headers: request.headers, body })
    await gate
    const fault = faults.get(path)?.shift()
    if (fault?.kind === 'silent') return
    if (fault?.kind === 'reset') return void response.destroy()
    if (fault?.kind === 'html')
      return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>')
    if (fault?.kind === 'status') return json(response, fault.status, fault.body ?? { error: { message: 'no' } }, fault)
    if (request.headers.authorization !== `Bearer ${providerKey}`)
      return json(response, 401, { error: { message: 'Incorrect API key provided.', code: 'invalid_api_key' } })
    const cut = fault?.kind === 'cut'
    if (path === '/v1/models') return json(response, 200, { object: 'list', data: models.map((id) => ({ id })) })
    if (path === '/v1/responses') return events(response, body.stream ? responseEvents(body) : null, body, cut)
    if (path === '/v1/chat/completions') return events(response, chatEvents(body), body, cut)
    if (path === '/v1/embeddings') return json(response, 200, embeddings(body))
    json(response, 404, { error: { message: 'Not found' } })
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    baseUrl: `${url}/v1`,
    calls,
    asked: (path) => calls.filter((call) => call.path === path),
    fail(path, ...more) {
      faults.set(path, [...(faults.get(path) ?? []), ...more])
    },
    hold() {
      let open = () => {}
      gate = new Promise((resolve) => {
        open = resolve
      })
      return open
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  more: { headers?: Record<string, string> } = {},
) {
  response.writeHead(status, { 'content-type': 'application/json', ...more.headers }).end(JSON.stringify(body))
}

/** Without events the answer is one object. */
function events(response: ServerResponse, all: string[] | null, body: Json, cut: boolean) {
  if (all === null) return json(response, 200, { object: 'response', model: body.model, output: [] })
  response.writeHead(200, { 'content-type': 'text/event-stream', 'x-codex-turn-state': 'not-ours' })
  for (const event of cut ? all.slice(0, 4) : all) response.write(event)
  if (cut) setTimeout(() => response.destroy(), 20)
  else response.end()
}

const usage = {
  ...{ input_tokens: 1_000, input_tokens_details: { cached_tokens: 400 } },
  ...{ output_tokens: 200, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 1_200 },
}
const spoken = 'a word from the provider'

function responseEvents({ model }: Json): string[] {
  const event = (type: string, fields: Json) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
  const content = [{ type: 'output_text', text: spoken, annotations: [] }]
  const item = { id: 'msg_p1', type: 'message', role: 'assistant', status: 'completed', content }
  const place = { item_id: 'msg_p1', output_index: 0, content_index: 0 }
  const response = { id: 'resp_p1', object: 'response', status: 'in_progress', model, output: [] }
  return [
    event('response.created', { response, sequence_number: 0 }),
    event('response.output_item.added', { output_index: 0, item: { ...item, content: [] }, sequence_number: 1 }),
    event('response.content_part.added', { ...place, part: { ...content[0], text: '' }, sequence_number: 2 }),
    event('response.output_text.delta', { ...place, delta: spoken, sequence_number: 3 }),
    event('response.output_text.done', { ...place, text: spoken, sequence_number: 4 }),
    event('response.output_item.done', { output_index: 0, item, sequence_number: 5 }),
    event('response.completed', {
      response: { ...response, status: 'completed', output: [item], usage },
      sequence_number: 6,
    }),
  ]
}

/** Calls the first tool that it is offered, when the last message says `TOOL`. */
function chatEvents({ model, messages, tools }: Json): string[] {
  const chunk = (fields: Json) =>
    `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', model, ...fields })}\n\n`
  const delta = (fields: Json, finish: string | null = null) =>
    chunk({ choices: [{ index: 0, delta: fields, finish_reason: finish }] })
  const wantsTool = JSON.stringify(messages?.at(-1) ?? '').includes('TOOL') && tools?.[0]
  const said = wantsTool
    ? [
        delta({
          role: 'assistant',
          tool_calls: [
            { index: 0, id: 'call_1', type: 'function', function: { name: tools[0].function.name, arguments: '' } },
          ],
        }),
        delta({ tool_calls: [{ index: 0, function: { arguments: '{"input":' } }] }),
        delta({ tool_calls: [{ index: 0, function: { arguments: '"ls"}' } }] }),
        delta({}, 'tool_calls'),
      ]
    : [
        delta({ role: 'assistant', content: '' }),
        ...spoken.split(/(?<= )/).map((content) => delta({ content })),
        delta({}, 'stop'),
      ]
  const counted = { prompt_tokens: 1_000, completion_tokens: 200, prompt_tokens_details: { cached_tokens: 400 } }
  return [...said, chunk({ choices: [], usage: counted }), 'data: [DONE]\n\n']
}

/** Knows lists of numbers only, as some providers do. */
function embeddings({ model, input, dimensions = 3 }: Json): Json {
  const texts: unknown[] = Array.isArray(input) ? input : [input]
  const embedding = Array.from({ length: dimensions }, (_, at) => (at + 1) / 4)
  const data = texts.map((_, index) => ({ object: 'embedding', index, embedding }))
  return { object: 'list', model, data, usage: { prompt_tokens: 8 * texts.length, total_tokens: 8 * texts.length } }
}

import { AppError, invalid } from '../errors.ts'

type Json = Record<string, unknown>

/** The upstream refuses these; they have no meaning for a subscription (protocol reference, §4.1). */
const refusedFields = [
  'max_output_tokens',
  'max_tool_calls',
  'metadata',
  'prompt_cache_options',
  'prompt_cache_retention',
  'safety_identifier',
  'stream_options',
  'temperature',
  'top_logprobs',
  'top_p',
  'truncation',
  'user',
]
const includable = new Set([
  'code_interpreter_call.outputs',
  'computer_call_output.output.image_url',
  'file_search_call.results',
  'message.input_image.image_url',
  'message.output_text.logprobs',
  'reasoning.encrypted_content',
  'web_search_call.action.sources',
])

/** Parse a body whose outside was checked already. @throws AppError */
export function parseBody(bytes: Buffer): Json {
  try {
    // A byte order mark is no JSON, and some clients send one.
    return JSON.parse(bytes.toString('utf8').replace(/^\uFEFF/, ''))
  } catch (error) {
    const why = error instanceof Error ? error.message : ''
    throw new AppError('invalid_request', { message: `The request body is not valid JSON: ${why}` }, { cause: error })
  }
}

/** The same where nothing of it was looked at yet. @throws AppError */
export function parseObjectBody(bytes: Buffer): Json {
  if (bytes.length === 0)
    throw new AppError('invalid_request', { message: 'The request body is empty; send a JSON object.' })
  const body: unknown = parseBody(bytes)
  if (!isObject(body)) throw new AppError('invalid_request', { message: 'The request body is not a JSON object.' })
  return body
}

/** Turn a public Responses request into the form that the upstream takes. @throws AppError naming the field */
export function normalizeRequest(body: Json): Json {
  if (body.background === true) {
    throw invalid(
      'background',
      '"background" is offered on /v1/responses only; leave it out and read the answer as a stream.',
    )
  }
  checkInclude(body.include)
  const { background: _background, ...request } = body
  for (const field of refusedFields) delete request[field]
  request.input = inputItems(body.input)
  request.instructions ??= ''
  request.store = false
  request.stream = true
  setServiceTier(request)
  setEffort(request)
  if (Array.isArray(request.tools)) request.tools = request.tools.map(currentToolName)
  if (request.tool_choice !== undefined) request.tool_choice = currentToolName(request.tool_choice)
  return request
}

/** A compaction is an ordinary turn whose last item asks for it; what only shapes an answer is left out. */
export function compactionRequest(body: Json): Json {
  const {
    tools: _tools,
    tool_choice: _choice,
    text: _text,
    client_metadata: _metadata,
    ...rest
  } = normalizeRequest(body)
  const input = (rest.input as unknown[]).filter((item) => !isTrigger(item))
  return { ...rest, input: [...input, { type: 'compaction_trigger' }], parallel_tool_calls: false }
}

/** Drop encrypted reasoning, which only the account that made it can read. Null when there is nothing to drop. */
export function withoutReasoning(body: Json): Json | null {
  if (!Array.isArray(body.input)) return null
  const input = body.input.filter((item) => !(isObject(item) && item.type === 'reasoning'))
  return input.length === body.input.length ? null : { ...body, input }
}

function inputItems(input: unknown): unknown[] {
  if (typeof input === 'string')
    return [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }]
  if (!Array.isArray(input)) throw invalid('input', '"input" must be text or a list of input items.')
  if (input.length === 0) throw invalid('input', '"input" is empty: give at least one item.')
  return input.map((item, index) => {
    if (!isObject(item)) throw invalid(`input[${index}]`, 'Every input item must be an object.')
    const content = Array.isArray(item.content) ? { content: item.content.map(withoutBreakpoint) } : {}
    // The upstream knows this role by its newer name.
    return { ...item, ...content, ...(item.role === 'system' ? { role: 'developer' } : {}) }
  })
}

/** A cache hint that subscription accounts are refused for (protocol reference, §4.1). */
function withoutBreakpoint(part: unknown): unknown {
  if (!isObject(part) || part.prompt_cache_breakpoint === undefined) return part
  const { prompt_cache_breakpoint: _hint, ...rest } = part
  return rest
}

function checkInclude(include: unknown): void {
  if (include == null) return
  if (!Array.isArray(include)) throw invalid('include', '"include" must be a list.')
  const unknown = include.findIndex((name) => !includable.has(name))
  if (unknown !== -1) throw invalid(`include[${unknown}]`, `"include" may hold: ${[...includable].join(', ')}.`)
}

function setServiceTier(request: Json): void {
  if (request.service_tier === 'fast') request.service_tier = 'priority'
  if (['auto', 'default', null].includes(request.service_tier as string | null)) delete request.service_tier
}

function setEffort(request: Json): void {
  const { reasoning } = request
  if (!isObject(reasoning)) return
  if (reasoning.effort === 'minimal') request.reasoning = { ...reasoning, effort: 'low' }
  if (reasoning.effort === 'ultra') request.reasoning = { ...reasoning, effort: 'max' }
}

function currentToolName(tool: unknown): unknown {
  return isObject(tool) && tool.type === 'web_search_preview' ? { ...tool, type: 'web_search' } : tool
}

function isTrigger(item: unknown): boolean {
  return isObject(item) && item.type === 'compaction_trigger'
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

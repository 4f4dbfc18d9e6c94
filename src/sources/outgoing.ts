import type { SourceModel } from '../domain/model-source.ts'
import type { ModelSource } from '../store/model-source-store.ts'
import { isObject, type Json } from '../translate/json.ts'
import { responsesToChat } from '../translate/outward/request.ts'

/** A turn as a source gets it. `customTools`: set where its answer must be translated back. */
export type Outgoing = { path: string; body: Buffer; customTools: ReadonlySet<string> | null }

/** What only means something on the account, on the socket or to the client that it came from. */
const private_ = ['client_metadata', 'generate', 'previous_response_id', 'prompt_cache_retention', 'type'] as const
const sealedReasoning = 'reasoning.encrypted_content'
/** Items whose ids the source would look for in vain. */
const namedElsewhere = new Set([
  ...['message', 'function_call', 'function_call_output', 'custom_tool_call', 'custom_tool_call_output'],
])

/** @throws AppError naming what a source that speaks Chat Completions only cannot be asked */
export function outgoingTurn(source: ModelSource, model: SourceModel, asked: Json): Outgoing {
  const upstreamModel = model.upstreamModel ?? String(asked.model)
  const request = withoutOurs({ ...asked, model: upstreamModel })
  if (source.supports.responses)
    return { path: '/responses', body: Buffer.from(JSON.stringify(request)), customTools: null }
  const { request: chat, customTools } = responsesToChat(request)
  return { path: '/chat/completions', body: Buffer.from(JSON.stringify(chat)), customTools }
}

/** The request without what is sealed for an account, and without what tells of the client. */
function withoutOurs(asked: Json): Json {
  const request: Json = { ...asked, store: false, stream: true }
  for (const name of private_) delete request[name]
  // Tiers are an account's, and a source might charge for one.
  delete request.service_tier
  if (Array.isArray(request.include)) {
    const include = request.include.filter((one) => one !== sealedReasoning)
    if (include.length > 0) request.include = include
    else delete request.include
  }
  if (isObject(request.reasoning)) {
    const { context: _context, ...reasoning } = request.reasoning
    request.reasoning = reasoning
  }
  if (Array.isArray(request.input)) request.input = request.input.flatMap(itemsOf)
  return request
}

function itemsOf(item: unknown): unknown[] {
  if (!isObject(item)) return [item]
  // Sealed for the account that made it.
  if (item.type === 'reasoning') return []
  if (!namedElsewhere.has(String(item.type ?? 'message'))) return [item]
  const { id: _id, ...rest } = item
  return [rest]
}

const bound = new Set([
  'compaction',
  'compaction_summary',
  'compaction_trigger',
  'context_compaction',
  'item_reference',
])

/** True for a request that holds, or asks for, what only an account can read: the source would not know what was said. */
export function isBoundToAccount({ input }: Json): boolean {
  return Array.isArray(input) && input.some((item) => isObject(item) && bound.has(String(item.type)))
}

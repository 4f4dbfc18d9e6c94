import { filled, given, type Json } from '../json.ts'
import { formatOf } from './format.ts'
import { inputOf } from './input.ts'
import { refuse } from './refuse.ts'
import { sessionOf } from './session.ts'
import { systemText } from './system.ts'
import { type ThinkingShown, thinkingOf } from './thinking.ts'
import { toolsOf } from './tools.ts'
import { turnsOf } from './turns.ts'

/** A request for a message, as a public Responses request and what its answer must respect. */
export type MessagesAsk = {
  request: Json
  stream: boolean
  /** Names the conversation, where the client tells it (Claude Code does): fit for affinity. */
  sessionHint: string | null
  reply: Reply
}

/** What the way back must know of the request. */
export type Reply = {
  /** The name that the client asked for and expects to read. */
  model: string
  thinking: ThinkingShown
  /** The upstream has no such parameter: the answer is cut off here. */
  stopSequences: readonly string[]
  /** Names that are too long for the upstream: from the short one that it got to the client's own. */
  toolNames: ReadonlyMap<string, string>
}

/**
 * `model` is the pool's name for the one asked for, and `efforts` the levels that it has, where known. What only tunes the
 * sampling, and `max_tokens`, have no counterpart upstream. @throws AppError in the words of the Messages API
 */
export function messagesToResponses(body: Json, options: { model: string; efforts?: readonly string[] }): MessagesAsk {
  const model = filled(body.model)
  if (model === null) throw refuse('model', 'Field required')
  checkMaxTokens(body.max_tokens)
  checkNotOffered(body)
  const { thinking, reasoning } = thinkingOf(body, options.efforts ?? null)
  const tools = toolsOf(body)
  const input = inputOf(turnsOf(body.messages))
  const sessionHint = sessionOf(body.metadata)
  const include = [
    ...(thinking === 'none' ? [] : ['reasoning.encrypted_content']),
    ...(tools.hasSearch ? ['web_search_call.action.sources'] : []),
  ]
  const format = formatOf(body)
  const request = given({
    model: options.model,
    instructions: systemText(body.system),
    input,
    ...tools.fields,
    reasoning,
    include: include.length > 0 ? include : null,
    text: format === null ? null : { format },
    service_tier: body.speed === 'fast' ? 'fast' : null,
    prompt_cache_key: sessionHint,
  })
  return {
    request,
    stream: streamOf(body.stream),
    sessionHint,
    reply: { model, thinking, stopSequences: stopSequencesOf(body.stop_sequences), toolNames: tools.names },
  }
}

function checkMaxTokens(maxTokens: unknown): void {
  if (maxTokens == null) throw refuse('max_tokens', 'Field required')
  if (typeof maxTokens !== 'number' || !Number.isInteger(maxTokens)) {
    throw refuse('max_tokens', 'Input should be a valid integer')
  }
  if (maxTokens === 0) {
    throw refuse('max_tokens', 'Filling the cache without an answer is not offered here; ask for at least 1 token')
  }
  if (maxTokens < 0) throw refuse('max_tokens', 'Input should be greater than or equal to 1')
}

/** What cannot be left out in silence, because the answer would be another one. */
function checkNotOffered(body: Json): void {
  if (body.thread != null) {
    throw refuse('thread', 'Threads are not offered here; send the full conversation without `thread`')
  }
  if (Array.isArray(body.mcp_servers) && body.mcp_servers.length > 0) {
    throw refuse('mcp_servers', 'MCP servers are not offered here; connect to them in the client and send their tools')
  }
  if (body.speed != null && body.speed !== 'fast' && body.speed !== 'standard') {
    throw refuse('speed', "Input should be 'standard' or 'fast'")
  }
}

function streamOf(stream: unknown): boolean {
  if (stream == null || typeof stream === 'boolean') return stream === true
  throw refuse('stream', 'Input should be a valid boolean')
}

function stopSequencesOf(sequences: unknown): string[] {
  if (sequences == null) return []
  if (!Array.isArray(sequences)) throw refuse('stop_sequences', 'Input should be a valid list')
  return sequences.map((one: unknown, index) => {
    if (typeof one !== 'string') throw refuse(`stop_sequences.${index}`, 'Input should be a valid string')
    if (one.trim() === '') throw refuse('stop_sequences', 'each stop sequence must contain non-whitespace')
    return one
  })
}

import { count, isObject, type Json } from '../json.ts'

/** What an answer cost, as the Messages API counts: `inputTokens` are those that came from no cache. */
export type MessageUsage = {
  inputTokens: number
  cachedTokens: number
  outputTokens: number
  /** Part of the output; null when not told. */
  thinkingTokens: number | null
}

/** Null when the upstream told nothing. */
export function usageOf(response: Json): MessageUsage | null {
  const { usage } = response
  if (!isObject(usage)) return null
  const input = count(usage.input_tokens)
  const details = isObject(usage.output_tokens_details) ? usage.output_tokens_details : {}
  const thinkingTokens = count(details.reasoning_tokens)
  const outputTokens = count(usage.output_tokens) ?? thinkingTokens
  if (input === null || outputTokens === null) return null
  const inputDetails = isObject(usage.input_tokens_details) ? usage.input_tokens_details : {}
  const cachedTokens = Math.min(input, count(inputDetails.cached_tokens) ?? 0)
  return { inputTokens: input - cachedTokens, cachedTokens, outputTokens, thinkingTokens }
}

/** The counters that grow while a message is made, as the event before its end repeats them. */
export function usageFields(usage: MessageUsage, searchCount: number): Json {
  return {
    input_tokens: usage.inputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cachedTokens,
    output_tokens: usage.outputTokens,
    output_tokens_details: usage.thinkingTokens === null ? null : { thinking_tokens: usage.thinkingTokens },
    server_tool_use: searchCount === 0 ? null : { web_search_requests: searchCount, web_fetch_requests: 0 },
  }
}

/** The usage of a message: the counters, and where it was made. */
export function messageUsage(counters: Json): Json {
  return {
    ...counters,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
    inference_geo: null,
    service_tier: 'standard',
    speed: null,
  }
}

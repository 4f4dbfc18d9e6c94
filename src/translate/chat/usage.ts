import { count, given, isObject, type Json } from '../json.ts'

/** Tokens as chat completions count them, with the details that they always carry. */
export type Usage = {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: Json
  completion_tokens_details: Json
}

/** Null when the response does not say what it used. */
export function usageOf(usage: unknown): Usage | null {
  if (!isObject(usage)) return null
  const input = isObject(usage.input_tokens_details) ? usage.input_tokens_details : {}
  const output = isObject(usage.output_tokens_details) ? usage.output_tokens_details : {}
  const reasoningTokens = count(output.reasoning_tokens) ?? 0
  const promptTokens = count(usage.input_tokens) ?? 0
  // Reasoning is part of the output: where the output is not counted, it is what is known of it.
  const completionTokens = count(usage.output_tokens) ?? reasoningTokens
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: count(usage.total_tokens) ?? promptTokens + completionTokens,
    prompt_tokens_details: {
      cached_tokens: count(input.cached_tokens) ?? 0,
      audio_tokens: 0,
      ...given({ cache_write_tokens: count(input.cache_write_tokens) }),
    },
    completion_tokens_details: {
      reasoning_tokens: reasoningTokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}

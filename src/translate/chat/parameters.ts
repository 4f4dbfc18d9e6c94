import { invalid } from '../../errors.ts'
import type { Json } from '../json.ts'

/** What becomes of one parameter of the public API. Null always counts as left out. */
export type Rule =
  | { does: 'translated' }
  /** Accepted and not passed on: the answer is valid without it. */
  | { does: 'dropped'; because: string }
  /** Refused, except for the values that ask for nothing: leaving it out would give another answer than asked for. */
  | { does: 'refused'; unless: (value: unknown) => boolean; message: string }

export const translated: Rule = { does: 'translated' }
export const noSampling: Rule = { does: 'dropped', because: 'The upstream chooses its own sampling.' }
export const noLimit: Rule = { does: 'dropped', because: 'The upstream takes no limit on output tokens.' }
const noCacheControl: Rule = { does: 'dropped', because: 'The upstream manages its prompt cache itself.' }
export const noEndUser: Rule = { does: 'dropped', because: 'A subscription has no end users to tell apart.' }
const never = () => false

export const chatParameters = {
  audio: { does: 'refused', unless: never, message: 'Audio output is not supported; leave "audio" out.' },
  frequency_penalty: noSampling,
  function_call: translated,
  functions: translated,
  logit_bias: noSampling,
  logprobs: {
    does: 'refused',
    unless: (value) => value === false,
    message: 'The upstream gives no log probabilities; leave "logprobs" out.',
  },
  max_completion_tokens: noLimit,
  max_tokens: noLimit,
  messages: translated,
  metadata: translated,
  modalities: {
    does: 'refused',
    unless: (value) => Array.isArray(value) && value.every((modality) => modality === 'text'),
    message: 'Only text is given as an answer: set "modalities" to ["text"] or leave it out.',
  },
  model: translated,
  moderation: {
    does: 'refused',
    unless: never,
    message: 'The upstream gives no moderation results; leave "moderation" out.',
  },
  n: oneAnswer('n'),
  parallel_tool_calls: translated,
  prediction: {
    does: 'refused',
    unless: never,
    message: 'Predicted outputs are not supported; leave "prediction" out.',
  },
  presence_penalty: noSampling,
  prompt_cache_key: translated,
  prompt_cache_options: noCacheControl,
  prompt_cache_retention: noCacheControl,
  reasoning_effort: translated,
  response_format: translated,
  safety_identifier: noEndUser,
  seed: noSampling,
  service_tier: translated,
  stop: translated,
  store: translated,
  stream: translated,
  stream_options: translated,
  temperature: noSampling,
  tool_choice: translated,
  tools: translated,
  top_logprobs: {
    does: 'refused',
    unless: (value) => value === 0,
    message: 'The upstream gives no log probabilities; leave "top_logprobs" out.',
  },
  top_p: noSampling,
  user: noEndUser,
  verbosity: translated,
  web_search_options: translated,
} satisfies Record<string, Rule>

/** A parameter that asks for several answers at once. */
export function oneAnswer(name: string): Rule {
  return {
    does: 'refused',
    unless: (value) => value === 1,
    message: `The upstream gives one answer: leave "${name}" out and send the request as often as needed.`,
  }
}

/** @throws AppError for the first parameter that cannot be honoured */
export function checkParameters(body: Json, rules: Readonly<Record<string, Rule>>): void {
  for (const [name, rule] of Object.entries(rules)) {
    if (rule.does === 'refused' && body[name] != null && !rule.unless(body[name])) throw invalid(name, rule.message)
  }
}

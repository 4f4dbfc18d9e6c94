import { invalid } from '../../errors.ts'
import {
  checkParameters,
  noEndUser,
  noLimit,
  noSampling,
  oneAnswer,
  type Rule,
  translated,
} from '../chat/parameters.ts'
import { modelOf, streamFields } from '../chat/request.ts'
import { stopSequences } from '../chat/stop.ts'
import type { Json } from '../json.ts'

/** A request for a text completion, as a public Responses request and what its answer must respect. */
export type CompletionAsk = { request: Json; stream: boolean; includeUsage: boolean; stop: readonly string[] }

export const completionParameters = {
  best_of: oneAnswer('best_of'),
  echo: {
    does: 'refused',
    unless: (value) => value === false,
    message: 'The prompt cannot be echoed; leave "echo" out and put the prompt in front of the answer.',
  },
  frequency_penalty: noSampling,
  logit_bias: noSampling,
  logprobs: {
    does: 'refused',
    unless: (value) => value === false,
    message: 'The upstream gives no log probabilities; leave "logprobs" out.',
  },
  max_tokens: noLimit,
  model: translated,
  n: oneAnswer('n'),
  presence_penalty: noSampling,
  prompt: translated,
  seed: noSampling,
  stop: translated,
  stream: translated,
  stream_options: translated,
  suffix: {
    does: 'refused',
    unless: (value) => value === '',
    message: 'Text cannot be inserted before a suffix; leave "suffix" out and describe the gap in the prompt.',
  },
  temperature: noSampling,
  top_p: noSampling,
  user: noEndUser,
} satisfies Record<string, Rule>

/** @throws AppError naming the field and how to mend it */
export function completionToResponses(body: Json): CompletionAsk {
  checkParameters(body, completionParameters)
  const model = modelOf(body)
  const content = [{ type: 'input_text', text: promptOf(body.prompt) }]
  return {
    request: { model, instructions: '', input: [{ type: 'message', role: 'user', content }] },
    ...streamFields(body),
    stop: stopSequences(body.stop),
  }
}

function promptOf(prompt: unknown): string {
  const prompts: unknown[] = Array.isArray(prompt) ? prompt : [prompt]
  const [only] = prompts
  if (prompts.some((one) => typeof one === 'number' || Array.isArray(one))) {
    throw invalid('prompt', 'Tokens are not accepted; give the "prompt" as text.')
  }
  if (prompts.length > 1) throw invalid('prompt', 'One prompt at a time: send a request for each.')
  if (typeof only === 'string' && only !== '') return only
  throw invalid('prompt', '"prompt" must be text, and not empty.')
}

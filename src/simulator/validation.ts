import type { SimulatedAccount } from './accounts.ts'
import type { Answer } from './http.ts'
import { isObject, type JsonObject } from './json.ts'
import { isForeignSeal, issuedResponse } from './marks.ts'
import { hasModel } from './models.ts'
import {
  detailAnswer,
  errorAnswer,
  invalidEncryptedContent,
  modelNotSupported,
  previousResponseNotFound,
} from './refusals.ts'

const refusedParameters = [
  ...['max_output_tokens', 'metadata', 'prompt_cache_retention', 'safety_identifier', 'temperature', 'top_p'],
  ...['truncation', 'user', 'prompt_cache_options', 'background', 'stream_options'],
  // Chat completions, not responses.
  ...['messages', 'max_tokens', 'max_completion_tokens', 'n', 'stop', 'seed', 'functions', 'function_call'],
  ...['response_format', 'logit_bias', 'presence_penalty', 'frequency_penalty', 'logprobs', 'top_logprobs'],
]

const knownIncludes = new Set([
  'code_interpreter_call.outputs',
  'computer_call_output.output.image_url',
  'file_search_call.results',
  'message.input_image.image_url',
  'message.output_text.logprobs',
  'reasoning.encrypted_content',
  'web_search_call.action.sources',
])

const outputOf: Record<string, { type: string; words: string }> = {
  function_call: { type: 'function_call_output', words: 'function call' },
  custom_tool_call: { type: 'custom_tool_call_output', words: 'custom tool call' },
  apply_patch_call: { type: 'apply_patch_call_output', words: 'apply patch call' },
}

const partsOf: Record<string, readonly string[]> = {
  user: ['input_text', 'input_image', 'input_file'],
  developer: ['input_text', 'input_image', 'input_file'],
  assistant: ['output_text', 'refusal'],
}

function invalid(param: string, message: string): Answer {
  return errorAnswer(400, { code: 'invalid_value', message, param })
}

/** The refusal of a body, or null when the upstream would take it. */
export function refusalOf(body: JsonObject, account: SimulatedAccount): Answer | null {
  const refusal = refusalOfBasics(body, account)
  if (refusal) return refusal
  if (Array.isArray(body.input) && body.input.length === 0) return detailAnswer(400, 'Input must not be empty')
  return refusalOfRest(body, account)
}

/** The same for a request that generates nothing, which may have no input yet. */
export function refusalOfPrewarm(body: JsonObject, account: SimulatedAccount): Answer | null {
  return refusalOfBasics(body, account) ?? refusalOfRest(body, account)
}

function refusalOfBasics(body: JsonObject, account: SimulatedAccount): Answer | null {
  for (const name of refusedParameters) {
    if (name in body) return detailAnswer(400, `Unsupported parameter: ${name}`)
  }
  const { model, input } = body
  if (typeof model !== 'string' || model === '') return detailAnswer(400, 'Model is required')
  if (!hasModel(account, model)) return modelNotSupported(model)
  if (body.instructions !== undefined && typeof body.instructions !== 'string') {
    return detailAnswer(400, 'Instructions must be a string')
  }
  if (body.store !== false) return detailAnswer(400, 'Store must be set to false')
  if (body.stream !== true) return detailAnswer(400, 'Stream must be set to true')
  return Array.isArray(input) ? null : detailAnswer(400, 'Input must be a list')
}

function refusalOfRest(body: JsonObject, account: SimulatedAccount): Answer | null {
  const input = Array.isArray(body.input) ? body.input : []
  return refusalOfOptions(body) ?? refusalOfReference(body, account) ?? refusalOfInput(input, account)
}

function refusalOfOptions(body: JsonObject): Answer | null {
  if (body.service_tier === 'auto' || body.service_tier === 'default') {
    return detailAnswer(400, `Unsupported service_tier: ${body.service_tier}`)
  }
  if (isObject(body.reasoning) && (body.reasoning.effort === 'minimal' || body.reasoning.effort === 'ultra')) {
    return invalid(
      'reasoning.effort',
      `Unsupported value: '${body.reasoning.effort}' is not supported with this model.`,
    )
  }
  for (const name of Array.isArray(body.include) ? body.include : []) {
    if (!knownIncludes.has(name)) return invalid('include', `Invalid value: '${name}'.`)
  }
  return null
}

function refusalOfReference(body: JsonObject, account: SimulatedAccount): Answer | null {
  const previous = body.previous_response_id
  if (previous === undefined || previous === null) return null
  if (body.conversation) return invalid('conversation', "'conversation' and 'previous_response_id' exclude each other.")
  if (typeof previous === 'string' && issuedResponse(account, previous)) return null
  return previousResponseNotFound(String(previous))
}

function refusalOfInput(input: unknown[], account: SimulatedAccount): Answer | null {
  const answered = new Set<unknown>()
  for (const item of input) {
    if (isObject(item) && typeof item.type === 'string') answered.add(`${item.type} ${item.call_id}`)
  }
  for (const [index, item] of input.entries()) {
    const at = `input[${index}]`
    if (!isObject(item)) return invalid(at, 'Invalid type: expected an object.')
    const refusal = refusalOfItem(item, at)
    if (refusal) return refusal
    if (typeof item.encrypted_content === 'string' && isForeignSeal(account, item.encrypted_content)) {
      return invalidEncryptedContent(item.encrypted_content)
    }
    if (item.type === 'compaction_trigger' && index !== input.length - 1) {
      return invalid(at, 'A compaction trigger must be the last item.')
    }
    const output = typeof item.type === 'string' ? outputOf[item.type] : undefined
    if (output && !answered.has(`${output.type} ${item.call_id}`)) {
      const message = `No tool output found for ${output.words} ${item.call_id}.`
      return errorAnswer(400, { code: null, message, param: 'input' })
    }
  }
  return null
}

function refusalOfItem(item: JsonObject, at: string): Answer | null {
  const isMessage = item.type === undefined || item.type === 'message'
  if (!isMessage) return null
  if (item.role === 'system') return detailAnswer(400, 'System messages are not allowed')
  const allowed = typeof item.role === 'string' ? partsOf[item.role] : undefined
  if (!allowed) return invalid(`${at}.role`, `Invalid value: '${item.role}'.`)
  if (typeof item.content === 'string') return null
  if (!Array.isArray(item.content)) return invalid(`${at}.content`, 'Invalid type: expected a string or a list.')
  for (const part of item.content) {
    if (!isObject(part) || typeof part.type !== 'string' || !allowed.includes(part.type)) {
      const type = isObject(part) ? part.type : part
      return invalid(
        `${at}.content`,
        `Invalid value: '${type}'. Supported values are: ${allowed.map((name) => `'${name}'`).join(', ')}.`,
      )
    }
    if ('prompt_cache_breakpoint' in part) return detailAnswer(400, 'Unsupported parameter: prompt_cache_breakpoint')
  }
  return null
}

import { invalid } from '../../errors.ts'
import { booleanField, filled, given, isObject, type Json, textField, wordField } from '../json.ts'
import { conversationOf } from './messages.ts'
import { chatParameters, checkParameters } from './parameters.ts'
import { stopSequences } from './stop.ts'
import { type CallForm, toolsOf } from './tools.ts'

/** A request for a chat completion, as a public Responses request and what its answer must respect. */
export type ChatAsk = {
  request: Json
  stream: boolean
  /** Whether a stream ends with a chunk that holds the usage. */
  includeUsage: boolean
  /** Null when the client left it out. */
  store: boolean | null
  metadata: Record<string, string> | null
  /** Where the answer must be cut off; the upstream has no such parameter. */
  stop: readonly string[]
  calls: CallForm
}

const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max', 'ultra']
/** `scale` and `standard` name contracts that a subscription has not: they fall to its ordinary tier. */
const tiers = ['auto', 'default', 'flex', 'priority', 'fast', 'ultrafast', 'scale', 'standard']
const ordinaryTiers = ['auto', 'default', 'scale', 'standard']

/** @throws AppError naming the field and how to mend it */
export function chatToResponses(body: Json): ChatAsk {
  checkParameters(body, chatParameters)
  const model = modelOf(body)
  const common = {
    ...streamFields(body),
    store: booleanField(body, 'store'),
    metadata: metadataOf(body.metadata),
    stop: stopSequences(body.stop),
  }
  // Some clients send a response request here and expect a chat completion back.
  if (body.messages == null && body.input != null) return { ...common, request: responseFields(body), calls: 'tools' }
  const tools = toolsOf(body)
  const format = formatOf(body.response_format)
  // In this format the upstream wants to find the word "JSON" in the input itself.
  const { instructions, input } = conversationOf(body.messages, format?.type === 'json_object')
  const effort = wordField(body, 'reasoning_effort', efforts)
  const textFields = given({ format, verbosity: wordField(body, 'verbosity', ['low', 'medium', 'high']) })
  const options = given({
    reasoning: effort === null ? null : { effort },
    text: Object.keys(textFields).length > 0 ? textFields : null,
    service_tier: tierOf(body),
    prompt_cache_key: textField(body, 'prompt_cache_key'),
  })
  return { ...common, request: { model, instructions, input, ...tools.fields, ...options }, calls: tools.calls }
}

/** @throws AppError */
export function modelOf(body: Json): string {
  const model = filled(body.model)
  if (model === null) throw invalid('model', '"model" must name a model.')
  return model
}

/** @throws AppError */
export function streamFields(body: Json): { stream: boolean; includeUsage: boolean } {
  const options = body.stream_options ?? {}
  if (!isObject(options)) throw invalid('stream_options', '"stream_options" must be an object.')
  return {
    stream: booleanField(body, 'stream') ?? false,
    includeUsage: options.include_usage === true,
  }
}

const responseParameters = [
  ...['model', 'input', 'instructions', 'tools', 'tool_choice', 'parallel_tool_calls', 'text', 'reasoning'],
  ...['include', 'service_tier', 'prompt_cache_key', 'previous_response_id'],
]

function responseFields(body: Json): Json {
  return given(Object.fromEntries(responseParameters.map((name) => [name, body[name]])))
}

function tierOf(body: Json): string | null {
  const tier = wordField(body, 'service_tier', tiers)
  return tier !== null && ordinaryTiers.includes(tier) ? null : tier
}

function formatOf(format: unknown): Json | null {
  if (format == null) return null
  const type = isObject(format) ? format.type : null
  if (type === 'text') return null
  if (type === 'json_object') return { type }
  if (!isObject(format) || type !== 'json_schema') {
    throw invalid('response_format.type', 'The type must be one of: text, json_object, json_schema.')
  }
  const path = 'response_format.json_schema'
  const { json_schema: wanted } = format
  if (!isObject(wanted)) throw invalid(path, '"json_schema" must be an object with a "name" and a "schema".')
  const { name, schema } = wanted
  if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    throw invalid(`${path}.name`, 'The name must be 1 to 64 letters, digits, underscores or dashes.')
  }
  if (!isObject(schema)) throw invalid(`${path}.schema`, 'The schema must be a JSON schema object.')
  return given({ type, name, description: filled(wanted.description), schema, strict: wanted.strict === true })
}

function metadataOf(metadata: unknown): Record<string, string> | null {
  if (metadata == null) return null
  if (!isObject(metadata)) throw invalid('metadata', '"metadata" must be an object of texts.')
  const entries = Object.entries(metadata)
  if (entries.length > 16) throw invalid('metadata', '"metadata" may have up to 16 entries.')
  for (const [key, value] of entries) {
    if (key.length <= 64 && typeof value === 'string' && value.length <= 512) continue
    throw invalid(`metadata.${key}`, 'Keys may have up to 64 characters, and values are texts of up to 512.')
  }
  // Every value was just seen to be text.
  return metadata as Record<string, string>
}

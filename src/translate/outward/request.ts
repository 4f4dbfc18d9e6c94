import { count, filled, given, isObject, type Json } from '../json.ts'
import { outwardMessages } from './messages.ts'
import { refused } from './refuse.ts'
import { outwardTools } from './tools.ts'

/** A response request as one for a streamed chat completion. */
export type OutwardChat = { request: Json; customTools: ReadonlySet<string> }

/** What nothing but our upstream could make of a request. */
const unknownToChat = ['previous_response_id', 'conversation', 'prompt'] as const

const efforts: Record<string, string> = {
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
}

/**
 * Translates what both protocols have: text, images, files, functions, tools that take text, formats, the effort. Reasoning
 * and hosted tools are left out. @throws AppError naming what has no counterpart
 */
export function responsesToChat(body: Json): OutwardChat {
  for (const name of unknownToChat) if (body[name] != null) throw refused(name, `"${name}"`)
  const { fields, customTools } = outwardTools(body)
  const effort = isObject(body.reasoning) ? filled(body.reasoning.effort) : null
  const request = {
    model: body.model,
    messages: outwardMessages(body),
    ...fields,
    ...given({
      response_format: formatOf(body.text),
      reasoning_effort: effort === null ? null : efforts[effort],
      max_completion_tokens: count(body.max_output_tokens),
      temperature: body.temperature,
      top_p: body.top_p,
    }),
    stream: true,
    stream_options: { include_usage: true },
  }
  return { request, customTools }
}

function formatOf(text: unknown): Json | null {
  const format = isObject(text) ? text.format : null
  if (!isObject(format) || format.type === 'text') return null
  if (format.type === 'json_object') return { type: 'json_object' }
  if (format.type !== 'json_schema') throw refused('text.format', `the format "${String(format.type)}"`)
  const { name, schema, strict, description } = format
  return { type: 'json_schema', json_schema: given({ name: name ?? 'answer', schema, strict, description }) }
}

import { isObject, type Json } from '../json.ts'
import { refuse } from './refuse.ts'
import { isStrictSchema } from './strict-schema.ts'

/** The shape that the answer's text must have, or null. Beta clients name the field `output_format`. @throws AppError */
export function formatOf(body: Json): Json | null {
  const { output_config: config } = body
  const format = (isObject(config) ? config.format : null) ?? body.output_format ?? null
  if (format === null) return null
  const path = 'output_config.format'
  if (!isObject(format) || format.type !== 'json_schema') throw refuse(`${path}.type`, "Input should be 'json_schema'")
  if (!isObject(format.schema)) throw refuse(`${path}.schema`, 'Field required')
  return { type: 'json_schema', name: 'output', schema: format.schema, strict: isStrictSchema(format.schema) }
}

import { isObject } from '../json.ts'

/**
 * Whether the upstream would take a schema in its strict form: there every object is closed and all its properties are
 * required, while the Messages API lets properties be optional. A schema that is not strict still guides the model.
 */
export function isStrictSchema(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(isStrictSchema)
  if (!isObject(schema)) return true
  const { properties, required } = schema
  if (schema.type === 'object' || properties !== undefined) {
    if (schema.additionalProperties !== false || !isObject(properties)) return false
    if (!Array.isArray(required) || !Object.keys(properties).every((name) => required.includes(name))) return false
    if (!Object.values(properties).every(isStrictSchema)) return false
  }
  const { properties: _checked, ...rest } = schema
  return Object.values(rest).every(isStrictSchema)
}

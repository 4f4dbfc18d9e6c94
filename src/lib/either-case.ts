import { z } from 'zod'

type Schema = z.core.$ZodType
type Fields = Record<string, unknown>

/**
 * The same value with each field that a schema names in camelCase under that name, where it came in snake_case. Names
 * that are values themselves (the keys of a record) stay as they are, and a field given both ways is left alone.
 */
export function inCamelCase(schema: Schema, value: unknown): unknown {
  const inner = unwrapped(schema)
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    return value.map((item) => inCamelCase(inner.element, item))
  }
  if (inner instanceof z.ZodUnion) {
    return inner.options.reduce<unknown>((given, option) => inCamelCase(option, given), value)
  }
  if (!(inner instanceof z.ZodObject) || typeof value !== 'object' || value === null || Array.isArray(value)) {
    return value
  }
  const given = value as Fields
  const shape: Record<string, Schema> = inner.shape
  const renamed: Fields = {}
  for (const [name, field] of Object.entries(given)) {
    const camel = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
    const known = !Object.hasOwn(shape, name) && Object.hasOwn(shape, camel) && !Object.hasOwn(given, camel)
    const target = known ? camel : name
    const own = Object.hasOwn(shape, target) ? shape[target] : undefined
    renamed[target] = own === undefined ? field : inCamelCase(own, field)
  }
  return renamed
}

/** What is optional, nullable, has a default or is checked further is still the same fields. */
function unwrapped(schema: Schema): Schema {
  if (schema instanceof z.ZodPipe) return unwrapped(schema.in instanceof z.ZodTransform ? schema.out : schema.in)
  const wrapped =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly ||
    schema instanceof z.ZodCatch
  return wrapped ? unwrapped(schema.unwrap()) : schema
}

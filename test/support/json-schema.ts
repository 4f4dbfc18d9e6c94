import fc from 'fast-check'

/** A JSON schema as OpenAPI documents carry it. */
export type JsonSchema = {
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  allOf?: JsonSchema[]
  properties?: Record<string, JsonSchema>
  required?: string[]
  additionalProperties?: boolean | JsonSchema
  items?: JsonSchema
  format?: string
  minimum?: number
  maximum?: number
  maxItems?: number
  minItems?: number
}

/** Texts that have broken something somewhere. */
const rudeTexts = [
  '',
  ' ',
  '\0',
  '\ud800',
  '😀',
  '../..',
  "' or 1=1 --",
  '%',
  '_',
  '{}',
  'null',
  '__proto__',
  'a'.repeat(5_000),
]
const rudeText = fc.oneof(fc.constantFrom(...rudeTexts), fc.string())
const rudeNumber = fc.oneof(fc.constantFrom(0, -1, 1, 1.5, 1e15, -1e15, 2 ** 31, 2 ** 53), fc.integer())

/** Anything that JSON can say. */
export const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: fc.oneof(rudeText, rudeNumber, fc.boolean(), fc.constant(null)) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
)

/** Values that mostly fit the schema, down to where it says what a text looks like. */
export function fitting(schema: JsonSchema, depth = 0): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return fc.oneof(...choices.map((one) => fitting(one, depth)))
  if (schema.allOf)
    return fc.tuple(...schema.allOf.map((one) => fitting(one, depth))).map((all) => Object.assign({}, ...all))
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  switch (type) {
    case 'string':
      return textOf(schema)
    case 'integer':
      return fc.integer({
        min: Math.ceil(schema.minimum ?? -10),
        max: Math.floor(Math.min(schema.maximum ?? 1_000, 1e9)),
      })
    case 'number':
      return fc.double({ min: schema.minimum ?? -10, max: schema.maximum ?? 1_000, noNaN: true })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(fitting(schema.items ?? {}, depth + 1), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.max(schema.minItems ?? 0, Math.min(schema.maxItems ?? 3, 3)),
      })
    case 'object':
      return objectOf(schema, depth)
    default:
      return anyJson
  }
}

function textOf({ format }: JsonSchema): fc.Arbitrary<string> {
  if (format === 'date-time')
    return fc.constantFrom('2026-01-31T12:00:00Z', '1970-01-01T00:00:00.000Z', '2026-03-29T02:30:00+02:00', 'yesterday')
  if (format === 'date') return fc.constantFrom('2026-01-31', '2026-13-01')
  const plain = fc.constantFrom(
    'a',
    'name',
    'gpt-5.5',
    '10.0.0.0/8',
    'http://127.0.0.1:1/',
    'UTC',
    '12:00',
    'x@example.com',
  )
  return fc.oneof(plain, rudeText)
}

function objectOf(
  { properties = {}, required = [], additionalProperties }: JsonSchema,
  depth: number,
): fc.Arbitrary<unknown> {
  const fields = Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, fitting(one, depth + 1)]))
  const named = fc.record(fields, { requiredKeys: required.filter((name) => Object.hasOwn(fields, name)) })
  if (typeof additionalProperties !== 'object' || depth > 3) return named
  const more = fc.dictionary(
    rudeText.map((text) => text.slice(0, 20)),
    fitting(additionalProperties, depth + 1),
    { maxKeys: 2 },
  )
  return fc.tuple(more, named).map(([others, own]) => ({ ...others, ...own }))
}

/** Values of the schema with one place, somewhere, put to something else. */
export function spoilt(schema: JsonSchema): fc.Arbitrary<unknown> {
  return fc.tuple(fitting(schema), anyJson, fc.nat()).map(([value, other, seed]) => replaced(value, other, seed))
}

function replaced(value: unknown, other: unknown, seed: number): unknown {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0 || seed % 5 === 0) return other
  const keys = Object.keys(value)
  const key = keys[seed % keys.length] ?? ''
  const inside = replaced((value as Record<string, unknown>)[key], other, Math.floor(seed / 5))
  return Array.isArray(value) ? value.with(Number(key), inside) : { ...value, [key]: inside }
}

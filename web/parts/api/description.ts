/** As much of an OpenAPI document as the page shows. */
export type Description = { info: { version: string }; paths: Record<string, Record<string, DescribedOperation>> }

type DescribedOperation = {
  summary: string
  'x-access': string
  parameters?: { name: string; in: 'path' | 'query'; required: boolean; schema: Schema }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}

type Schema = {
  $ref?: string
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  items?: Schema
}

export type Operation = {
  id: string
  method: string
  path: string
  summary: string
  access: string
  parameters: { name: string; place: 'path' | 'query'; isRequired: boolean; type: string }[]
  /** What is sent, and what comes back, in the notation of TypeScript; null: nothing. */
  body: string | null
  answer: string | null
  status: string
}

/** Every operation, in groups by what it is about: the first word of its path. */
export function groupsOf({ paths }: Description): { name: string; operations: Operation[] }[] {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => operationOf(method.toUpperCase(), path, one)),
  )
  const groups = Map.groupBy(operations, ({ path }) => path.split('/')[2] ?? path)
  return [...groups]
    .map(([name, list]) => ({ name, operations: list.toSorted((a, b) => a.path.localeCompare(b.path)) }))
    .toSorted((a, b) => a.name.localeCompare(b.name))
}

function operationOf(method: string, path: string, one: DescribedOperation): Operation {
  const [status = '200', answer] = Object.entries(one.responses).find(([code]) => code !== 'default') ?? []
  return {
    ...{ id: `${method} ${path}`, method, path, summary: one.summary, access: one['x-access'], status },
    parameters: (one.parameters ?? []).map(({ name, in: place, required, schema }) => ({
      ...{ name, place, isRequired: required },
      type: typeOf(schema, 0),
    })),
    body: typeOfContent(one.requestBody?.content),
    answer: typeOfContent(answer?.content),
  }
}

function typeOfContent(content: Record<string, { schema: Schema }> | undefined): string | null {
  const [found] = Object.entries(content ?? {})
  if (found === undefined) return null
  const [type, { schema }] = found
  const text = typeOf(schema, 0)
  return type === 'application/json' ? text : `${type}\n${text}`
}

function typeOf(schema: Schema, depth: number): string {
  const choices = schema.anyOf ?? schema.oneOf
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (choices) return [...new Set(choices.map((one) => typeOf(one, depth)))].join(' | ')
  if (schema.allOf) return schema.allOf.map((one) => typeOf(one, depth)).join(' & ')
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1) ?? 'unknown'
  if (Array.isArray(schema.type)) return schema.type.join(' | ')
  if (schema.type === 'array') return listOf(typeOf(schema.items ?? {}, depth))
  if (schema.type === 'object') return objectOf(schema, depth)
  return schema.type === 'integer' ? 'number' : (schema.type ?? 'unknown')
}

function listOf(item: string): string {
  return item.includes(' | ') && !item.startsWith('{') ? `(${item})[]` : `${item}[]`
}

function objectOf({ properties = {}, required = [], additionalProperties }: Schema, depth: number): string {
  const inner = '  '.repeat(depth + 1)
  const fields = Object.entries(properties).map(
    ([name, one]) => `${inner}${name}${required.includes(name) ? '' : '?'}: ${typeOf(one, depth + 1)}`,
  )
  if (typeof additionalProperties === 'object')
    fields.push(`${inner}[name]: ${typeOf(additionalProperties, depth + 1)}`)
  return fields.length === 0 ? '{}' : `{\n${fields.join('\n')}\n${'  '.repeat(depth)}}`
}

import { createHmac, randomBytes } from 'node:crypto'
import type { z } from 'zod'
import { ruleOf } from '../contract/visibility.ts'

type Schema = z.core.$ZodType
type Fields = Record<string, unknown>
/** `owner` is the object that the value is a field of. */
type Look = (value: unknown, owner: Fields) => unknown

/** Turns an answer into what a viewer gets of it: what its schema names, and lets viewers see. */
export type ViewerView = (answer: unknown) => unknown

/** New with each start: a digest is no way to find out whether a guess was right. */
const digestKey = randomBytes(32)

export function viewerView(schema: unknown): ViewerView {
  // Routes hold their schemas untyped.
  const look = lookAt(schema as Schema)
  return (answer) => look(answer, {})
}

function lookAt(schema: Schema): Look {
  const rule = ruleOf(schema)
  if (rule !== null) return looks[rule]
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'object':
      return atFields(Object.entries(def.shape).map(([name, field]) => [name, lookAt(field)] as const))
    case 'array': {
      const item = lookAt(def.element)
      return (value, owner) => (Array.isArray(value) ? value.map((one) => item(one, owner)) : null)
    }
    case 'record': {
      const [name, field] = [lookAt(def.keyType), lookAt(def.valueType)]
      return (value, owner) => {
        const seen = Object.entries((value ?? {}) as Fields).filter(([key]) => name(key, owner) === key)
        return Object.fromEntries(seen.map(([key, one]) => [key, field(one, owner)]))
      }
    }
    case 'union': {
      const options = def.options.map((option) => [option as z.ZodType, lookAt(option)] as const)
      return (value, owner) => options.find(([option]) => option.safeParse(value).success)?.[1](value, owner) ?? null
    }
    case 'optional':
    case 'nullable':
    case 'default':
    case 'readonly': {
      const inner = lookAt(def.innerType)
      return (value, owner) => (value === null || value === undefined ? value : inner(value, owner))
    }
    case 'string':
      return isMoment(schema) ? looks.open : looks.hidden
    default:
      return plain.has(def.type) ? looks.open : looks.hidden
  }
}

/** What cannot hold more than the schema has foreseen. */
const plain: ReadonlySet<string> = new Set([
  'number',
  'int',
  'boolean',
  'null',
  'undefined',
  'literal',
  'enum',
  'bigint',
])

function isMoment(schema: Schema): boolean {
  const { def } = schema._zod
  return 'format' in def && (def.format === 'datetime' || def.format === 'date')
}

const looks = {
  open: (value) => value,
  hidden: () => null,
  digest: (value) =>
    typeof value === 'string' ? createHmac('sha256', digestKey).update(value).digest('hex').slice(0, 16) : null,
  pseudonym: (_value, { accountId }) =>
    typeof accountId === 'string' ? `Account ${accountId.replace(/^acc_/, '').slice(0, 4)}` : 'Account',
} satisfies Record<string, Look>

function atFields(fields: readonly (readonly [string, Look])[]): Look {
  return (value) => {
    if (typeof value !== 'object' || value === null) return null
    const owner = value as Fields
    return Object.fromEntries(
      fields.flatMap(([name, look]) => (Object.hasOwn(owner, name) ? [[name, look(owner[name], owner)]] : [])),
    )
  }
}

/** Dotted names of what viewers do not get because nobody has said whether they may. */
export function undecidedIn(schema: unknown, path = ''): string[] {
  const here = schema as z.core.$ZodTypes
  if (ruleOf(here) !== null) return []
  const { def } = here._zod
  const within = (part: string) => (path === '' ? part : `${path}.${part}`)
  switch (def.type) {
    case 'object':
      return Object.entries(def.shape).flatMap(([name, field]) => undecidedIn(field, within(name)))
    case 'array':
      return undecidedIn(def.element, within('*'))
    case 'record':
      return [...undecidedIn(def.keyType, within('(name)')), ...undecidedIn(def.valueType, within('*'))]
    case 'union':
      return def.options.flatMap((option) => undecidedIn(option, path))
    case 'optional':
    case 'nullable':
    case 'default':
    case 'readonly':
      return undecidedIn(def.innerType, path)
    case 'string':
      return isMoment(here) ? [] : [path]
    default:
      return plain.has(def.type) ? [] : [path]
  }
}

/** The fields of a query that viewers may not ask by. */
export function adminFieldsOf(query: unknown): string[] {
  const { def } = (query as z.core.$ZodTypes | undefined)?._zod ?? {}
  if (def?.type !== 'object') return []
  return Object.entries(def.shape).flatMap(([name, field]) => (isHidden(field) ? [name] : []))
}

function isHidden(schema: Schema): boolean {
  if (ruleOf(schema) !== null) return ruleOf(schema) === 'hidden'
  const { def } = (schema as z.core.$ZodTypes)._zod
  if (def.type === 'optional' || def.type === 'nullable' || def.type === 'default') return isHidden(def.innerType)
  return false
}

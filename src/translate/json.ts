import { invalid } from '../errors.ts'

/** A parsed JSON object nobody vouches for yet. */
export type Json = Record<string, unknown>

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

/** Text with something in it. */
export function filled(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** A count such as of tokens: a whole number from 0, or null. */
export function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

/** The objects of a list, in order; nothing when it is no list. */
export function objectsOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** Null stands for "left out", as in every public API. @throws AppError */
export function booleanField(body: Json, name: string): boolean | null {
  const value = body[name] ?? null
  if (value === null || typeof value === 'boolean') return value
  throw invalid(name, `"${name}" must be true or false.`)
}

/** @throws AppError */
export function textField(body: Json, name: string): string | null {
  const value = body[name] ?? null
  if (value === null || typeof value === 'string') return value
  throw invalid(name, `"${name}" must be text.`)
}

/** One of a few words, or null when left out. `param` is the whole path where `name` alone does not say it. @throws AppError */
export function wordField(body: Json, name: string, words: readonly string[], param = name): string | null {
  const value = body[name] ?? null
  if (value === null) return null
  if (typeof value === 'string' && words.includes(value)) return value
  throw invalid(param, `"${name}" must be one of: ${words.join(', ')}.`)
}

/** The object without the fields that are null or undefined. */
export function given(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null))
}

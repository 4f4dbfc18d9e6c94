import type { AppError } from '../../errors.ts'
import { invalid } from '../../errors.ts'

/** A refusal in the words of the Messages API, which begin with the path of the field: `messages.0.content.1: …`. */
export function refuse(path: string, words: string): AppError {
  return invalid(path, `${path}: ${words}`)
}

/** A block or a setting whose `type` is none of those that are understood here. */
export function wrongTag(path: string, type: unknown, known: readonly string[]): AppError {
  if (type === undefined) return refuse(`${path}.type`, 'Field required')
  const expected = known.map((one) => `'${one}'`).join(', ')
  return refuse(path, `Input tag '${type}' found using 'type' does not match any of the expected tags: ${expected}`)
}

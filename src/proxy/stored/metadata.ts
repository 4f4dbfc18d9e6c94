import { AppError } from '../../errors.ts'
import { isObject } from '../../stored/items.ts'

const limits = { pairs: 16, name: 64, value: 512 }

/** What a client wants to be remembered with an object. @throws AppError */
export function metadataOf(value: unknown): Record<string, string> {
  const pairs = Object.entries(isObject(value) ? value : {})
  const { pairs: most, name: longestName, value: longestValue } = limits
  const isSound = pairs.every(
    ([name, one]) => typeof one === 'string' && name.length <= longestName && one.length <= longestValue,
  )
  if ((value != null && !isObject(value)) || !isSound || pairs.length > most) {
    const message = `"metadata" is an object of at most ${most} texts, of at most ${longestValue} characters, with names of at most ${longestName}.`
    throw new AppError('invalid_request', { message, param: 'metadata' })
  }
  return Object.fromEntries(pairs.map(([name, one]) => [name, String(one)]))
}

import { z } from 'zod'

/** A moment: ISO 8601, UTC, with milliseconds. */
export const moment = z.iso.datetime()
export const percent = z.number().min(0).max(100)

/** A query parameter that may be given once or repeated. */
export function oneOrMore<T extends z.ZodType>(item: T) {
  return z.preprocess(
    (value) => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(item).max(50).optional(),
  )
}

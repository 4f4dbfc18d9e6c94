import { z } from 'zod'
import { open } from './visibility.ts'

/** A moment: ISO 8601, UTC, with milliseconds. */
export const moment = z.iso.datetime()
export const percent = z.number().min(0).max(100)

/** An id of ours: it says nothing of whom it stands for. */
export const id = open(z.string())
/** A word or a sentence of ours, or of the upstream's about models, plans and limits. Nothing personal is in it. */
export const word = open(z.string())

/** A query parameter that may be given once or repeated. */
export function oneOrMore<T extends z.ZodType>(item: T) {
  return z.preprocess(
    (value) => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(item).max(50).optional(),
  )
}

/** Whether a text is an address that this server may be asked to call. */
export function isHttpUrl(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
}
export const httpUrlWords = 'must be a URL that begins with http:// or https://, without a name or password in it.'

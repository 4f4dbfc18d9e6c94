import { type ZodError, z } from 'zod'

/** One wrong field: where it is, dotted (empty: the whole), and what is wrong with it. */
type FieldFault = { path: string; message: string }

/** What a schema found, one fault per field. A field that is not known is named, not the object that it stands in. */
export function fieldFaults({ issues }: ZodError): FieldFault[] {
  const faults = new Map<string, FieldFault>()
  for (const issue of issues) {
    const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path]
    for (const one of paths) {
      const path = one.join('.').slice(0, 200)
      if (!faults.has(path)) faults.set(path, { path, message: messageOf(issue) })
    }
  }
  return [...faults.values()]
}

/** The first fault as one sentence. */
export function faultSentence([first]: readonly FieldFault[]): string {
  if (first === undefined) return 'The request is not valid.'
  return `${first.path === '' ? 'The request' : first.path}: ${first.message}`
}

type Issue = z.core.$ZodIssue
type Bound = Extract<Issue, { code: 'too_big' | 'too_small' }>

/** The library's own words, to be known again. */
const { localeError: libraryWords } = z.locales.en()

/** For a person who looks at the field. A schema that says itself what it wants is not overruled. */
function messageOf(issue: Issue): string {
  // What came is no part of the issue; to the library it looks as if nothing did.
  const words = String(libraryWords(issue as z.core.$ZodRawIssue))
  if (issue.message === words) return issue.code === 'invalid_type' ? 'is missing.' : plainWords(issue)
  const isOfLibrary = issue.code === 'invalid_type' && issue.message.startsWith(words.replace(/undefined$/, ''))
  return isOfLibrary ? plainWords(issue) : issue.message
}

function plainWords(issue: Issue): string {
  switch (issue.code) {
    case 'too_big':
    case 'too_small':
      return boundWords(issue)
    case 'invalid_type':
      return `must be ${typeWords[issue.expected] ?? `of the type ${issue.expected}`}.`
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}.`
    case 'invalid_format':
      return formatWords[issue.format] ?? 'does not have the right form.'
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}.`
    case 'invalid_key': {
      const [first] = issue.issues
      return first === undefined ? 'has a name that is not valid.' : `The name ${messageOf(first)}`
    }
    case 'unrecognized_keys':
      return 'This field is not known.'
    default:
      return 'is not valid.'
  }
}

const typeWords: Record<string, string> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
}

const formatWords: Record<string, string> = {
  datetime: 'must be a time such as 2026-01-31T12:00:00Z.',
  date: 'must be a date such as 2026-01-31.',
  uuid: 'must be a UUID.',
  url: 'must be a URL.',
  email: 'must be an email address.',
}

const countedThings: Record<string, string> = { string: 'character', array: 'entry', set: 'entry', map: 'entry' }

function boundWords(issue: Bound): string {
  const isMost = issue.code === 'too_big'
  const bound = isMost ? issue.maximum : issue.minimum
  const thing = countedThings[issue.origin]
  if (thing === undefined) {
    const isIncluded = issue.inclusive ?? true
    if (isMost) return `must be ${isIncluded ? 'at most' : 'less than'} ${bound}.`
    return `must be ${isIncluded ? 'at least' : 'more than'} ${bound}.`
  }
  if (!isMost && Number(bound) === 1 && !issue.exact) return 'must not be empty.'
  const things = Number(bound) === 1 ? thing : thing === 'entry' ? 'entries' : `${thing}s`
  return `must have ${issue.exact ? 'exactly' : isMost ? 'at most' : 'at least'} ${bound} ${things}.`
}

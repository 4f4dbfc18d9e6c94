import type { ZodError } from 'zod'

/** One wrong field: where it is, dotted (empty: the whole), and what is wrong with it. */
type FieldFault = { path: string; message: string }

/** What a schema found, one fault per field. A field that is not known is named, not the object that it stands in. */
export function fieldFaults({ issues }: ZodError): FieldFault[] {
  const faults = new Map<string, FieldFault>()
  for (const issue of issues) {
    const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path]
    for (const one of paths) {
      const path = one.join('.').slice(0, 200)
      const message = issue.code === 'unrecognized_keys' ? 'This field is not known.' : issue.message
      if (!faults.has(path)) faults.set(path, { path, message })
    }
  }
  return [...faults.values()]
}

/** The first fault as one sentence. */
export function faultSentence([first]: readonly FieldFault[]): string {
  if (first === undefined) return 'The request is not valid.'
  return `${first.path === '' ? 'The request' : first.path}: ${first.message}`
}

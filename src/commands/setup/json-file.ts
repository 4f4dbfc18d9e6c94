import { applyEdits, type JSONPath, modify, type ParseError, parse, printParseErrorCode } from 'jsonc-parser'
import { UnreadableFile } from './client-file.ts'

/** The value of a JSON text that may hold comments and trailing commas. @throws UnreadableFile */
export function readJson(text: string): Record<string, unknown> {
  const errors: ParseError[] = []
  const value: unknown = text.trim() === '' ? {} : parse(text, errors, { allowTrailingComma: true })
  const [first] = errors
  if (first !== undefined) {
    const line = text.slice(0, first.offset).split('\n').length
    throw new UnreadableFile(`it is no valid JSON: ${printParseErrorCode(first.error)} in line ${line}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UnreadableFile('it holds no JSON object')
  }
  return value as Record<string, unknown>
}

/** The text with one value set, or taken out when it is undefined; what stands around it stays. @throws UnreadableFile */
export function withValue(text: string, path: JSONPath, value: unknown): string {
  readJson(text)
  const base = text.trim() === '' ? '{}\n' : text
  const formattingOptions = { insertSpaces: !/^\t/m.test(base), tabSize: /^ {4}\S/m.test(base) ? 4 : 2, eol: '\n' }
  return applyEdits(base, modify(base, path, value, { formattingOptions }))
}

export function valueAt(fields: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined) return fields
  if (typeof fields !== 'object' || fields === null || !Object.hasOwn(fields, name)) return undefined
  return valueAt((fields as Record<string, unknown>)[name], rest)
}

/**
 * Takes values out and puts back what `before` had in their places; an object that is empty then goes as well, where
 * there was none.
 */
export function restored(text: string, before: string, paths: readonly (readonly string[])[]): string {
  const old = readJson(before)
  let next = text
  for (const path of paths) {
    if (valueAt(readJson(next), path) === undefined) continue
    next = withValue(next, [...path], valueAt(old, path))
    for (let parent = path.slice(0, -1); parent.length > 0; parent = parent.slice(0, -1)) {
      const left = valueAt(readJson(next), parent)
      const isEmpty = typeof left === 'object' && left !== null && Object.keys(left).length === 0
      if (!isEmpty || valueAt(old, parent) !== undefined) break
      next = withValue(next, parent, undefined)
    }
  }
  return next
}

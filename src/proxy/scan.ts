/** Where a top-level value stands in the bytes: `from` inclusive, `to` exclusive. */
export type Span = { from: number; to: number }

/** Thrown for bytes that are no JSON object. `at` is the offset in bytes. */
export class ScanError extends Error {
  readonly at: number
  constructor(what: string, at: number) {
    super(`${what} at byte ${at}`)
    this.name = 'ScanError'
    this.at = at
  }
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const maxDepth = 512
/** No number that means something is longer. */
const maxLiteral = 1_024

/**
 * Find the wanted keys of a JSON object without building it: long texts are skipped by native search, nested values by
 * counting brackets. Checks the outer structure; what is inside a skipped value is checked by whoever reads it. As in
 * `JSON.parse` the last of several equal keys counts; `repeated` gets the wanted ones that are there more than once.
 * @throws ScanError
 */
export function scanObject(bytes: Buffer, wanted: ReadonlySet<string>, repeated?: Set<string>): Map<string, Span> {
  const found = new Map<string, Span>()
  let at = skipSpace(bytes, hasByteOrderMark(bytes) ? 3 : 0)
  if (bytes[at] !== openBrace) throw new ScanError('Expected an object', at)
  at = skipSpace(bytes, at + 1)
  if (bytes[at] === closeBrace) return finish(bytes, at, found)
  for (;;) {
    if (bytes[at] !== quote) throw new ScanError('Expected a key', at)
    const keyEnd = skipString(bytes, at)
    const key = keyOf(bytes, at, keyEnd)
    at = skipSpace(bytes, keyEnd)
    if (bytes[at] !== colon) throw new ScanError('Expected a colon', at)
    const from = skipSpace(bytes, at + 1)
    const to = skipValue(bytes, from)
    if (wanted.has(key)) {
      if (found.has(key)) repeated?.add(key)
      found.set(key, { from, to })
    }
    at = skipSpace(bytes, to)
    if (bytes[at] === closeBrace) return finish(bytes, at, found)
    if (bytes[at] !== comma) throw new ScanError('Expected a comma or the end of the object', at)
    at = skipSpace(bytes, at + 1)
  }
}

function finish(bytes: Buffer, at: number, found: Map<string, Span>): Map<string, Span> {
  const end = skipSpace(bytes, at + 1)
  if (end !== bytes.length) throw new ScanError('Unexpected text after the object', end)
  return found
}

function keyOf(bytes: Buffer, from: number, to: number): string {
  const plain = bytes.toString('utf8', from + 1, to - 1)
  if (!plain.includes('\\')) return plain
  try {
    return JSON.parse(bytes.toString('utf8', from, to))
  } catch {
    throw new ScanError('Broken escape in a key', from)
  }
}

function skipSpace(bytes: Buffer, at: number): number {
  for (;;) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    at++
  }
}

/** From an opening quote to behind the closing one. */
function skipString(bytes: Buffer, at: number): number {
  let from = at + 1
  for (;;) {
    const end = bytes.indexOf(quote, from)
    if (end === -1) throw new ScanError('Unterminated text', at)
    let slashes = 0
    while (bytes[end - 1 - slashes] === backslash) slashes++
    if (slashes % 2 === 0) return end + 1
    from = end + 1
  }
}

function skipValue(bytes: Buffer, at: number): number {
  const first = bytes[at]
  if (first === quote) return skipString(bytes, at)
  if (first === openBrace || first === openBracket) return skipNested(bytes, at)
  const start = at
  for (; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === comma || byte === closeBrace || byte === closeBracket || byte === undefined || byte <= 0x20) break
  }
  const literal = at - start > maxLiteral ? '' : bytes.toString('latin1', start, at)
  if (!/^(true|false|null|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?)$/.test(literal))
    throw new ScanError('Unexpected value', start)
  return at
}

function skipNested(bytes: Buffer, start: number): number {
  const open: number[] = []
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === quote) at = skipString(bytes, at) - 1
    else if (byte === openBrace) open.push(closeBrace)
    else if (byte === openBracket) open.push(closeBracket)
    else if (byte === closeBrace || byte === closeBracket) {
      if (open.pop() !== byte) throw new ScanError('Mismatched bracket', at)
      if (open.length === 0) return at + 1
    }
    if (open.length > maxDepth) throw new ScanError('Too deeply nested', at)
  }
  throw new ScanError('Unterminated value', start)
}

function hasByteOrderMark(bytes: Buffer): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
}

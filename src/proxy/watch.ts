/** Events that end a response. */
const terminal = new Set(['response.completed', 'response.incomplete', 'response.failed', 'error'])
const rateLimits = 'codex.rate_limits'
/** An event's first bytes, enough for any name that matters. */
const nameBytes = 120
const newline = 0x0a
const carriageReturn = 0x0d

/** What is said in passing. */
export type WatchListener = {
  /** The first event that carries output. */
  firstOutput(): void
  rateLimits(event: unknown): void
}

/** Follows a stream of server-sent events as bytes, without decoding it. */
export type Watch = {
  push(chunk: Buffer): void
  /** True between two events: only here may something of ours be put in. */
  atBoundary(): boolean
  /** True as soon as the event that ends the response is complete. */
  sawTerminal(): boolean
  /** That event, parsed; null when none was seen, or it was cut. */
  terminal(): { type: string; data: unknown } | null
  /** How many events have come whole. */
  events(): number
}

/**
 * Reads the first line of each event, skips the rest by native search, and keeps only the bytes of the few events that
 * matter. A chunk may cut an event anywhere. Lines end in LF or in CRLF.
 */
export function watchStream(listener: WatchListener): Watch {
  let name: string | null = null
  let opening = ''
  const end = createEndFinder()
  let kept: Buffer[] | null = []
  let inEvent = false
  let sawOutput = false
  let events = 0
  let ended: { type: string; bytes: Buffer[] } | null = null

  const look = (part: Buffer, isWhole: boolean): void => {
    opening += part.toString('latin1', 0, nameBytes - opening.length)
    const lineEnd = opening.indexOf('\n')
    if (lineEnd === -1 && opening.length < nameBytes && !isWhole) return
    name = nameOf(lineEnd === -1 ? opening : opening.slice(0, lineEnd))
    if (name !== rateLimits && !terminal.has(name)) kept = null
    if (sawOutput || !name.endsWith('.delta')) return
    sawOutput = true
    listener.firstOutput()
  }
  const finish = (): void => {
    events++
    if (kept !== null && name === rateLimits) {
      const event = dataOf(kept)
      if (event !== null) listener.rateLimits(event)
    } else if (kept !== null && name !== null) ended ??= { type: name, bytes: kept }
    name = null
    opening = ''
    kept = []
    inEvent = false
  }

  return {
    push(chunk) {
      let at = 0
      while (at < chunk.length) {
        if (!inEvent && (chunk[at] === newline || chunk[at] === carriageReturn)) {
          at++
          continue
        }
        if (!inEvent && sawOutput && saysNothing(chunk, at)) {
          name = ''
          kept = null
        }
        inEvent = true
        const to = end.find(chunk, at)
        if (name === null || kept !== null) {
          const part = chunk.subarray(at, to ?? chunk.length)
          if (name === null) look(part, to !== null)
          kept?.push(part)
        }
        if (to === null) return
        finish()
        at = to
      }
    },
    atBoundary: () => !inEvent,
    sawTerminal: () => ended !== null,
    events: () => events,
    terminal() {
      // The last event of a stream may lack its blank line, or even the end of its only line.
      const type = name ?? nameOf(opening)
      const cut = kept !== null && terminal.has(type) ? { type, bytes: kept } : null
      const found = ended ?? cut
      const data = found && dataOf(found.bytes)
      return found && data !== null ? { type: found.type, data } : null
    },
  }
}

/** Finds where an event ends: behind its first empty line, which chunks may cut anywhere. */
function createEndFinder() {
  /** What the last chunk ended with: the end of a line, perhaps with the first half of an empty line after it. */
  let before: 'line end' | 'line end and CR' | null = null

  /** The event's end that began in an earlier chunk. */
  const onSeam = (chunk: Buffer, from: number): number | null => {
    const isHalf = before === 'line end' && chunk[from] === carriageReturn
    if (isHalf && chunk.length === from + 1) {
      before = 'line end and CR'
      return null
    }
    if (before !== null && chunk[isHalf ? from + 1 : from] === newline) return isHalf ? from + 2 : from + 1
    before = null
    return null
  }
  return {
    /** Null: not in this chunk. */
    find(chunk: Buffer, from: number): number | null {
      const found = onSeam(chunk, from)
      if (found !== null || before === 'line end and CR') {
        if (found !== null) before = null
        return found
      }
      for (let at = chunk.indexOf(newline, from); at !== -1; at = chunk.indexOf(newline, at + 1)) {
        const next = chunk[at + 1]
        if (next === newline) return at + 2
        if (next === carriageReturn && chunk[at + 2] === newline) return at + 3
        if (at + 1 === chunk.length) before = 'line end'
        else if (next === carriageReturn && at + 2 === chunk.length) before = 'line end and CR'
      }
      return null
    },
  }
}

const plainStart = Buffer.from('event: response.')
/** How the names go on that matter when the first output was seen. */
const telling = ['com', 'inc', 'fai'].map((letters) => Buffer.from(letters))

/** True for nearly all events of a stream, told by their first bytes: those that neither end it nor speak of limits. */
function saysNothing(chunk: Buffer, from: number): boolean {
  const to = from + plainStart.length
  return to + 3 <= chunk.length && standsAt(plainStart, chunk, from) && !telling.some((one) => standsAt(one, chunk, to))
}

/** Compares so few bytes that a call out of JavaScript would cost more. */
function standsAt(text: Buffer, chunk: Buffer, from: number): boolean {
  for (let at = 0; at < text.length; at++) if (chunk[from + at] !== text[at]) return false
  return true
}

const named = /^event:\s*(\S+)/
const typed = /^data:\s*\{\s*"type"\s*:\s*"([^"\\]+)"/

function nameOf(line: string): string {
  return (named.exec(line) ?? typed.exec(line))?.[1] ?? ''
}

function dataOf(bytes: Buffer[]): unknown {
  const lines = Buffer.concat(bytes).toString('utf8').split('\n')
  const data = lines.flatMap((line) => (line.startsWith('data:') ? [line.slice(5)] : []))
  try {
    return JSON.parse(data.join('\n'))
  } catch {
    // Cut in the middle, or not JSON: as good as no event.
    return null
  }
}

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
}

/**
 * Reads the first line of each event, skips the rest by native search, and keeps only the bytes of the few events that
 * matter. A chunk may cut an event anywhere. Lines end in LF or in CRLF, the same through the whole stream.
 */
export function watchStream(listener: WatchListener): Watch {
  let blank: string | null = null
  let name: string | null = null
  let opening = ''
  /** The last bytes of the current event in earlier chunks, where its end may have begun. */
  let tail = ''
  let kept: Buffer[] | null = []
  let inEvent = false
  let sawOutput = false
  let ended: { type: string; bytes: Buffer[] } | null = null

  const endOfEvent = (chunk: Buffer, from: number): number => {
    blank ??= blankLineOf(chunk, from, tail)
    if (blank === null) return -1
    const seam = tail === '' ? '' : tail + chunk.toString('latin1', from, from + blank.length - 1)
    const onSeam = seam.indexOf(blank)
    if (onSeam !== -1) return from + onSeam + blank.length - tail.length
    const at = chunk.indexOf(blank, from, 'latin1')
    return at === -1 ? -1 : at + blank.length
  }
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
    if (kept !== null && name === rateLimits) {
      const event = dataOf(kept)
      if (event !== null) listener.rateLimits(event)
    } else if (kept !== null && name !== null) ended ??= { type: name, bytes: kept }
    name = null
    opening = ''
    tail = ''
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
        inEvent = true
        const end = endOfEvent(chunk, at)
        const part = end === -1 ? chunk.subarray(at) : chunk.subarray(at, end)
        if (name === null) look(part, end !== -1)
        kept?.push(part)
        if (end === -1) {
          tail = (tail + part.toString('latin1', Math.max(0, part.length - 3))).slice(-3)
          return
        }
        finish()
        at = end
      }
    },
    atBoundary: () => !inEvent,
    sawTerminal: () => ended !== null,
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

/** The stream's blank line, told by its first line end; null while none was seen. */
function blankLineOf(chunk: Buffer, from: number, tail: string): string | null {
  const at = chunk.indexOf(newline, from)
  if (at === -1) return null
  const before = at > from ? chunk[at - 1] : tail.charCodeAt(tail.length - 1)
  return before === carriageReturn ? '\r\n\r\n' : '\n\n'
}

const named = /^event:\s*(\S+)/
const typed = /^data:\s*\{\s*"type"\s*:\s*"([^"\\]+)"/

function nameOf(line: string): string {
  return (named.exec(line) ?? typed.exec(line))?.[1] ?? ''
}

function dataOf(bytes: Buffer[]): unknown {
  const lines = Buffer.concat(bytes).toString('utf8').split(/\r?\n/)
  const data = lines.flatMap((line) => (line.startsWith('data:') ? [line.slice(5)] : []))
  try {
    return JSON.parse(data.join('\n'))
  } catch {
    // Cut in the middle, or not JSON: as good as no event.
    return null
  }
}

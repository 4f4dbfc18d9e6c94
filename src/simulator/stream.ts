import type { ServerResponse } from 'node:http'
import { type Clock, pause } from '../lib/clock.ts'

/** One thing that happens on a stream. An event's `fields` are the inside of its JSON object, without type and number. */
export type Step =
  | { kind: 'event'; type: string; fields: string }
  | { kind: 'raw'; text: string }
  | { kind: 'silence'; ms: number | null }
  | { kind: 'cut' }

/** How events are written down: the ordinary way, with CRLF line ends, or without `event:` lines. */
export type SseFormat = 'plain' | 'crlf' | 'data_only'

export type StreamOutcome = 'finished' | 'client_gone' | 'cut'

const writeAtBytes = 65_536

export function event(type: string, fields: object): Step {
  return { kind: 'event', type, fields: JSON.stringify(fields).slice(1, -1) }
}

/** The last moment before output: created and in progress, nothing more. */
function isPrologue(step: Step): boolean {
  return step.kind === 'event' && (step.type === 'response.created' || step.type === 'response.in_progress')
}

function isDelta(step: Step): boolean {
  return step.kind === 'event' && step.type.endsWith('.delta')
}

/** Splits behind the prologue. */
export function splitBeforeOutput(steps: Step[]): [Step[], Step[]] {
  const at = steps.findLastIndex(isPrologue) + 1
  return [steps.slice(0, at), steps.slice(at)]
}

/** Splits behind the third delta, or behind the last when there are fewer. */
export function splitAfterOutput(steps: Step[]): [Step[], Step[]] {
  let seen = 0
  let at = splitBeforeOutput(steps)[0].length
  for (const [index, step] of steps.entries()) {
    if (isDelta(step) && seen < 3) {
      seen++
      at = index + 1
    }
  }
  return [steps.slice(0, at), steps.slice(at)]
}

function writeDown(step: Step, sequence: number, format: SseFormat): string {
  if (step.kind === 'raw') return step.text
  if (step.kind !== 'event') return ''
  const eol = format === 'crlf' ? '\r\n' : '\n'
  const name = format === 'data_only' ? '' : `event: ${step.type}${eol}`
  const fields = step.fields === '' ? '' : `,${step.fields}`
  return `${name}data: {"type":"${step.type}","sequence_number":${sequence}${fields}}${eol}${eol}`
}

/**
 * Writes the steps after the head was written, waiting `delayMs` before each delta. Without waits it writes as much
 * as it can at once. Stops as soon as the client is gone.
 */
export async function writeStream(
  response: ServerResponse,
  steps: Step[],
  options: { format: SseFormat; delayMs: number; clock: Clock },
): Promise<StreamOutcome> {
  const gone = new AbortController()
  const onClose = () => gone.abort()
  response.once('close', onClose)
  let held = ''
  const flush = async () => {
    if (gone.signal.aborted) throw gone.signal.reason
    const text = held
    held = ''
    if (text !== '' && !response.write(text)) await drained(response, gone.signal)
  }
  try {
    let sequence = 0
    for (const step of steps) {
      const waitMs = step.kind === 'silence' ? step.ms : options.delayMs > 0 && isDelta(step) ? options.delayMs : 0
      if (waitMs !== 0) {
        await flush()
        await (waitMs === null ? forever(gone.signal) : pause(options.clock, waitMs, gone.signal))
      }
      if (step.kind === 'cut') {
        // The bytes must leave before the socket dies, or the client would see another fault than the one asked for.
        response.write(held || ': \n', () => response.socket?.destroy())
        return 'cut'
      }
      held += writeDown(step, sequence, options.format)
      if (step.kind === 'event') sequence++
      if (held.length >= writeAtBytes) await flush()
    }
    if (gone.signal.aborted) return 'client_gone'
    response.end(held)
    return 'finished'
  } catch (thrown) {
    if (gone.signal.aborted) return 'client_gone'
    throw thrown
  } finally {
    response.removeListener('close', onClose)
  }
}

function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      response.removeListener('drain', onDrain)
      reject(signal.reason)
    }
    const onDrain = () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }
    response.once('drain', onDrain)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

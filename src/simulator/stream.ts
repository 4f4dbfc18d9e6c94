import type { ServerResponse } from 'node:http'
import { type Clock, pause } from '../lib/clock.ts'

/** One thing that happens on a stream. An event's `fields` are the inside of its JSON object, without type and number. */
export type Step =
  | { kind: 'event'; type: string; fields: string }
  /** An event of this name whose data is no JSON. */
  | { kind: 'raw'; type: string; data: string }
  | { kind: 'silence'; ms: number | null }
  | { kind: 'cut' }
  /** A socket is closed in good order; an HTTP answer ends here. */
  | { kind: 'close'; code: number; reason: string }

/** A step that puts something on the wire. */
type Written = Extract<Step, { kind: 'event' | 'raw' }>

/** How events are written down: the ordinary way, with CRLF line ends, or without `event:` lines. */
export type SseFormat = 'plain' | 'crlf' | 'data_only'

export type StreamOutcome = 'finished' | 'client_gone' | 'cut'

const writeAtBytes = 65_536
const lastTypes: readonly string[] = ['response.completed', 'response.failed', 'response.incomplete', 'error']

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

/** The JSON of an event, the same in both transports. */
export function dataOf(step: Written, sequence: number): string {
  if (step.kind === 'raw') return step.data
  const fields = step.fields === '' ? '' : `,${step.fields}`
  return `{"type":"${step.type}","sequence_number":${sequence}${fields}}`
}

/** Whether the answer came to its good end. */
export function isServed(steps: Step[]): boolean {
  return steps.some((step) => step.kind === 'event' && step.type === 'response.completed')
}

/** Where the steps of an answer go. */
export type Outlet = {
  /** Aborted when nobody is there any more to read. */
  gone: AbortSignal
  write(step: Written, sequence: number): void
  /** Whether so much is held that it should leave. */
  isFull(): boolean
  /** Sends what is held and waits for room. Rejects when the reader is gone. */
  flush(): Promise<void>
  /** Sends what is held and destroys the connection. */
  cut(): void
  /** `isOver`: an event came that ends the turn. `close`: what a scripted close says. */
  end(isOver: boolean, close: { code: number; reason: string } | null): void
}

/**
 * Takes the steps one by one, waiting `delayMs` before each delta. Without waits it writes as much as it can at once.
 * Stops as soon as the reader is gone.
 */
export async function play(
  steps: Step[],
  outlet: Outlet,
  { delayMs, clock }: { delayMs: number; clock: Clock },
): Promise<StreamOutcome> {
  const { gone } = outlet
  let sequence = 0
  let isOver = false
  try {
    for (const step of steps) {
      const waitMs = step.kind === 'silence' ? step.ms : delayMs > 0 && isDelta(step) ? delayMs : 0
      if (waitMs !== 0) {
        await outlet.flush()
        await (waitMs === null ? forever(gone) : pause(clock, waitMs, gone))
      }
      if (step.kind === 'silence') continue
      if (step.kind === 'cut') {
        outlet.cut()
        return 'cut'
      }
      if (step.kind === 'close') {
        outlet.end(isOver, step)
        return isOver ? 'finished' : 'cut'
      }
      outlet.write(step, sequence)
      if (step.kind === 'event') sequence++
      isOver ||= lastTypes.includes(step.type)
      if (outlet.isFull()) await outlet.flush()
    }
    if (gone.aborted) return 'client_gone'
    outlet.end(isOver, null)
    return 'finished'
  } catch (thrown) {
    if (gone.aborted) return 'client_gone'
    throw thrown
  }
}

/** Writes the steps as server-sent events, after the head was written. */
export async function writeStream(
  response: ServerResponse,
  steps: Step[],
  options: { format: SseFormat; delayMs: number; clock: Clock },
): Promise<StreamOutcome> {
  const gone = new AbortController()
  const onClose = () => gone.abort()
  response.once('close', onClose)
  try {
    return await play(steps, sseOutlet(response, options.format, gone.signal), options)
  } finally {
    response.removeListener('close', onClose)
  }
}

function sseOutlet(response: ServerResponse, format: SseFormat, gone: AbortSignal): Outlet {
  const eol = format === 'crlf' ? '\r\n' : '\n'
  let held = ''
  return {
    gone,
    write(step, sequence) {
      const name = format === 'data_only' ? '' : `event: ${step.type}${eol}`
      held += `${name}data: ${dataOf(step, sequence)}${eol}${eol}`
    },
    isFull: () => held.length >= writeAtBytes,
    async flush() {
      gone.throwIfAborted()
      const text = held
      held = ''
      if (text !== '' && !response.write(text)) await drained(response, gone)
    },
    // The bytes must leave before the socket dies, or the client would see another fault than the one asked for.
    cut: () => void response.write(held || ': \n', () => response.socket?.destroy()),
    end: () => void response.end(held),
  }
}

/** Never resolves; rejects when the reader is gone. */
export function forever(signal: AbortSignal): Promise<never> {
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

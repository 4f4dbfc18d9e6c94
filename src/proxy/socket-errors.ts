import { errorOfEvent } from '../upstream/upstream-error.ts'
import { type Failure, refusal } from './failure.ts'

type Json = Record<string, unknown>

/** An error in the form of the socket protocol, in which the status is compulsory (client notes, §8). */
export function errorFrame({ status, headers, body }: Pick<Failure, 'status' | 'headers' | 'body'>): string {
  const { 'content-type': _type, ...told } = headers
  return JSON.stringify({ type: 'error', status, error: errorOf(String(body)), headers: told })
}

const startsError = /^\s*\{\s*"type"\s*:\s*"error"/

/** Whether a frame that begins like this is an error. */
export function isErrorFrame(start: string): boolean {
  return startsError.test(start)
}

/**
 * An error event, of the upstream or of ours, as clients of a socket understand it: without a status Codex does not hear
 * it and waits for minutes. The upstream's headers speak of one account, and Codex shows some errors whole.
 */
export function translatedError(frame: string, nowMs: number): string {
  const event = parse(frame)
  if (event === null) return frame
  const failure = refusal(errorOfEvent(event, nowMs), null, nowMs)
  const error = isObject(event.error) ? event.error : errorOf(String(failure.body))
  const { status_code, error_type, code, message, param, ...rest } = event
  return JSON.stringify({ ...rest, status: failure.status, error, headers: retryAfterIn(event.headers) })
}

function retryAfterIn(headers: unknown): object {
  return isObject(headers) && headers['retry-after'] !== undefined ? { 'retry-after': headers['retry-after'] } : {}
}

function errorOf(body: string): unknown {
  const parsed = parse(body)
  if (parsed !== null) {
    if ('error' in parsed) return parsed.error
    if ('detail' in parsed) return { message: parsed.detail }
  }
  // A page of an edge: its text is all that there is to tell.
  return { message: body.slice(0, 1_000) }
}

/** Null for everything but an object. */
function parse(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

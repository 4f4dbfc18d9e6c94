import type { FastifyReply } from 'fastify'
import { AppError, openAiBody, retryHeaders } from '../errors.ts'
import type { Head } from '../upstream/opening.ts'
import type { UpstreamError } from '../upstream/upstream-error.ts'
import { UpstreamRefusal } from './refusal.ts'
import type { Turn } from './turn.ts'

/** What the client is told, ready to be sent. `code` is what the log keeps. */
export type Failure = {
  status: number
  code: string
  message: string
  headers: Record<string, string>
  body: string | Buffer
}

/** The answer for whatever ended the search for one. Null: a bug, which is not ours to explain. */
export function failureOf(error: unknown, turn: Turn, nowMs: number): Failure | null {
  if (error instanceof UpstreamRefusal) {
    const isNative = !turn.route.startsWith('/v1/')
    return refusal(error.fault.error, isNative ? error.head : null, nowMs)
  }
  if (error instanceof AppError) return failureOfAppError(error, nowMs)
  if (!turn.signal.aborted) return null
  const reason = turn.signal.reason instanceof Error ? turn.signal.reason.message : 'aborted'
  const told =
    reason === 'shutting_down'
      ? new AppError('shutting_down', { retryAfterSeconds: 5 })
      : new AppError('upstream_error')
  return { ...failureOfAppError(told, nowMs), code: reason }
}

/** The upstream's own refusal: on the native route as it came, elsewhere in the public envelope. */
export function refusal(error: UpstreamError, head: Head | null, nowMs: number): Failure {
  const { code, message } = error
  const status = statusFor(error, head)
  if (head !== null && head.status >= 400) {
    const type = String(head.headers['content-type'] ?? 'application/json')
    return {
      status,
      code,
      message,
      headers: { 'content-type': type, ...retryAfter(head) },
      body: Buffer.concat(head.opening),
    }
  }
  const type = status >= 500 ? 'server_error' : code === 'usage_limit_reached' ? code : 'invalid_request_error'
  const resets = error.resetsAtMs === null ? {} : resetFields(error.resetsAtMs, nowMs)
  const body = { error: { message, type, code, param: error.param, ...resets } }
  return { status, code, message, headers: json, body: JSON.stringify(body) }
}

/** What the log says of a bug; its client is told no more. */
export const unexplained = { status: 500, code: 'internal_error', message: 'Something went wrong on this server.' }

export function sendFailure(reply: FastifyReply, failure: Failure): unknown {
  if (reply.raw.destroyed) return reply.hijack()
  return reply.code(failure.status).headers(failure.headers).send(failure.body)
}

const json = { 'content-type': 'application/json; charset=utf-8' }

/** One of our own errors, in the public envelope. */
export function failureOfAppError(error: AppError, nowMs: number): Failure {
  const body = JSON.stringify(openAiBody(error, nowMs))
  return {
    status: error.status,
    code: error.code,
    message: error.message,
    headers: { ...json, ...retryHeaders(error) },
    body,
  }
}

/** Errors inside a 200 stream carry no status; their code says what it would have been. */
function statusFor(error: UpstreamError, head: Head | null): number {
  if (error.status !== null && error.status >= 400 && error.status < 600) return error.status
  if (head !== null && head.status >= 400) return head.status
  if (error.code === 'usage_limit_reached' || error.code === 'rate_limit_exceeded') return 429
  return /^(invalid_|context_length_exceeded|content_policy)/.test(error.code) ? 400 : 502
}

function retryAfter(head: Head): Record<string, string> {
  const value = head.headers['retry-after']
  return value === undefined ? {} : { 'retry-after': value }
}

function resetFields(resetsAtMs: number, nowMs: number) {
  return {
    resets_at: Math.ceil(resetsAtMs / 1000),
    resets_in_seconds: Math.max(0, Math.ceil((resetsAtMs - nowMs) / 1000)),
  }
}

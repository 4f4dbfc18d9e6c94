import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import { isNativeCodex } from '../../upstream/headers.ts'
import { affinityKeysOf } from '../ask.ts'
import { sendFailure, refusal as toldRefusal, unexplained } from '../failure.ts'
import { guestOf } from '../guest.ts'
import { holdCall } from '../key-limits.ts'
import { UpstreamRefusal } from '../refusal.ts'
import type { Pass, PassDeps, Told } from './call.ts'
import { recordPass } from './record-pass.ts'

export type PassRules = {
  /** As the log names it: without anything that a client has put into the path. */
  route: string
  /** Who calls by the private protocol gets an upstream's refusal as it came. */
  isNative: boolean
  /** Words of the upstream may repeat what must not be kept. */
  isSecret?: boolean
  /** It takes a request from the limits of its key. */
  counts?: boolean
  /** Where it is always the same. */
  model?: string
}

/** Serve one request beside the turns: do the work for it, answer, write down what happened. */
export async function servePass(
  request: FastifyRequest,
  reply: FastifyReply,
  rules: PassRules,
  deps: PassDeps,
  work: (pass: Pass) => Promise<Told>,
): Promise<unknown> {
  const ending = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) ending.abort(new Error('client_disconnected'))
  })
  const leave = deps.running.add(ending)
  const pass = passOf(request, rules.route, ending.signal, deps)
  pass.model = rules.model ?? null
  try {
    if (rules.counts) await reservePass(pass, rules, deps)
    const { status, headers, body } = await work(pass)
    recordPass(pass, { status: 'success', httpStatus: status, errorCode: null, errorMessage: null }, deps)
    return await reply.code(status).headers(headers).send(body)
  } catch (error) {
    return fail(reply, pass, rules, error, deps)
  } finally {
    leave()
  }
}

export function passOf(
  { headers, id: requestId, guest }: Pick<FastifyRequest, 'headers' | 'id' | 'guest'>,
  route: string,
  signal: AbortSignal,
  { clock }: Pick<PassDeps, 'clock'>,
): Pass {
  return {
    ...{
      requestId,
      route,
      headers,
      guest: guestOf({ guest }),
      signal,
      startedAtMs: clock.now(),
      affinityKeys: affinityKeysOf(headers, guest?.key?.id),
    },
    ...{ model: null, attempts: [], waitedMs: 0, decision: null, held: null },
  }
}

/** @throws AppError */
async function reservePass(pass: Pass, { isNative }: PassRules, deps: PassDeps): Promise<void> {
  const { guest, headers, model } = pass
  const holding = holdCall({ keyId: guest.key?.id ?? null, model, isCodex: isNative || isNativeCodex(headers) }, deps)
  if (holding === null) return
  pass.held = await holding
  // What is used must have been reserved for good.
  await pass.held?.written
}

function fail(reply: FastifyReply, pass: Pass, rules: PassRules, error: unknown, deps: PassDeps): unknown {
  const { signal } = pass
  const nowMs = deps.clock.now()
  if (signal.aborted && !(error instanceof UpstreamRefusal)) {
    const reason = signal.reason instanceof Error ? signal.reason.message : 'aborted'
    const isGone = reason === 'client_disconnected'
    const told = new AppError('shutting_down', { retryAfterSeconds: 5 })
    const status = isGone ? 'cancelled' : 'error'
    recordPass(pass, { status, httpStatus: told.status, errorCode: reason, errorMessage: null }, deps)
    if (isGone || reply.raw.destroyed) return reply.hijack()
    throw told
  }
  if (error instanceof UpstreamRefusal) {
    const failure = toldRefusal(error.fault.error, rules.isNative ? error.head : null, nowMs)
    const { status: httpStatus, code: errorCode, message } = failure
    const errorMessage = rules.isSecret ? null : message
    recordPass(pass, { status: 'error', httpStatus, errorCode, errorMessage }, deps)
    return sendFailure(reply, failure)
  }
  const told = error instanceof AppError ? error : null
  const { status: httpStatus, code: errorCode, message: errorMessage } = told ?? unexplained
  recordPass(pass, { status: 'error', httpStatus, errorCode, errorMessage }, deps)
  throw error
}

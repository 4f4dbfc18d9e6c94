import { AppError } from '../errors.ts'
import { errorOfEvent } from '../upstream/upstream-error.ts'
import { answerHeaders } from './answer-headers.ts'
import type { Downstream } from './downstream.ts'
import { collectResponse } from './events.ts'
import type { Connect, Exchange } from './exchange.ts'
import { failureOf, refusal, unexplained } from './failure.ts'
import { type Found, findAnswer } from './find-answer.ts'
import { accountsFor } from './guest.ts'
import { type Ending, relay, type Shape } from './relay.ts'
import { learn } from './send.ts'
import type { ServeDeps } from './serve.ts'
import { bind, settle, settleFailure } from './settle.ts'
import type { Turn } from './turn.ts'
import { watchStream } from './watch.ts'

type Json = Record<string, unknown>

/** Answer a turn with one JSON object, gathered from the stream that the upstream always sends. */
export async function serveJson(
  turn: Turn,
  connect: Connect,
  exchange: Exchange,
  ending: AbortController,
  deps: ServeDeps,
): Promise<unknown> {
  const { clock, keepAlive, pool } = deps
  const client = connect(() => {})
  const unwatch = keepAlive.watch({
    startedAtMs: turn.startedAtMs,
    lastWriteAtMs: turn.startedAtMs,
    // Nothing can be said before the object is whole.
    mayInsert: () => false,
    insert: () => {},
    tooLong: () => ending.abort(new Error('turn_too_long')),
  })
  let whole: Whole
  try {
    whole = await findWhole(turn, deps)
  } catch (error) {
    unwatch()
    const failure = failureOf(error, turn, clock.now())
    settleFailure(turn, failure ?? unexplained, deps)
    if (failure === null) throw error
    return client.refuse(exchange.failure(failure))
  }
  const { found, end, response } = whole
  try {
    settle(turn, found, end, { firstTokenMs: null, transport: 'json' }, deps)
    if (end.terminal === null) {
      const broken = failureOf(new AppError('stream_incomplete'), turn, clock.now()) ?? null
      return broken && client.refuse(exchange.failure(broken))
    }
    if (end.terminal.type === 'response.failed' || end.terminal.type === 'error' || response === null) {
      const said = errorOfEvent(end.terminal.data, clock.now())
      return client.refuse(exchange.failure(refusal(said, null, clock.now())))
    }
    const headers = answerHeaders(turn, found, accountsFor(pool, turn.guest), clock.now())
    return client.answer(headers, exchange.objectOf(response))
  } finally {
    found.lease.release()
    unwatch()
  }
}

type Whole = { found: Found; end: Ending; response: Json | null }

/** An answer that breaks off is asked for once more: its client has seen nothing of it. @throws what `findAnswer` throws */
async function findWhole(turn: Turn, deps: ServeDeps): Promise<Whole> {
  for (let broken = 0; ; broken++) {
    const found = await findAnswer(turn, deps)
    bind(turn, found, deps)
    const { end, response } = await collect(found, deps)
    const isBroken = end.terminal === null && !turn.signal.aborted
    if (!isBroken || broken > 0 || !deps.retries.spend()) return { found, end, response }
    const code = end.failure ?? 'stream_incomplete'
    const last = turn.attempts.pop()
    const scope = found.head.answer.via === null ? 'account' : 'egress'
    if (last) turn.attempts.push({ ...last, verdict: 'transient', scope, code })
    reportBroken(turn, found, code, deps)
    found.lease.release()
  }
}

/** Through a proxy it may be the proxy's doing: that is not held against the account. */
function reportBroken({ source }: Turn, { accountId, head }: Found, code: string, { pool, sources }: ServeDeps): void {
  const message = 'The source ended its answer early.'
  if (accountId !== null && head.answer.via !== null) return
  if (accountId !== null) pool.report(accountId, { kind: 'failed', code })
  else if (source !== null) sources.report(source.id, { kind: 'failed', code, message })
}

/** Reads an answer to its end for nobody but ourselves. */
export async function collect(
  found: Found,
  deps: Pick<ServeDeps, 'pool' | 'clock'>,
): Promise<{ end: Ending; response: Json | null }> {
  const collector = collectResponse()
  const watch = watchStream({
    firstOutput: () => {},
    rateLimits: (event) => found.accountId && learn(deps.pool, found.accountId, event, deps.clock.now()),
  })
  const nowhere: Downstream = {
    hasBegun: () => false,
    begin() {},
    write: () => true,
    drained: (resume) => resume(),
    end() {},
  }
  const shape: Shape = {
    chunk: (chunk) => {
      collector.push(chunk)
      return null
    },
    rest: () => {
      collector.finish()
      return null
    },
    broken: () => null,
  }
  const end = await relay(found.head, watch, shape, nowhere)
  return { end, response: collector.response() }
}

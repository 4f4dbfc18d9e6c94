import { answerHeaders } from './answer-headers.ts'
import type { Client, Connect, Exchange } from './exchange.ts'
import { failureOf, unexplained } from './failure.ts'
import { type Found, findAnswer } from './find-answer.ts'
import { accountsFor } from './guest.ts'
import { relay, type Shape } from './relay.ts'
import { learn } from './send.ts'
import type { ServeDeps } from './serve.ts'
import { bind, settle, settleFailure } from './settle.ts'
import type { Turn } from './turn.ts'
import { watchStream } from './watch.ts'

/** Before the first byte a client waits longer: an early 200 takes away the chance of a proper error status. */
const firstSignOfLifeMs = 10_000

/** Answer a turn with a stream of events. `ending` ends the turn when it takes too long. */
export async function serveStream(
  turn: Turn,
  connect: Connect,
  exchange: Exchange,
  ending: AbortController,
  deps: ServeDeps,
): Promise<unknown> {
  const { clock, keepAlive, pool } = deps
  let firstTokenMs: number | null = null
  let found: Found | null = null
  const watch = watchStream({
    firstOutput: () => {
      firstTokenMs = clock.now() - turn.startedAtMs
    },
    rateLimits: (event) => found?.accountId && learn(pool, found.accountId, event, clock.now()),
  })
  const live = {
    startedAtMs: turn.startedAtMs,
    lastWriteAtMs: turn.startedAtMs + firstSignOfLifeMs,
    mayInsert: () => !exchange.passesBytes || watch.atBoundary(),
    insert: () => {
      client.out.begin({ 'x-request-id': turn.ask.requestId })
      client.out.write(exchange.keepAlive)
    },
    tooLong: () => ending.abort(new Error('turn_too_long')),
  }
  const client = connect(() => {
    live.lastWriteAtMs = clock.now()
  })
  const shape = exchange.createShape()
  const unwatch = keepAlive.watch(live)
  try {
    found = await findAnswer(turn, deps)
    bind(turn, found, deps)
    turn.dropBody()
    const headers = answerHeaders(turn, found, accountsFor(pool, turn.guest), clock.now())
    client.out.begin({ 'x-request-id': turn.ask.requestId, ...headers })
    const end = await relay(found.head, watch, shape, client.out)
    settle(turn, found, end, { firstTokenMs, transport: turn.transport ?? 'sse' }, deps)
    return undefined
  } catch (error) {
    return failStream(turn, client, exchange, shape, error, deps)
  } finally {
    found?.lease.release()
    unwatch()
  }
}

/** No answer was found. With nothing sent yet this is an ordinary error; after a sign of life the stream must end. */
function failStream(
  turn: Turn,
  { out, refuse, moves }: Client,
  exchange: Exchange,
  shape: Shape,
  error: unknown,
  deps: ServeDeps,
): unknown {
  const failure = failureOf(error, turn, deps.clock.now())
  const { code, message } = failure ?? unexplained
  const moved = !out.hasBegun() && failure !== null && moves?.(code) === true
  settleFailure(turn, failure ?? unexplained, deps, moved)
  if (!out.hasBegun()) {
    if (failure === null) throw error
    return refuse(exchange.failure(failure))
  }
  if (failure === null) deps.log.error({ err: error, requestId: turn.ask.requestId }, 'turn failed')
  // Codex understands a spent pool only as a status: it gets that when it asks again.
  const last = exchange.passesBytes && code === 'usage_limit_reached' ? null : shape.broken(code, message, true)
  if (last !== null) out.write(last)
  out.end()
  return undefined
}

import type { FastifyReply } from 'fastify'
import { learn } from './attempt.ts'
import { createDownstream, type Downstream } from './downstream.ts'
import { failureOf, sendFailure, unexplained } from './failure.ts'
import { type Found, findAnswer } from './find-answer.ts'
import { relayedHeaders } from './pool-usage.ts'
import { relay, type Shape } from './relay.ts'
import type { ServeDeps } from './serve.ts'
import { bind, settle, settleFailure } from './settle.ts'
import { codexShape, keepAliveText, publicShape } from './shapes.ts'
import type { Surface } from './surfaces.ts'
import type { Turn } from './turn.ts'
import { watchStream } from './watch.ts'

/** Before the first byte a client waits longer: an early 200 takes away the chance of a proper error status. */
const firstSignOfLifeMs = 10_000

/** Answer a turn with a stream of events. `ending` ends the turn when it takes too long. */
export async function serveStream(
  turn: Turn,
  reply: FastifyReply,
  surface: Surface,
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
    rateLimits: (event) => found && learn(pool, found.accountId, event, clock.now()),
  })
  const live = {
    startedAtMs: turn.startedAtMs,
    lastWriteAtMs: turn.startedAtMs + firstSignOfLifeMs,
    mayInsert: () => surface.dialect === 'public' || watch.atBoundary(),
    insert: () => {
      out.begin({ 'x-request-id': turn.ask.requestId })
      out.write(keepAliveText[surface.dialect])
    },
    tooLong: () => ending.abort(new Error('turn_too_long')),
  }
  const out = createDownstream(reply.raw, () => {
    live.lastWriteAtMs = clock.now()
  })
  const shape = surface.dialect === 'codex' ? codexShape() : publicShape()
  const unwatch = keepAlive.watch(live)
  try {
    found = await findAnswer(turn, deps)
    bind(turn, found, deps)
    turn.dropBody()
    reply.hijack()
    out.begin({ 'x-request-id': turn.ask.requestId, ...relayedHeaders(found.head, pool.accounts(), clock.now()) })
    const end = await relay(found.head, watch, shape, out)
    settle(turn, found, end, { firstTokenMs, transport: 'sse' }, deps)
    return reply
  } catch (error) {
    return failStream(turn, reply, out, shape, error, deps)
  } finally {
    found?.lease.release()
    unwatch()
  }
}

/** No answer was found. With nothing sent yet this is an ordinary HTTP error; after a sign of life the stream must end. */
function failStream(
  turn: Turn,
  reply: FastifyReply,
  out: Downstream,
  shape: Shape,
  error: unknown,
  deps: ServeDeps,
): unknown {
  const failure = failureOf(error, turn, deps.clock.now())
  const { code, message } = failure ?? unexplained
  settleFailure(turn, failure ?? unexplained, deps)
  if (!out.hasBegun()) {
    if (failure === null) throw error
    return sendFailure(reply, failure)
  }
  if (failure === null) deps.log.error({ err: error, requestId: turn.ask.requestId }, 'turn failed')
  reply.hijack()
  // Codex understands a spent pool only as a status: it gets that when it asks again.
  const last = code === 'usage_limit_reached' ? null : shape.broken(code, message, true)
  if (last !== null) out.write(last)
  out.end()
  return reply
}

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Catalogue } from '../accounts/catalogue.ts'
import { AppError } from '../errors.ts'
import type { Roster } from '../lib/roster.ts'
import { announce } from './announce.ts'
import type { BodyReader } from './body.ts'
import type { KeepAlive } from './downstream.ts'
import type { Connect, Exchange } from './exchange.ts'
import type { FindDeps } from './find-answer.ts'
import { guestOf } from './guest.ts'
import { httpClient } from './http-client.ts'
import { holdTurn, type LimitDeps } from './key-limits.ts'
import { type Arrival, readTurn } from './read-turn.ts'
import { serveJson } from './serve-json.ts'
import { serveStream } from './serve-stream.ts'
import { type SettleDeps, settleFailure } from './settle.ts'
import { type BackgroundDeps, serveBackground } from './stored/background.ts'
import type { KeptDeps } from './stored/kept-turn.ts'
import type { Surface } from './surfaces.ts'
import type { Turn } from './turn.ts'

export type ServeDeps = FindDeps &
  SettleDeps &
  KeptDeps &
  LimitDeps &
  BackgroundDeps & {
    bodies: BodyReader
    keepAlive: KeepAlive
    /** Learns from clients which version of Codex is the newest. */
    catalogue: Pick<Catalogue, 'seen'>
    /** The turns that are under way; aborting one ends it. */
    running: Roster<AbortController>
  }

/** Serve one turn: read it, find an answer, relay it, write down what happened. */
export async function serveTurn(
  request: FastifyRequest,
  reply: FastifyReply,
  surface: Surface,
  deps: ServeDeps,
): Promise<unknown> {
  const startedAtMs = deps.clock.now()
  const ending = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) ending.abort(new Error('client_disconnected'))
  })
  const leave = deps.running.add(ending)
  try {
    const { headers, id: requestId } = request
    const arrival: Arrival = {
      ...{ headers, requestId, startedAtMs, signal: ending.signal, transport: null },
      guest: guestOf(request),
    }
    const read = await readTurn(() => deps.bodies.read(request.raw), surface, arrival, deps)
    const { turn, exchange, background } = read
    await reserveTurn(turn, deps)
    if (background !== null) {
      const run = (connect: Connect) => answerTurn(turn, connect, exchange, background.ending, deps)
      return await serveBackground(turn, reply, background, run, deps)
    }
    await answerTurn(turn, httpClient(reply), exchange, ending, deps)
    return reply
  } finally {
    leave()
  }
}

/** Takes what the turn may use from the limits of its key. @throws AppError, after it was recorded */
export async function reserveTurn(turn: Turn, deps: ServeDeps): Promise<void> {
  if (turn.isPrewarm) return
  try {
    const holding = holdTurn(turn, deps)
    if (holding !== null) turn.held = await holding
  } catch (error) {
    turn.dropBody()
    if (error instanceof AppError) settleFailure(turn, error, deps)
    throw error
  }
}

/** Find an answer and give it to the client, in the way that it asked for. */
export async function answerTurn(
  turn: Turn,
  connect: Connect,
  exchange: Exchange,
  ending: AbortController,
  deps: ServeDeps,
): Promise<void> {
  deps.catalogue.seen(turn.headers)
  announce(turn, 'admitted', null, deps)
  try {
    await (exchange.streams ? serveStream : serveJson)(turn, connect, exchange, ending, deps)
  } finally {
    turn.dropBody()
    // Settled by now, unless something went wrong that nobody has thought of.
    if (turn.held !== null) deps.ledger.release(turn.held)
  }
}

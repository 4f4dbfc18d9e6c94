import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Catalogue } from '../accounts/catalogue.ts'
import type { Roster } from '../lib/roster.ts'
import { announce } from './announce.ts'
import type { BodyReader } from './body.ts'
import type { KeepAlive } from './downstream.ts'
import type { Connect, Exchange } from './exchange.ts'
import type { FindDeps } from './find-answer.ts'
import { guestOf } from './guest.ts'
import { httpClient } from './http-client.ts'
import { type Arrival, readTurn } from './read-turn.ts'
import { serveJson } from './serve-json.ts'
import { serveStream } from './serve-stream.ts'
import type { SettleDeps } from './settle.ts'
import { type BackgroundDeps, serveBackground } from './stored/background.ts'
import type { KeptDeps } from './stored/kept-turn.ts'
import type { Surface } from './surfaces.ts'
import type { Turn } from './turn.ts'

export type ServeDeps = FindDeps &
  SettleDeps &
  KeptDeps &
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
  }
}

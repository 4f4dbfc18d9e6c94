import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Catalogue } from '../accounts/catalogue.ts'
import { AppError } from '../errors.ts'
import type { Roster } from '../lib/roster.ts'
import { announce } from './announce.ts'
import { readAsk } from './ask.ts'
import type { BodyReader } from './body.ts'
import type { KeepAlive } from './downstream.ts'
import type { FindDeps } from './find-answer.ts'
import { compactionRequest, normalizeRequest, parseBody } from './normalize.ts'
import { serveJson } from './serve-json.ts'
import { serveStream } from './serve-stream.ts'
import { type SettleDeps, settleRejected } from './settle.ts'
import type { Surface } from './surfaces.ts'
import type { Turn } from './turn.ts'

export type ServeDeps = FindDeps &
  SettleDeps & {
    bodies: BodyReader
    /** Learns from clients which version of Codex is the newest. */
    catalogue: Pick<Catalogue, 'seen'>
    keepAlive: KeepAlive
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
    const turn = await readTurn(request, surface, startedAtMs, ending.signal, deps)
    deps.catalogue.seen(turn.headers)
    return await answerTurn(turn, reply, surface, ending, deps)
  } finally {
    leave()
  }
}

async function answerTurn(
  turn: Turn,
  reply: FastifyReply,
  surface: Surface,
  ending: AbortController,
  deps: ServeDeps,
): Promise<unknown> {
  announce(turn, 'admitted', null, deps)
  try {
    const streams = surface.answers === 'stream' || (surface.answers === 'as_asked' && turn.ask.stream)
    return await (streams ? serveStream : serveJson)(turn, reply, surface, ending, deps)
  } finally {
    turn.dropBody()
  }
}

/** @throws AppError, after it was recorded */
async function readTurn(
  request: FastifyRequest,
  surface: Surface,
  startedAtMs: number,
  signal: AbortSignal,
  deps: ServeDeps,
): Promise<Turn> {
  const { headers, id: requestId } = request
  const route = surface.path
  let done = () => {}
  try {
    const read = await deps.bodies.read(request.raw)
    done = read.done
    const { ask, isNative } = readAsk(read.bytes, headers, requestId)
    const body = surface.body === 'native' && isNative ? read.bytes : rewritten(read.bytes, surface)
    const dropBody = () => {
      turn.body = nothing
      done()
    }
    const turn: Turn = {
      ...{ ask, headers, route, startedAtMs, signal, attempts: [], waitedMs: 0, decision: null, body, dropBody },
    }
    return turn
  } catch (error) {
    done()
    if (error instanceof AppError) settleRejected({ headers, requestId, route, startedAtMs }, error, deps)
    throw error
  }
}

const nothing = Buffer.alloc(0)

function rewritten(bytes: Buffer, surface: Surface): Buffer {
  const parsed = parseBody(bytes)
  return Buffer.from(JSON.stringify((surface.body === 'compaction' ? compactionRequest : normalizeRequest)(parsed)))
}

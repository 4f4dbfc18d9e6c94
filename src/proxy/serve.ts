import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'
import { errorOfEvent } from '../upstream/upstream-error.ts'
import { readAsk } from './ask.ts'
import { learn } from './attempt.ts'
import type { BodyReader } from './body.ts'
import { createDownstream, type Downstream, type KeepAlive } from './downstream.ts'
import { collectResponse } from './events.ts'
import { failureOf, refusal, sendFailure } from './failure.ts'
import { type FindDeps, type Found, findAnswer } from './find-answer.ts'
import { compactionRequest, normalizeRequest, parseBody } from './normalize.ts'
import { poolHeaders } from './pool-usage.ts'
import { type Ending, relay, type Shape } from './relay.ts'
import { bind, type SettleDeps, settle, settleFailure } from './settle.ts'
import { codexShape, keepAliveText, publicShape } from './shapes.ts'
import type { Surface } from './surfaces.ts'
import type { Turn } from './turn.ts'
import { watchStream } from './watch.ts'

export type ServeDeps = FindDeps &
  SettleDeps & {
    bodies: BodyReader
    keepAlive: KeepAlive
    /** Aborted when running turns have to end now. */
    stopping: AbortSignal
  }

/** Before the first byte a client waits longer: an early 200 takes away the chance of a proper error status. */
const firstSignOfLifeMs = 10_000

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
  const turn = await readTurn(request, surface, startedAtMs, AbortSignal.any([ending.signal, deps.stopping]), deps)
  try {
    const streams = surface.answers === 'stream' || (surface.answers === 'as_asked' && turn.ask.stream)
    return await (streams ? serveStream(turn, reply, surface, ending, deps) : serveJson(turn, reply, surface, deps))
  } finally {
    turn.dropBody()
  }
}

async function readTurn(
  request: FastifyRequest,
  surface: Surface,
  startedAtMs: number,
  signal: AbortSignal,
  deps: ServeDeps,
): Promise<Turn> {
  const { bytes, done } = await deps.bodies.read(request.raw)
  try {
    const { ask, isNative } = readAsk(bytes, request.headers, request.id)
    const body = surface.body === 'native' && isNative ? bytes : rewritten(bytes, surface)
    const dropBody = () => {
      turn.body = nothing
      done()
    }
    const route = surface.path
    const turn: Turn = {
      ask,
      headers: request.headers,
      route,
      startedAtMs,
      signal,
      attempts: [],
      decision: null,
      body,
      dropBody,
    }
    return turn
  } catch (error) {
    done()
    throw error
  }
}

const nothing = Buffer.alloc(0)

function rewritten(bytes: Buffer, surface: Surface): Buffer {
  const parsed = parseBody(bytes)
  return Buffer.from(
    JSON.stringify(surface.body === 'compaction' ? compactionRequest(parsed) : normalizeRequest(parsed)),
  )
}

async function serveStream(
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
    out.begin({ 'x-request-id': turn.ask.requestId, ...relayedHeaders(found, deps) })
    const end = await relay(found.head, watch, shape, out)
    settle(turn, found, end, { firstTokenMs, transport: 'sse' }, deps)
    return reply
  } catch (error) {
    return failStream(turn, reply, out, shape, error, deps)
  } finally {
    found?.release()
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
  settleFailure(turn, failure ?? bug, deps)
  if (!out.begun) {
    if (failure === null) throw error
    return sendFailure(reply, failure)
  }
  if (failure === null) deps.log.error({ err: error, requestId: turn.ask.requestId }, 'turn failed')
  reply.hijack()
  const { code, message } = failure ?? bug
  // Codex understands a spent pool only as a status: it gets that when it asks again.
  const last = code === 'usage_limit_reached' ? null : shape.broken(code, message, true)
  if (last !== null) out.write(last)
  out.end()
  return reply
}

const bug = { status: 500, code: 'internal_error', message: 'Something went wrong on this server.' }

async function serveJson(turn: Turn, reply: FastifyReply, surface: Surface, deps: ServeDeps): Promise<unknown> {
  const found = await findAnswer(turn, deps).catch((error: unknown) => {
    const failure = failureOf(error, turn, deps.clock.now())
    settleFailure(turn, failure ?? bug, deps)
    if (failure === null) throw error
    return sendFailure(reply, failure)
  })
  if (!isFound(found)) return found
  try {
    bind(turn, found, deps)
    const { ending, response } = await collect(found, deps)
    settle(turn, found, ending, { firstTokenMs: null, transport: 'json' }, deps)
    if (ending.terminal === null) throw new AppError('stream_incomplete')
    if (ending.terminal.type === 'response.failed' || ending.terminal.type === 'error' || response === null) {
      const nowMs = deps.clock.now()
      return sendFailure(reply, refusal(errorOfEvent(ending.terminal.data, nowMs), null, nowMs))
    }
    return reply
      .headers(relayedHeaders(found, deps))
      .send(surface.body === 'compaction' ? compacted(response) : response)
  } finally {
    found.release()
  }
}

function isFound(value: unknown): value is Found {
  return typeof value === 'object' && value !== null && 'head' in value
}

/** Read a whole answer for a client that wants one JSON object. */
async function collect(
  found: Found,
  deps: ServeDeps,
): Promise<{ ending: Ending; response: Record<string, unknown> | null }> {
  const collector = collectResponse()
  const watch = watchStream({
    firstOutput: () => {},
    rateLimits: (event) => learn(deps.pool, found.accountId, event, deps.clock.now()),
  })
  const nowhere: Downstream = { begun: false, begin() {}, write: () => true, drained: (resume) => resume(), end() {} }
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
  const ending = await relay(found.head, watch, shape, nowhere)
  return { ending, response: collector.response() }
}

/** Headers of the upstream that mean something to a client, and the pool's figures in place of one account's. */
function relayedHeaders({ head }: Found, { pool, clock }: ServeDeps): Record<string, string> {
  const kept = poolHeaders(pool.accounts(), clock.now())
  for (const name of ['x-codex-turn-state', 'openai-model', 'openai-processing-ms']) {
    const value = head.headers[name]
    if (typeof value === 'string') kept[name] = value
  }
  return kept
}

function compacted(response: Record<string, unknown>): unknown {
  const output: unknown[] = Array.isArray(response.output) ? response.output : []
  const { id, status, usage, service_tier } = response
  return { object: 'response.compaction', id, status, output: output.filter(isCompaction), usage, service_tier }
}

function isCompaction(item: unknown): boolean {
  const type = typeof item === 'object' && item !== null && 'type' in item ? item.type : null
  return type === 'compaction' || type === 'compaction_summary'
}

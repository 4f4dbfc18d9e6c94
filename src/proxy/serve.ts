import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Catalogue } from '../accounts/catalogue.ts'
import type { RequestRecord } from '../domain/request.ts'
import { AppError } from '../errors.ts'
import type { Roster } from '../lib/roster.ts'
import { announce } from './announce.ts'
import { readAsk } from './ask.ts'
import type { BodyReader } from './body.ts'
import type { KeepAlive } from './downstream.ts'
import type { Connect, Exchange } from './exchange.ts'
import type { FindDeps } from './find-answer.ts'
import { httpClient } from './http-client.ts'
import { compactionRequest, normalizeRequest, parseBody } from './normalize.ts'
import { serveJson } from './serve-json.ts'
import { serveStream } from './serve-stream.ts'
import { type SettleDeps, settleRejected } from './settle.ts'
import { type BackgroundDeps, serveBackground } from './stored/background.ts'
import { keptChatExchange } from './stored/chat-exchange.ts'
import { withItems } from './stored/item-references.ts'
import { type Background, type KeptDeps, keptTurn } from './stored/kept-turn.ts'
import type { Spoken, Surface } from './surfaces.ts'
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
    const arrival: Arrival = { headers, requestId, startedAtMs, signal: ending.signal, transport: null }
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

/** What is known of a request before its body is read. */
export type Arrival = {
  headers: IncomingHttpHeaders
  requestId: string
  startedAtMs: number
  signal: AbortSignal
  /** Null: what the client asks for decides. */
  transport: RequestRecord['transport'] | null
}

/** `done` must be called when the bytes are no longer held. */
type Body = { bytes: Buffer; done: () => void }

/** `background`: the response is to be made without its client. @throws AppError, after it was recorded */
export async function readTurn(
  readBody: () => Promise<Body>,
  surface: Surface,
  arrival: Arrival,
  deps: ServeDeps,
): Promise<{ turn: Turn; exchange: Exchange; background: Background | null }> {
  const { headers, requestId, startedAtMs, signal, transport } = arrival
  const route = surface.path
  /** What must be let go of with the body. */
  const held: (() => void)[] = []
  const letGo = () => {
    for (const done of held.splice(0)) done()
  }
  try {
    const read = await readBody()
    held.push(read.done)
    const { clock, pool, settings } = deps
    const context = { requestId, nowMs: clock.now(), settings: settings(), accounts: pool.accounts() }
    const bytes = surface.prepare ? await surface.prepare(read.bytes, headers['content-type']) : read.bytes
    const said = surface.speak(bytes, context)
    const first = readAsk(said.request, headers, requestId)
    const whole = said.mayNameItems ? await withItems(said.request, first.ask.keyId, deps.stored) : null
    if (whole !== null) held.push(deps.bodies.hold(whole.request.length))
    const spoken = whole === null ? said : { ...said, ...whole }
    const asked = whole === null ? first : readAsk(spoken.request, headers, requestId)
    // Reasoning can be read by the account that made it only.
    if (spoken.threadId && asked.ask.affinityKeys.length === 0)
      asked.ask.affinityKeys.push({ kind: 'cache', id: spoken.threadId })
    const kept = spoken.isStorable ? await keptTurn(spoken, asked, arrival, deps) : null
    if (kept !== null) held.push(kept.done)
    const { ask, background = null } = kept ?? { ask: asked.ask }
    const plain = kept?.exchange ?? spoken.exchange(ask)
    const exchange = spoken.chat ? keptChatExchange(plain, spoken.chat, ask, deps.stored) : plain
    const passes = spoken.form === 'native' && (asked.isNative || transport === 'ws')
    const body = kept?.body ?? (passes ? spoken.request : rewritten(spoken))
    const dropBody = () => {
      turn.body = nothing
      letGo()
    }
    const turn: Turn = {
      ...{ ask, headers, route, startedAtMs, signal, transport },
      ...{ isPrewarm: false, attempts: [], waitedMs: 0, decision: null, body, dropBody },
    }
    return { turn, exchange, background }
  } catch (error) {
    letGo()
    if (error instanceof AppError) settleRejected({ headers, requestId, route, startedAtMs }, error, deps)
    throw error
  }
}

const nothing = Buffer.alloc(0)

function rewritten({ request, form }: Spoken): Buffer {
  const parsed = parseBody(request)
  return Buffer.from(JSON.stringify((form === 'compaction' ? compactionRequest : normalizeRequest)(parsed)))
}

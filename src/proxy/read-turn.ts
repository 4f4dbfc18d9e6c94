import type { IncomingHttpHeaders } from 'node:http'
import type { Guest } from '../domain/api-key.ts'
import type { Ask, RequestRecord } from '../domain/request.ts'
import { AppError } from '../errors.ts'
import { type Asked, readAsk } from './ask.ts'
import { derivedKey } from './derived-key.ts'
import type { Exchange } from './exchange.ts'
import { accountsFor } from './guest.ts'
import { ruledByKey } from './key-rules.ts'
import { compactionRequest, normalizeRequest, parseBody } from './normalize.ts'
import type { ServeDeps } from './serve.ts'
import { settleRejected } from './settle.ts'
import { keptChatExchange } from './stored/chat-exchange.ts'
import { withItems } from './stored/item-references.ts'
import { type Background, keptTurn } from './stored/kept-turn.ts'
import type { Spoken, Surface } from './surfaces.ts'
import type { Turn } from './turn.ts'

/** What is known of a request before its body is read. */
export type Arrival = {
  headers: IncomingHttpHeaders
  guest: Guest
  requestId: string
  startedAtMs: number
  signal: AbortSignal
  /** Null: what the client asks for decides. */
  transport: RequestRecord['transport'] | null
}

/** `done` must be called when the bytes are no longer held. */
type Body = { bytes: Buffer; done: () => void }

/** A request that was understood. `background`: its response is to be made without its client. */
type ReadTurn = { turn: Turn; exchange: Exchange; background: Background | null }

/** Reads a request up to the point where an account can be looked for. @throws AppError, after it was recorded */
export async function readTurn(
  readBody: () => Promise<Body>,
  surface: Surface,
  arrival: Arrival,
  deps: ServeDeps,
): Promise<ReadTurn> {
  const { headers, guest, requestId, startedAtMs, transport } = arrival
  /** What must be let go of with the body. */
  const held: (() => void)[] = []
  try {
    const read = await readBody()
    held.push(read.done)
    const heard = await listen(read.bytes, surface, arrival, held, deps)
    const { request, asked } = ruledByKey(heard.spoken.request, heard.asked, guest.key)
    return await understand({ ...heard.spoken, request }, asked, surface, arrival, held, deps)
  } catch (error) {
    letGo(held)
    if (error instanceof AppError) {
      settleRejected({ headers, guest, requestId, route: surface.path, startedAtMs, transport }, error, deps)
    }
    throw error
  }
}

/** What the client said, with what it only named put in its place. */
async function listen(
  body: Buffer,
  surface: Surface,
  { headers, guest, requestId }: Arrival,
  held: (() => void)[],
  { clock, pool, settings, stored, bodies }: ServeDeps,
): Promise<{ spoken: Spoken; asked: Asked }> {
  const accounts = accountsFor(pool, guest)
  const context = { requestId, nowMs: clock.now(), settings: settings(), accounts, key: guest.key }
  const bytes = surface.prepare ? await surface.prepare(body, headers['content-type']) : body
  const spoken = surface.speak(bytes, context)
  const keyId = guest.key?.id ?? null
  const asked = readAsk(spoken.request, headers, requestId, keyId)
  const whole = spoken.mayNameItems ? await withItems(spoken.request, keyId, stored) : null
  if (whole === null) return { spoken, asked }
  held.push(bodies.hold(whole.request.length))
  const again = readAsk(whole.request, headers, requestId, keyId)
  // Reasoning can be read by the account that made it only.
  return { spoken: { ...spoken, ...whole }, asked: { ...again, ask: named(again.ask, whole.threadId) } }
}

/** Makes a turn of it: what is sent, where it is at home, and how its answer goes back. */
async function understand(
  spoken: Spoken,
  asked: Asked,
  surface: Surface,
  arrival: Arrival,
  held: (() => void)[],
  deps: ServeDeps,
): Promise<ReadTurn> {
  const { headers, guest, startedAtMs, signal, transport } = arrival
  const kept = spoken.isStorable ? await keptTurn(spoken, asked, arrival, deps) : null
  if (kept !== null) held.push(kept.done)
  const passes = spoken.form === 'native' && (asked.isNative || transport === 'ws')
  const { ask, body } = kept ?? (passes ? { ask: asked.ask, body: spoken.request } : rewritten(spoken, asked.ask))
  const plain = kept?.exchange ?? spoken.exchange(ask)
  const exchange = spoken.chat ? keptChatExchange(plain, spoken.chat, ask, deps.stored) : plain
  const turn: Turn = {
    ...{ ask, headers, guest, route: surface.path, startedAtMs, signal, transport },
    ...{ isPrewarm: false, attempts: [], waitedMs: 0, decision: null, held: null, source: null, body },
    dropBody() {
      turn.body = nothing
      letGo(held)
    },
  }
  return { turn, exchange, background: kept?.background ?? null }
}

const nothing = Buffer.alloc(0)

function letGo(held: (() => void)[]): void {
  for (const done of held.splice(0)) done()
}

/** The request in the upstream's form. A conversation that its client does not name gets a name, to stay where its cache is. */
function rewritten({ request, form }: Spoken, ask: Ask): { ask: Ask; body: Buffer } {
  const parsed = (form === 'compaction' ? compactionRequest : normalizeRequest)(parseBody(request))
  const key = form === 'public' && ask.affinityKeys.length === 0 ? derivedKey(parsed) : null
  if (key === null) return { ask, body: Buffer.from(JSON.stringify(parsed)) }
  return { ask: named(ask, key), body: Buffer.from(JSON.stringify({ ...parsed, prompt_cache_key: key })) }
}

/** The same ask with a soft key, where the client gave none. */
function named(ask: Ask, id: string): Ask {
  return ask.affinityKeys.length > 0
    ? ask
    : { ...ask, affinityKeys: [{ kind: 'cache', id, ...(ask.keyId === null ? {} : { keyId: ask.keyId }) }] }
}

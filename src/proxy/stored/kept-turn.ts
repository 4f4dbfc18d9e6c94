import type { IncomingHttpHeaders } from 'node:http'
import type { Ask } from '../../domain/request.ts'
import type { Settings } from '../../domain/settings.ts'
import { AppError } from '../../errors.ts'
import { randomId } from '../../lib/secrets.ts'
import { itemsOf, shownResponse } from '../../stored/items.ts'
import type { Recording } from '../../stored/recording.ts'
import type { Stored } from '../../stored/stored.ts'
import { type Asked, readAsk } from '../ask.ts'
import { type BodyReader, maxBodyBytes } from '../body.ts'
import type { Exchange } from '../exchange.ts'
import { normalizeRequest, parseBody } from '../normalize.ts'
import type { Spoken } from '../surfaces.ts'
import { type Dress, dressedShape } from './dressed-shape.ts'
import { metadataOf } from './metadata.ts'
import { queuedResponse } from './queued.ts'

type Json = Record<string, unknown>

export type KeptDeps = { stored: Stored; bodies: BodyReader; settings: () => Settings }

/** A response that is made while its client may be gone. */
export type Background = { ending: AbortController; recording: Recording; queued: Json }

/** A turn whose response is kept, or that continues one that is. `done`: its bytes are no longer held. */
export type KeptTurn = { ask: Ask; body: Buffer; exchange: Exchange; background: Background | null; done: () => void }

type Arrival = { headers: IncomingHttpHeaders; requestId: string; startedAtMs: number; signal: AbortSignal }

const sealedReasoning = 'reasoning.encrypted_content'

/** Null: nothing of all this is wanted, and the request goes its ordinary way. @throws AppError naming the field */
export async function keptTurn(
  spoken: Spoken,
  asked: Asked,
  arrival: Arrival,
  deps: KeptDeps,
): Promise<KeptTurn | null> {
  const { stored, bodies } = deps
  const keeps = stored.keeps(asked.store)
  if (asked.background && !keeps) throw unkept(deps)
  const previousId = asked.ask.owned.find(({ kind }) => kind === 'response')?.id ?? null
  const history = previousId === null ? null : await stored.history(previousId, asked.ask.keyId)
  if (!keeps && history === null) return null

  const { background: _background, ...body } = parseBody(spoken.request)
  const metadata = keeps ? metadataOf(body.metadata) : {}
  const threadId = history?.threadId ?? spoken.threadId ?? randomId('kept_')
  const request = requestOf(body, keeps, history?.items ?? null)
  const bytes = Buffer.from(JSON.stringify(request))
  if (history !== null && bytes.length > maxBodyBytes) throw tooLong()
  const done = history === null ? () => {} : bodies.hold(bytes.length)
  try {
    const ask = history === null ? asked.ask : replayedAsk(bytes, asked.ask, arrival)
    // Without a key of the client's own the conversation still has a home.
    if (ask.affinityKeys.length === 0) ask.affinityKeys.push({ kind: 'cache', id: threadId })
    const fields: Json = { store: keeps, previous_response_id: previousId }
    const recording = keeps
      ? stored.record({
          ...{
            kind: 'response' as const,
            keyId: ask.keyId,
            background: asked.background,
            model: ask.model,
            previousId,
            threadId,
            metadata,
          },
          input: spoken.input ?? itemsOf(body.input),
        })
      : null
    if (keeps) Object.assign(fields, { metadata, background: asked.background })
    const include = new Set(Array.isArray(body.include) ? body.include.map(String) : [])
    let { signal } = arrival
    let background: Background | null = null
    if (asked.background && recording) {
      fields.id = randomId('resp_')
      background = {
        ending: new AbortController(),
        recording,
        queued: queuedResponse(body, fields, arrival.startedAtMs),
      }
      signal = background.ending.signal
    }
    const inner = spoken.exchange(ask)
    // In the background everything is read as a stream: its events are kept, and its client asks for them or not.
    const exchange = dressedExchange(background ? { ...inner, streams: true } : inner, {
      fields,
      include,
      recording,
      signal,
    })
    return { ask, body: bytes, exchange, background, done }
  } catch (error) {
    done()
    throw error
  }
}

function unkept({ settings }: KeptDeps): AppError {
  const isOff = settings().keepResponses === 'never'
  const why = isOff ? 'this server keeps none (setting keepResponses)' : 'send "store": true with it'
  const message = `"background" needs the response to be kept: ${why}.`
  return new AppError('invalid_request', { message, param: 'background' })
}

/** The request in the upstream's form. With a history it needs nothing that only one account knows. */
function requestOf(body: Json, keeps: boolean, history: unknown[] | null): Json {
  // First alone: a refusal names the item as the client counts them.
  const request = normalizeRequest(body)
  if (history !== null) {
    const { input: before } = normalizeRequest({ input: history })
    request.input = [...(before as unknown[]), ...(request.input as unknown[])]
    delete request.previous_response_id
  }
  const include: unknown[] = Array.isArray(body.include) ? body.include : []
  // Without it the reasoning could not be given to any account again.
  if (keeps && !include.includes(sealedReasoning)) request.include = [...include, sealedReasoning]
  return request
}

/** What routing needs to know of the whole conversation: its size, and the files in it. */
function replayedAsk(bytes: Buffer, given: Ask, { headers, requestId }: Arrival): Ask {
  const { inputTokens, owned } = readAsk(bytes, headers, requestId).ask
  return { ...given, inputTokens, owned }
}

function dressedExchange(inner: Exchange, dress: Dress): Exchange {
  const { fields, include, recording } = dress
  return {
    ...inner,
    createShape: () => dressedShape(dress),
    objectOf(response) {
      const whole = { ...response, ...fields }
      recording?.end(whole)
      return inner.objectOf(shownResponse(whole, include))
    },
  }
}

function tooLong(): AppError {
  const message = `With the conversation before it the request is larger than ${maxBodyBytes / 1024 / 1024} MiB; begin a new one.`
  return new AppError('invalid_request', { message, param: 'previous_response_id' })
}

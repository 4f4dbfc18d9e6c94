import { randomBytes } from 'node:crypto'
import { charge, fullWindow, rateHeaders, type SimulatedAccount } from './accounts.ts'
import { turnOf } from './events.ts'
import type { Effect } from './fault-effects.ts'
import { type Answer, type Exchange, send, suffer } from './http.ts'
import type { JsonObject } from './json.ts'
import { isForeignTurnState, newTurnState } from './marks.ts'
import { modelsEtag } from './models.ts'
import { detailAnswer, foreignTurnState, windowFull } from './refusals.ts'
import { isServed, writeStream } from './stream.ts'
import { replyTo } from './turns.ts'
import { refusalOf } from './validation.ts'
import type { World } from './world.ts'

/** `POST /codex/responses`: checks like the real one, then streams a turn or the fault scripted for it. */
export async function answerTurn(exchange: Exchange, account: SimulatedAccount, world: World): Promise<void> {
  const { body, request } = exchange
  const model = typeof body?.model === 'string' ? body.model : ''
  const headers = headersOf(account, model, world.clock.now())
  const effect = world.faults.take(account, 'responses', { model, nowMs: world.clock.now() })
  if (await suffer(exchange, effect, world.clock, headers)) return
  if (request.headers['content-encoding'] !== undefined && request.headers['content-encoding'] !== 'identity') {
    return send(exchange.response, detailAnswer(400, 'Unsupported content encoding'), headers)
  }
  if (body === null) return send(exchange.response, detailAnswer(400, 'Invalid JSON body'), headers)
  const refusal = refusalNow(exchange, body, account, world)
  if (refusal) return send(exchange.response, refusal, headers)
  await streamTurn(exchange, body, account, world, effect, headers)
}

/** What goes with every answer to a turn, refusals included. */
export function headersOf(account: SimulatedAccount, model: string, nowMs: number): Record<string, string> {
  const headers = rateHeaders(account, nowMs)
  headers['x-request-id'] = `req_${randomBytes(12).toString('hex')}`
  headers['x-models-etag'] = modelsEtag(account)
  if (model !== '') headers['openai-model'] = model
  return headers
}

function refusalNow(exchange: Exchange, body: JsonObject, account: SimulatedAccount, world: World): Answer | null {
  const turnState = exchange.request.headers['x-codex-turn-state']
  if (typeof turnState === 'string' && isForeignTurnState(account, turnState)) return foreignTurnState()
  const refusal = refusalOf(body, account)
  if (refusal) return refusal
  const nowMs = world.clock.now()
  const full = fullWindow(account, nowMs)
  return full ? windowFull(account, full, nowMs) : null
}

async function streamTurn(
  exchange: Exchange,
  body: JsonObject,
  account: SimulatedAccount,
  world: World,
  effect: Effect | null,
  headers: Record<string, string>,
): Promise<void> {
  const turn = turnOf(replyTo(body), body, exchange.bodyBytes, account, world.clock.now())
  const steps = effect?.kind === 'reshape' ? effect.reshape(turn) : turn.steps
  headers['content-type'] = 'text/event-stream; charset=utf-8'
  headers['cache-control'] = 'no-cache'
  if (exchange.request.headers['x-codex-turn-state'] === undefined)
    headers['x-codex-turn-state'] = newTurnState(account)
  exchange.response.writeHead(200, headers)
  const outcome = await writeStream(exchange.response, steps, {
    format: effect?.kind === 'format' ? effect.format : 'plain',
    delayMs: world.eventDelayMs,
    clock: world.clock,
  })
  if (outcome === 'cut') exchange.record.outcome = 'cut'
  // A client that leaves has still used what was asked for; a turn that the service spoilt costs nothing.
  if (isServed(steps)) charge(account, turn.chargedTokens, world.clock.now())
}

import { pause } from '../lib/clock.ts'
import { charge, fullWindow } from './accounts.ts'
import { prewarmOf, type Turn, turnOf } from './events.ts'
import type { Effect } from './fault-effects.ts'
import type { Answer, RecordedRequest } from './http.ts'
import type { JsonObject } from './json.ts'
import { detailAnswer, errorAnswer, previousResponseNotFound, windowFull } from './refusals.ts'
import { headersOf } from './responses.ts'
import type { Arrival, Connection } from './socket-connection.ts'
import { type Conversation, inputOf, noConversation, wholeBody } from './socket-conversations.ts'
import { errorFrame, frameOutlet, sendFrame } from './socket-frames.ts'
import { event, forever, isServed, play, type Step } from './stream.ts'
import { replyTo } from './turns.ts'
import { refusalOf, refusalOfPrewarm } from './validation.ts'
import { rateLimitsOf } from './wham.ts'
import type { World } from './world.ts'

type Outcome = RecordedRequest['outcome']

/** Answers one frame as the same request would be answered over HTTP, or with the fault scripted for it. */
export async function takeTurn(connection: Connection, arrival: Arrival, world: World): Promise<Outcome> {
  const { account } = connection
  const { body: frame, record } = arrival
  const model = typeof frame?.model === 'string' ? frame.model : ''
  const refuse = (answer: Answer) => {
    record.status = answer.status
    return tell(connection, errorFrame(answer, headersOf(account, model, world.clock.now())))
  }
  if (frame === null) return refuse(detailAnswer(400, 'Invalid JSON body'))
  const wrong = refusalOfFrame(frame)
  if (wrong) return refuse(wrong)
  const path = frame.generate === false ? 'prewarm' : 'responses'
  const effect = world.faults.take(account, path, { model, nowMs: world.clock.now() })
  if (effect?.kind === 'answer' && effect.answer.status >= 400) return refuse(effect.answer)
  const end = await suffer(connection, effect, world)
  if (end !== null) return end
  const before = conversationBefore(frame, connection)
  if (before === null) return refuse(previousResponseNotFound(String(frame.previous_response_id)))
  const refusal = refusalNow(frame, before, connection, world)
  if (refusal) return refuse(refusal)
  record.status = 200
  return sendTurn(connection, arrival.bytes, frame, before, effect, world)
}

async function tell({ socket, gone }: Connection, text: string): Promise<Outcome> {
  await sendFrame(socket, text)
  return gone.aborted ? 'client_gone' : 'finished'
}

function refusalOfFrame(frame: JsonObject): Answer | null {
  if (frame.type !== 'response.create') {
    const message = `Invalid value: '${frame.type}'. Supported values are: 'response.create'.`
    return errorAnswer(400, { code: 'invalid_value', message, param: 'type' })
  }
  // Codex itself sends `stream: true` in every frame; a turn in the background belongs to HTTP.
  return 'background' in frame ? detailAnswer(400, 'Unsupported parameter: background') : null
}

/** Carries out a fault that needs to know nothing of the turn. Null when the turn goes on. */
async function suffer(connection: Connection, effect: Effect | null, { clock }: World): Promise<Outcome | null> {
  const { socket, tcp, gone } = connection
  try {
    if (effect?.kind === 'delay') await pause(clock, effect.ms, gone)
    else if (effect?.kind === 'hang') await forever(gone)
  } catch {
    // Only the client's leaving ends a wait early.
    return 'client_gone'
  }
  if (effect?.kind === 'reset') {
    tcp.resetAndDestroy()
    return 'cut'
  }
  if (effect?.kind === 'close') {
    socket.close(effect.code, effect.reason)
    return 'cut'
  }
  if (effect?.kind !== 'answer') return null
  // A success that is no stream: its text, if there is any, and the end.
  if (effect.answer.body !== '') await sendFrame(socket, effect.answer.body)
  socket.close(1000)
  return 'cut'
}

function conversationBefore(frame: JsonObject, { conversations }: Connection): Conversation | null {
  const previous = frame.previous_response_id
  if (previous === undefined || previous === null) return noConversation
  return typeof previous === 'string' ? conversations.get(previous) : null
}

function refusalNow(frame: JsonObject, before: Conversation, { account }: Connection, { clock }: World): Answer | null {
  const whole = wholeBody(frame, before)
  const refusal = frame.generate === false ? refusalOfPrewarm(whole, account) : refusalOf(whole, account)
  if (refusal) return refusal
  const nowMs = clock.now()
  const full = fullWindow(account, nowMs)
  return full ? windowFull(account, full, nowMs) : null
}

async function sendTurn(
  { socket, tcp, account, gone, conversations }: Connection,
  frameBytes: number,
  frame: JsonObject,
  before: Conversation,
  effect: Effect | null,
  world: World,
): Promise<Outcome> {
  const { clock, eventDelayMs: delayMs } = world
  const turn = turnFor(frame, before, frameBytes, account, clock.now())
  const steps = effect?.kind === 'reshape' ? effect.reshape(turn) : turn.steps
  const limits: Step[] = world.rateLimitFrames ? [event('codex.rate_limits', rateLimitsOf(account, clock.now()))] : []
  const outcome = await play([...limits, ...steps], frameOutlet(socket, tcp, gone), { delayMs, clock })
  if (isServed(steps)) {
    // A client that leaves has still used what was asked for; a turn that the service spoilt costs nothing.
    charge(account, turn.chargedTokens, clock.now())
    conversations.add(turn, before, inputOf(frame))
  }
  return outcome
}

function turnFor(
  frame: JsonObject,
  before: Conversation,
  frameBytes: number,
  account: Connection['account'],
  nowMs: number,
): Turn {
  const body = { ...wholeBody(frame, before), previous_response_id: frame.previous_response_id ?? null }
  const bytes = frameBytes + before.bytes
  if (frame.generate === false) return prewarmOf(body, bytes, account, nowMs)
  return turnOf(replyTo(body), body, bytes, account, nowMs)
}

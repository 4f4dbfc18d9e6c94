import type { Settings } from '../domain/settings.ts'
import type { AppError } from '../errors.ts'
import { randomId } from '../lib/secrets.ts'
import { countTokens } from '../translate/anthropic/count.ts'
import { anthropicError, anthropicStatus, retryHeaders } from '../translate/anthropic/errors.ts'
import { messageOf } from '../translate/anthropic/message.ts'
import { defaultModelMap, modelFor } from '../translate/anthropic/models.ts'
import { messagesToResponses } from '../translate/anthropic/request.ts'
import { createMessagesStream } from '../translate/anthropic/stream.ts'
import { isObject } from '../translate/json.ts'
import { parseObject } from './events.ts'
import { type Failure, failureOfAppError } from './failure.ts'
import { offeredBy } from './key-rules.ts'
import { parseObjectBody } from './normalize.ts'
import type { Surface } from './surfaces.ts'
import { translatedExchange } from './translated.ts'

/** The status that a stream which broke off would have had. */
const brokenStatus = 502

/** Anthropic's Messages, for Claude Code and the Anthropic SDK. */
export const messagesSurface: Surface = {
  path: '/v1/messages',
  speak(bytes, { requestId, settings, accounts, key }) {
    const body = parseObjectBody(bytes)
    const model = poolModel(String(body.model ?? ''), settings, offeredBy(accounts, key))
    const { request, stream, reply } = messagesToResponses(body, { model })
    const options = { ...reply, id: randomId('msg_'), inputTokens: countTokens(body) }
    const createStream = () => {
      const translator = createMessagesStream(options)
      return {
        event: translator.event,
        fail: (code: string, message: string) => translator.fail(code, message, brokenStatus),
      }
    }
    const exchange = () =>
      translatedExchange({
        ...{
          streams: stream,
          createStream,
          objectOf: (response: Record<string, unknown>) => messageOf(response, options),
        },
        failure: (failure) => inAnthropicWords(failure, requestId),
        keepAlive: 'event: ping\ndata: {"type":"ping"}\n\n',
      })
    return { request: Buffer.from(JSON.stringify({ ...request, stream })), form: 'public', exchange }
  },
}

/**
 * The pool's model for a name of Claude's: by the settings, then by the built-in map. A model of the built-in map that no
 * account of the pool has, or that the client may not use, makes way for the first one that is offered.
 */
function poolModel(name: string, { claudeModels }: Settings, offered: readonly string[]): string {
  const [first = null] = offered
  const model = modelFor(name, { ...defaultModelMap, ...claudeModels }, first ?? name)
  const isChosen = model === name || Object.values(claudeModels).includes(model)
  return isChosen || first === null || offered.includes(model) ? model : first
}

/** An error of ours on a route of this protocol; null on other routes. */
export function anthropicFailure(error: AppError, url: string, requestId: string, nowMs: number): Failure | null {
  return /^\/v1\/messages(?=[/?]|$)/.test(url) ? inAnthropicWords(failureOfAppError(error, nowMs), requestId) : null
}

/** How many tokens a request would have, as far as can be told here: `POST /v1/messages/count_tokens`. @throws AppError */
export function countedTokens(bytes: Buffer): { input_tokens: number } {
  return { input_tokens: countTokens(parseObjectBody(bytes)) }
}

/** The same error in the envelope and with the status that Anthropic's clients understand. */
function inAnthropicWords(failure: Failure, requestId: string): Failure {
  const { status, code, message } = failure
  const retry = retryHeaders(code, secondsToWait(failure))
  return {
    status: anthropicStatus(status, code),
    code,
    message,
    headers: { 'content-type': 'application/json; charset=utf-8', 'request-id': requestId, ...retry },
    body: JSON.stringify(anthropicError(status, code, message, requestId)),
  }
}

const giveUpSeconds = 61

/** A spent pool tells its reset in the body, everything else the wait in a header. Null: nobody knows. */
function secondsToWait({ headers, body }: Failure): number | null {
  const told = Number(headers['retry-after'] ?? Number.NaN)
  if (!Number.isNaN(told)) return told
  const { error } = parseObject(String(body)) ?? {}
  const inSeconds = isObject(error) ? error.resets_in_seconds : null
  // More than a minute means "give up" to Claude Code; other clients would really wait as long as it says.
  return typeof inSeconds === 'number' ? Math.min(inSeconds, giveUpSeconds) : null
}

import { createHash } from 'node:crypto'
import { z } from 'zod'
import { Secret } from '../lib/secrets.ts'
import type { Answer, SendRequest } from './client.ts'
import { productName } from './headers.ts'
import { clientId, parseAnswer, refusalCode, tokenAnswer } from './oauth.ts'
import { readWhole } from './opening.ts'
import { TransportError } from './transport-error.ts'

/** The sign-in server: the way to it, and its address without a trailing slash. */
export type LoginServer = { send: (request: SendRequest) => Promise<Answer>; authBaseUrl: string }

export type LoginTokens = { accessToken: Secret; refreshToken: Secret; idToken: Secret }

/** How sending in an authorisation code ended. The code is spent, whatever came. */
export type Exchanged =
  | ({ kind: 'tokens' } & LoginTokens)
  /** The server said no. */
  | { kind: 'refused'; code: string }
  /** No answer came, or none that could be read. */
  | { kind: 'lost'; code: string }

/** `disabled`: no codes are given out for this workspace. */
export type DeviceOffer =
  | { kind: 'offer'; deviceAuthId: Secret; userCode: Secret; intervalMs: number; lifeMs: number }
  | { kind: 'disabled' }
  | { kind: 'failed'; code: string }

/** `later`: no answer that says anything; ask again. */
export type DevicePoll =
  | { kind: 'pending' | 'slow_down' | 'later' }
  | { kind: 'approved'; code: Secret; verifier: Secret }
  | ({ kind: 'tokens' } & LoginTokens)
  | { kind: 'refused'; code: string }

const deadlineMs = 20_000
const maxAnswerBytes = 256 * 1024
const secondMs = 1_000
const minuteMs = 60_000

/**
 * Where a person signs in. The parameters are those of Codex, whose client this is (protocol reference, §2.2); but
 * `originator` is our own name: the server takes any, as OpenCode's and others' show.
 */
export function authorizeUrl(authBaseUrl: string, redirectUri: string, state: Secret, verifier: Secret): string {
  const query = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    scope: 'openid profile email offline_access',
    code_challenge: challengeOf(verifier),
    code_challenge_method: 'S256',
    state: state.reveal(),
    id_token_add_organizations: 'true',
    codex_cli_simplified_flow: 'true',
    originator: productName,
  }
  // Spaces as %20: a plus is not undone everywhere.
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  return `${authBaseUrl}/oauth/authorize?${pairs.join('&')}`
}

function challengeOf(verifier: Secret): string {
  return createHash('sha256').update(verifier.reveal()).digest('base64url')
}

/** Where a person types the code of a device flow. */
export function devicePage(authBaseUrl: string): string {
  return `${authBaseUrl}/codex/device`
}

/** The redirect address under which the server itself keeps the codes of device flows. */
export function deviceRedirect(authBaseUrl: string): string {
  return `${authBaseUrl}/deviceauth/callback`
}

/** Sends an authorisation code in, exactly once. Never throws. */
export async function exchangeCode(
  server: LoginServer,
  { code, verifier, redirectUri }: { code: Secret; verifier: Secret; redirectUri: string },
): Promise<Exchanged> {
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: clientId,
    code: code.reveal(),
    code_verifier: verifier.reveal(),
    redirect_uri: redirectUri,
  })
  const signal = AbortSignal.timeout(deadlineMs)
  const answer = await post(server, '/oauth/token', form, signal)
  if (answer.kind === 'broken') return { kind: 'lost', code: answer.code }
  if (!isSuccess(answer.status)) {
    return { kind: 'refused', code: refusalCode(answer.json, code) ?? `http_${answer.status}` }
  }
  return tokensIn(answer.json) ?? { kind: 'lost', code: 'invalid_response' }
}

const number = z.union([z.number(), z.string().regex(/^\d{1,6}$/)]).transform(Number)
const deviceAnswer = z.object({
  device_auth_id: z.string().min(1).max(1_000),
  user_code: z.string().min(1).max(100).optional(),
  usercode: z.string().min(1).max(100).optional(),
  interval: number.optional().catch(undefined),
  expires_in: number.optional().catch(undefined),
  expires_at: z.iso.datetime({ offset: true }).optional().catch(undefined),
})

/** Asks for a code that a person types elsewhere. Never throws. */
export async function askForDevice(server: LoginServer, nowMs: number, signal: AbortSignal): Promise<DeviceOffer> {
  const answer = await post(server, '/api/accounts/deviceauth/usercode', { client_id: clientId }, signal)
  if (answer.kind === 'broken') return { kind: 'failed', code: answer.code }
  if (answer.status === 404) return { kind: 'disabled' }
  if (!isSuccess(answer.status)) {
    return { kind: 'failed', code: refusalCode(answer.json, nothingSecret) ?? `http_${answer.status}` }
  }
  const parsed = deviceAnswer.safeParse(answer.json)
  const userCode = parsed.data?.user_code ?? parsed.data?.usercode
  if (!parsed.success || userCode === undefined) return { kind: 'failed', code: 'invalid_response' }
  const { device_auth_id, interval = 5, expires_in, expires_at } = parsed.data
  const saidMs = expires_at === undefined ? (expires_in ?? 900) * secondMs : Date.parse(expires_at) - nowMs
  return {
    kind: 'offer',
    deviceAuthId: new Secret(device_auth_id),
    userCode: new Secret(userCode),
    intervalMs: within(interval * secondMs, secondMs, minuteMs),
    // A clock that is wrong here must not make a code eternal, or dead at once.
    lifeMs: within(saidMs, minuteMs, 30 * minuteMs),
  }
}

const polled = z.object({
  status: z.string().optional().catch(undefined),
  authorization_code: z.string().min(1).optional().catch(undefined),
  code_verifier: z.string().min(1).optional().catch(undefined),
})
const pendingCodes = new Set(['authorization_pending', 'pending', 'deviceauth_authorization_unknown'])
const endedCodes = new Set(['access_denied', 'authorization_declined', 'expired_token', 'deviceauth_expired'])

/** Asks whether the person has typed the code. Never throws. */
export async function pollDevice(
  server: LoginServer,
  { deviceAuthId, userCode }: { deviceAuthId: Secret; userCode: Secret },
  signal: AbortSignal,
): Promise<DevicePoll> {
  const body = { device_auth_id: deviceAuthId.reveal(), user_code: userCode.reveal() }
  const answer = await post(server, '/api/accounts/deviceauth/token', body, signal)
  if (answer.kind === 'broken') return { kind: 'later' }
  const { status, json } = answer
  if (isSuccess(status)) {
    const { status: said, authorization_code, code_verifier } = polled.safeParse(json).data ?? {}
    if (said !== undefined && pendingCodes.has(said)) return { kind: 'pending' }
    if (authorization_code !== undefined && code_verifier !== undefined) {
      return { kind: 'approved', code: new Secret(authorization_code), verifier: new Secret(code_verifier) }
    }
    return tokensIn(json) ?? { kind: 'refused', code: 'invalid_response' }
  }
  const code = refusalCode(json, deviceAuthId)
  if (code === 'slow_down' || status === 429) return { kind: 'slow_down' }
  if (code !== undefined && endedCodes.has(code)) return { kind: 'refused', code }
  // The server has no better words for "not yet" (protocol reference, §2.3).
  if (status === 403 || status === 404 || (code !== undefined && pendingCodes.has(code))) return { kind: 'pending' }
  if (status >= 500 || status === 408) return { kind: 'later' }
  return { kind: 'refused', code: code ?? `http_${status}` }
}

const nothingSecret = new Secret('\u0000')

type Posted = { kind: 'answer'; status: number; json: unknown } | { kind: 'broken'; code: string }

async function post(
  { send, authBaseUrl }: LoginServer,
  path: string,
  body: URLSearchParams | object,
  signal: AbortSignal,
): Promise<Posted> {
  const isForm = body instanceof URLSearchParams
  try {
    const answer = await send({
      method: 'POST',
      url: new URL(authBaseUrl + path),
      headers: {
        'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json',
        accept: 'application/json',
        'user-agent': productName,
      },
      body: Buffer.from(isForm ? body.toString() : JSON.stringify(body)),
      signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
    })
    const head = await readWhole(answer, maxAnswerBytes)
    if (head.failure) return { kind: 'broken', code: 'reply_lost' }
    return { kind: 'answer', status: head.status, json: parseAnswer(Buffer.concat(head.opening).toString('utf8')) }
  } catch (error) {
    const kind = error instanceof TransportError ? error.kind : null
    const neverSent = kind === 'unreachable' || kind === 'untrusted'
    return {
      kind: 'broken',
      code: kind === 'egress' ? 'egress_unavailable' : neverSent ? 'auth_unreachable' : 'reply_lost',
    }
  }
}

function tokensIn(json: unknown): ({ kind: 'tokens' } & LoginTokens) | null {
  const parsed = tokenAnswer.safeParse(json)
  if (!parsed.success) return null
  const { access_token, refresh_token, id_token } = parsed.data
  return {
    kind: 'tokens',
    accessToken: new Secret(access_token),
    refreshToken: new Secret(refresh_token),
    idToken: new Secret(id_token),
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

function within(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}

import { z } from 'zod'
import { Secret } from '../lib/secrets.ts'
import type { Answer, SendRequest } from './client.ts'
import { readWhole } from './opening.ts'
import { TransportError } from './transport-error.ts'

/** The public client id of Codex; tokens from `auth.json` files belong to it (protocol reference, §2.1). */
export const clientId = 'app_EMoamEEZ73f0CkXaXp7hrann'
const refreshDeadlineMs = 15_000

/** How a refresh ended. */
export type RefreshResult =
  | { kind: 'rotated'; accessToken: Secret; refreshToken: Secret; idToken: Secret }
  /** The server said no for good. */
  | { kind: 'ended'; as: 'reauth_required' | 'deactivated'; code: string }
  /** The server answered, did not accept, and left the token unspent; or the token never left this machine. */
  | { kind: 'later'; code: string }
  /** The token may have been spent, and its successor was lost on the way. */
  | { kind: 'lost'; code: string }

const reauthCodes = new Set([
  'refresh_token_expired',
  'refresh_token_reused',
  'refresh_token_invalidated',
  'invalid_grant',
  'token_invalidated',
  'token_expired',
  'app_session_terminated',
])
const closedCodes = new Set(['account_deactivated', 'account_suspended', 'account_deleted'])

/** All three are needed: an answer without one of them is none. */
export const tokenAnswer = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1),
  id_token: z.string().min(1),
})

/** Exchange a refresh token for new tokens. Sends it exactly once, whatever happens. Never throws. */
export async function refreshTokens(
  send: (request: SendRequest) => Promise<Answer>,
  authBaseUrl: string,
  refreshToken: Secret,
): Promise<RefreshResult> {
  const body = {
    grant_type: 'refresh_token',
    client_id: clientId,
    refresh_token: refreshToken.reveal(),
    scope: 'openid profile email',
  }
  const signal = AbortSignal.timeout(refreshDeadlineMs)
  try {
    const answer = await send({
      method: 'POST',
      url: new URL(`${authBaseUrl}/oauth/token`),
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: Buffer.from(JSON.stringify(body)),
      signal,
    })
    const head = await readWhole(answer, 256 * 1024)
    if (head.failure) return { kind: 'lost', code: 'reply_lost' }
    return resultOf(head.status, Buffer.concat(head.opening).toString('utf8'), refreshToken)
  } catch (error) {
    const kind = error instanceof TransportError ? error.kind : null
    if (kind === 'egress') return { kind: 'later', code: 'egress_unavailable' }
    const neverSent = kind === 'unreachable' || kind === 'untrusted'
    return neverSent ? { kind: 'later', code: 'auth_unreachable' } : { kind: 'lost', code: 'reply_lost' }
  }
}

function resultOf(status: number, text: string, sent: Secret): RefreshResult {
  const json = parseAnswer(text)
  if (status >= 200 && status < 300) {
    const tokens = tokenAnswer.safeParse(json)
    if (!tokens.success) return { kind: 'lost', code: 'invalid_response' }
    const { access_token, refresh_token, id_token } = tokens.data
    return {
      kind: 'rotated',
      accessToken: new Secret(access_token),
      refreshToken: new Secret(refresh_token),
      idToken: new Secret(id_token),
    }
  }
  const code = refusalCode(json, sent) ?? `http_${status}`
  if (closedCodes.has(code)) return { kind: 'ended', as: 'deactivated', code }
  if (reauthCodes.has(code)) return { kind: 'ended', as: 'reauth_required', code }
  return { kind: 'later', code }
}

const text = z.string().min(1).optional().catch(undefined)
const refusal = z.object({
  error: z
    .union([z.object({ code: text, error: text }), z.string()])
    .optional()
    .catch(undefined),
  error_code: text,
  code: text,
})

/** What may go into logs and the database as a code: one word in one case, not text that quotes what was sent. */
const word = /^(?:[a-z0-9_.-]{1,64}|[A-Z0-9_.-]{1,64})$/

/** The code of an OAuth refusal, in the four forms that were seen (protocol reference, §2.4); never one that quotes what was sent. */
export function refusalCode(json: unknown, sent: Secret): string | undefined {
  const parsed = refusal.safeParse(json)
  if (!parsed.success) return undefined
  const { error, error_code, code } = parsed.data
  const named = typeof error === 'string' ? error : (error?.code ?? error?.error)
  const found = named ?? error_code ?? code
  if (found === undefined || !word.test(found)) return undefined
  const lower = found.toLowerCase()
  return lower.includes(sent.reveal().toLowerCase()) ? undefined : lower
}

/** Null for what is no JSON. */
export function parseAnswer(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    // A proxy's HTML page; the status still tells enough.
    return null
  }
}

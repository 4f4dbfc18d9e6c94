// Tokens are read, never verified: they are kept for the upstream, which does verify them.

/** The payload of a token. */
export type Claims = Readonly<Record<string, unknown>>

export type ClaimedIdentity = {
  chatgptAccountId: string | null
  /** The user inside a workspace. */
  seat: string | null
  /** Lower case. */
  email: string | null
  /** Lower case; `unknown` when no token names one. */
  plan: string
  workspaceId: string | null
  workspaceLabel: string | null
}

const seatNames = ['chatgpt_user_id', 'user_id', 'chatgpt_account_user_id']
const workspaceNames = ['workspace_id', 'chatgpt_workspace_id', 'organization_id', 'org_id', 'tenant_id']
const labelNames = ['workspace_label', 'workspace_name', 'organization_name', 'org_name', 'tenant_name']

const textLimit = 256
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The payload of a JSON Web Token, or null when the text is none. */
export function decodeJwt(token: string): Claims | null {
  const [, payload = '', ...rest] = token.split('.', 4)
  if (rest.length !== 1 || !/^[\w-]+={0,2}$/.test(payload)) return null
  try {
    const claims: unknown = JSON.parse(utf8.decode(Buffer.from(payload, 'base64url')))
    return isRecord(claims) ? claims : null
  } catch {
    // Neither UTF-8 nor JSON: an opaque token.
    return null
  }
}

/** Who the tokens speak of. An earlier token wins, a later one fills in what is missing. */
export function identityOf(tokens: readonly Claims[]): ClaimedIdentity {
  const find = (...names: string[]) => firstText(tokens.flatMap((token) => valuesOf(token, names)))
  return {
    chatgptAccountId: find('chatgpt_account_id'),
    seat: find(...seatNames) ?? firstText(tokens.map((token) => token.sub)),
    email: emailOf(tokens),
    plan: find('chatgpt_plan_type')?.toLowerCase() ?? 'unknown',
    workspaceId: find(...workspaceNames),
    workspaceLabel: find(...labelNames),
  }
}

/** When a token ends, epoch ms; null when it does not say so credibly. */
export function expiryOf(token: Claims): number | null {
  const { exp } = token
  const isDigits = typeof exp === 'string' && /^\d{1,12}$/.test(exp)
  return typeof exp === 'number' || isDigits ? plausibleTime(Math.floor(Number(exp)) * 1000) : null
}

/** The time, or null when it is not between 2001 and 2100: then it was counted in another unit, or made up. */
export function plausibleTime(atMs: number): number | null {
  return atMs >= 1_000_000_000_000 && atMs <= 4_102_444_800_000 ? atMs : null
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** All values of a claim under any of its names; the inner object outranks the top level. */
function valuesOf(token: Claims, names: readonly string[]): unknown[] {
  const inner = token['https://api.openai.com/auth']
  return [isRecord(inner) ? inner : {}, token].flatMap((claims) => names.map((name) => claims[name]))
}

function emailOf(tokens: readonly Claims[]): string | null {
  const candidates = tokens.flatMap((token) => {
    const profile = token['https://api.openai.com/profile']
    return [token.email, isRecord(profile) ? profile.email : null]
  })
  const looksRight = (value: unknown) => /^[^\s@\p{C}]{1,64}@[^\s@\p{C}]{1,190}$/u.test(textOf(value) ?? '')
  return firstText(candidates.filter(looksRight))?.toLowerCase() ?? null
}

function firstText(values: readonly unknown[]): string | null {
  for (const value of values) {
    const text = textOf(value)
    if (text !== null) return text
  }
  return null
}

/** A claim that may be stored and shown: not empty, not endless, nothing that controls a terminal or turns text around. */
function textOf(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > textLimit) return null
  const text = value.trim()
  return text === '' || /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u.test(text) ? null : text
}

import { randomBytes, randomUUID } from 'node:crypto'
import type { Clock } from '../lib/clock.ts'
import type { SimulatedAccount } from './accounts.ts'

/** The public client id of the Codex CLI. */
export const clientId = 'app_EMoamEEZ73f0CkXaXp7hrann'

export type TokenSet = { accessToken: string; refreshToken: string; idToken: string; accessExpiresAtMs: number }

type Holder = { account: SimulatedAccount; expiresAtMs: number }

/** Issues tokens, knows whose they are, and lets every refresh token be used once. */
export type Tokens = {
  issue(account: SimulatedAccount): TokenSet
  /** What was issued last. */
  current(account: SimulatedAccount): TokenSet
  holderOf(accessToken: string): { account: SimulatedAccount; expired: boolean } | null
  lookUp(refreshToken: string): { account: SimulatedAccount; used: boolean } | null
  /** Uses up a live refresh token and issues the next set. */
  rotate(refreshToken: string, account: SimulatedAccount): TokenSet
}

const rememberedTokens = 10_000

function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'RS256', typ: 'JWT', kid: 'simulated' })}.${part(claims)}.c2ltdWxhdGVk`
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.set(key, value)
  if (map.size <= rememberedTokens) return
  const oldest = map.keys().next()
  if (!oldest.done) map.delete(oldest.value)
}

function makeSet(account: SimulatedAccount, nowMs: number): TokenSet {
  const issuedAt = Math.floor(nowMs / 1000)
  const accessExpiresAtMs = nowMs + account.accessTokenMs
  const auth = {
    chatgpt_account_id: account.accountId,
    chatgpt_user_id: account.userId,
    user_id: account.userId,
    chatgpt_plan_type: account.plan,
  }
  const common = {
    iss: 'https://auth.openai.com',
    sub: `auth0|${account.userId}`,
    iat: issuedAt,
    jti: randomUUID(),
    'https://api.openai.com/auth': auth,
  }
  const access = {
    ...common,
    aud: ['https://api.openai.com/v1'],
    client_id: clientId,
    exp: Math.floor(accessExpiresAtMs / 1000),
    scp: ['openid', 'profile', 'email', 'offline_access'],
    'https://api.openai.com/profile': { email: account.email, email_verified: true },
  }
  const identity = { ...common, aud: [clientId], exp: issuedAt + 3600, email: account.email, email_verified: true }
  return {
    accessToken: account.opaqueAccess ? `at_${randomBytes(32).toString('base64url')}` : jwt(access),
    refreshToken: `rt_${randomBytes(32).toString('base64url')}`,
    idToken: jwt(identity),
    accessExpiresAtMs,
  }
}

export function createTokens(clock: Clock): Tokens {
  const access = new Map<string, Holder>()
  const live = new Map<string, SimulatedAccount>()
  const used = new Map<string, SimulatedAccount>()
  const latest = new Map<SimulatedAccount, TokenSet>()

  function issue(account: SimulatedAccount): TokenSet {
    const before = latest.get(account)
    if (before && account.opaqueAccess) access.delete(before.accessToken)
    const set = makeSet(account, clock.now())
    remember(access, set.accessToken, { account, expiresAtMs: set.accessExpiresAtMs })
    remember(live, set.refreshToken, account)
    latest.set(account, set)
    return set
  }

  return {
    issue,
    current: (account) => latest.get(account) ?? issue(account),
    holderOf(accessToken) {
      const holder = access.get(accessToken)
      return holder ? { account: holder.account, expired: holder.expiresAtMs <= clock.now() } : null
    },
    lookUp(refreshToken) {
      const owner = live.get(refreshToken)
      if (owner) return { account: owner, used: false }
      const former = used.get(refreshToken)
      return former ? { account: former, used: true } : null
    },
    rotate(refreshToken, account) {
      live.delete(refreshToken)
      remember(used, refreshToken, account)
      return issue(account)
    },
  }
}

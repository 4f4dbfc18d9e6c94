import { readAuthFile } from '../../src/accounts/auth-file.ts'

export type Json = Record<string, unknown>

export const now = Date.parse('2026-03-01T12:00:00Z')
export const authClaim = 'https://api.openai.com/auth'
export const profileClaim = 'https://api.openai.com/profile'

export function jwt(claims: unknown): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part(claims)}.sig`
}

export const idClaims = {
  email: 'Ann@Example.org',
  sub: 'auth0|ann',
  [authClaim]: { chatgpt_account_id: 'acc-1', chatgpt_user_id: 'user-ann', chatgpt_plan_type: 'Plus' },
}

/** The tokens of a sound auth.json. */
export const tokens = { id_token: jwt(idClaims), access_token: jwt({ exp: 1_800_000_000 }), refresh_token: 'rt-1' }

export const withTokens = (changes: Json) => ({ tokens: { ...tokens, ...changes } })
export const withClaims = (id: Json, access: Json = {}) => withTokens({ id_token: jwt(id), access_token: jwt(access) })

export const read = (value: unknown) => readAuthFile(typeof value === 'string' ? value : JSON.stringify(value), now)
export const faultsIn = (value: unknown) => read(value).flatMap((entry) => (entry.ok ? [] : [entry]))
export const pathsIn = (value: unknown) => faultsIn(value).map((fault) => fault.path)

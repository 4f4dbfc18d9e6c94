import { z } from 'zod'
import { Secret } from '../lib/secrets.ts'
import type { ImportCandidate } from '../store/store.ts'
import { decodeJwt, expiryOf, identityOf, isRecord, plausibleTime } from './claims.ts'

type Fields = Record<string, unknown>
type AuthFault = { ok: false; path: string; message: string }

/** One account that a file offers, or one fault. `path` is the field at fault, dotted; empty: the whole file. */
export type AuthEntry = { ok: true; candidate: ImportCandidate } | AuthFault

const maxEntries = 1_000
const maxTokenBytes = 64 * 1024
const dayMs = 24 * 60 * 60 * 1000
const visibleAscii = /^[\x21-\x7e]*$/
const signInAgain = 'sign in with ChatGPT again and use the new file'

/**
 * What an auth.json holds: that of the Codex CLI, a list of such, or that of OpenCode. An account with several bad
 * fields gives one fault for each. Never throws.
 */
export function readAuthFile(bytes: Buffer | string, nowMs: number): AuthEntry[] {
  const text = textOf(bytes)
  if (text === null) return [fault('', 'The file is not UTF-8 text; save it as UTF-8.')]
  if (text.trim() === '') return [fault('', 'The file is empty.')]
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch (error) {
    return [fault('', `The file is not valid JSON${positionIn(error)}.`)]
  }
  if (!Array.isArray(content)) return readEntry(content, nowMs)
  if (content.length === 0) return [fault('', 'The list in the file is empty.')]
  if (content.length > maxEntries) return [fault('', `The list in the file has more than ${maxEntries} entries.`)]
  return content.flatMap((entry, index) =>
    readEntry(entry, nowMs).map((result) => (result.ok ? result : { ...result, path: within(index, result.path) })),
  )
}

function fault(path: string, message: string): AuthFault {
  return { ok: false, path, message }
}

function within(index: number, path: string): string {
  return path === '' ? `[${index}]` : `[${index}].${path}`
}

function textOf(bytes: Buffer | string): string | null {
  if (typeof bytes === 'string') return bytes.replace(/^\uFEFF/, '')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    // The decoder says nothing more than that it is not UTF-8.
    return null
  }
}

/** Where the parser stopped. Its own message is not repeated, since it quotes the file, which holds tokens. */
function positionIn(error: unknown): string {
  const found = error instanceof Error ? /position \d+( \(line \d+ column \d+\))?/.exec(error.message) : null
  return found === null ? '' : ` at ${found[0]}`
}

/** What both kinds of file come down to. */
type Login = {
  access: string
  refresh: string
  id: string | null
  accountId: string | null
  /** When the access token ends, for one that does not say. */
  expiresAtMs: number | null
  refreshedAtMs: number
  /** Where the account id is, and the token that says who it is about. */
  paths: { accountId: string; identity: string }
}

function readEntry(entry: unknown, nowMs: number): AuthEntry[] {
  if (!isRecord(entry)) return [fault('', 'This is not a JSON object, as an auth.json is.')]
  const login = loginIn(entry, nowMs)
  return Array.isArray(login) ? login : [candidateFrom(login)]
}

function loginIn(entry: Fields, nowMs: number): Login | AuthFault[] {
  const { tokens, openai } = entry
  if (isGiven(tokens) && !isRecord(tokens)) return [fault('tokens', 'This is not an object.')]
  if (isRecord(tokens) && Object.keys(tokens).length > 0) return codexLogin(entry, tokens, nowMs)
  if (isRecord(openai)) return openCodeLogin(openai, nowMs)
  if (isGiven(openai)) return [fault('openai', 'This is not an object.')]
  if (isGiven(entry.OPENAI_API_KEY)) {
    const message = 'This is an API key login; sign in to Codex with ChatGPT and use that file.'
    return [fault('OPENAI_API_KEY', message)]
  }
  if (Object.values(entry).some((other) => isRecord(other) && typeof other.type === 'string')) {
    return [fault('openai', 'This OpenCode file has no login for OpenAI; sign in to OpenAI in OpenCode first.')]
  }
  return [fault('tokens', `There are no tokens; ${signInAgain}.`)]
}

const token = z
  .string({
    error: ({ input }) => (input == null ? `The token is missing; ${signInAgain}.` : 'The token is not text.'),
  })
  .trim()
  .min(1, `The token is empty; ${signInAgain}.`)
  .max(maxTokenBytes, 'The token is longer than 64 KiB.')
  .regex(visibleAscii, 'The token has characters that no token has.')

const accountId = z
  .string({ error: 'The account id is not text.' })
  .trim()
  .max(256, 'The account id is too long.')
  .regex(visibleAscii, 'The account id has characters that cannot be sent in a header.')
  .nullish()
  .transform((id) => id || null)

const CodexTokens = z.object({ id_token: token, access_token: token, refresh_token: token, account_id: accountId })
const OpenCodeLogin = z.object({ access: token, refresh: token, accountId })

function codexLogin(entry: Fields, tokens: Fields, nowMs: number): Login | AuthFault[] {
  const spelling = (usual: string) => {
    const other = usual.replace(/_./, (letters) => letters.slice(1).toUpperCase())
    return isGiven(tokens[other]) && !isGiven(tokens[usual]) ? other : usual
  }
  const names = Object.keys(CodexTokens.shape)
  const parsed = CodexTokens.safeParse(Object.fromEntries(names.map((name) => [name, tokens[spelling(name)]])))
  if (!parsed.success) return faultsIn(parsed.error, (name) => `tokens.${spelling(name)}`)
  return {
    access: parsed.data.access_token,
    refresh: parsed.data.refresh_token,
    id: parsed.data.id_token,
    accountId: parsed.data.account_id,
    expiresAtMs: null,
    refreshedAtMs: refreshTime([entry.last_refresh, entry.lastRefresh, entry.lastRefreshAt], nowMs),
    paths: { accountId: `tokens.${spelling('account_id')}`, identity: `tokens.${spelling('id_token')}` },
  }
}

function openCodeLogin(login: Fields, nowMs: number): Login | AuthFault[] {
  if (login.type !== 'oauth') {
    const type = typeof login.type === 'string' ? JSON.stringify(login.type.slice(0, 40)) : 'unknown'
    const message = `The login is of type ${type}, not "oauth"; sign in to OpenAI with ChatGPT in OpenCode.`
    return [fault('openai.type', message)]
  }
  const parsed = OpenCodeLogin.safeParse(login)
  if (!parsed.success) return faultsIn(parsed.error, (name) => `openai.${name}`)
  return {
    ...parsed.data,
    id: null,
    expiresAtMs: typeof login.expires === 'number' ? plausibleTime(Math.floor(login.expires)) : null,
    refreshedAtMs: nowMs,
    paths: { accountId: 'openai.accountId', identity: 'openai.access' },
  }
}

/** One fault per field, even when a field breaks several rules. */
function faultsIn(error: z.ZodError, pathOf: (name: string) => string): AuthFault[] {
  const faults = new Map<string, AuthFault>()
  for (const issue of error.issues) {
    const path = pathOf(String(issue.path[0]))
    if (!faults.has(path)) faults.set(path, fault(path, issue.message))
  }
  return [...faults.values()]
}

/** The account of a login; a fault when it is not certain whose it is. What the file says outranks its tokens. */
function candidateFrom(login: Login): AuthEntry {
  const { paths } = login
  const access = decodeJwt(login.access)
  const identity = login.id === null ? access : decodeJwt(login.id)
  if (identity === null) return fault(paths.identity, `The token cannot be read; ${signInAgain}.`)
  const claimed = identityOf(access === null ? [identity] : [identity, access])
  const chatgptAccountId = login.accountId ?? claimed.chatgptAccountId
  if (chatgptAccountId === null) {
    return fault(paths.accountId, `Neither the file nor its tokens name a ChatGPT account; ${signInAgain}.`)
  }
  if (!visibleAscii.test(chatgptAccountId)) {
    return fault(paths.identity, 'The account id in the token has characters that cannot be sent in a header.')
  }
  if (claimed.seat === null && claimed.email === null) {
    return fault(paths.identity, `The token names neither a user nor an e-mail address; ${signInAgain}.`)
  }
  const tokens = {
    accessToken: new Secret(login.access),
    refreshToken: new Secret(login.refresh),
    idToken: login.id === null ? null : new Secret(login.id),
    expiresAtMs: (access === null ? null : expiryOf(access)) ?? login.expiresAtMs,
  }
  return { ok: true, candidate: { ...claimed, chatgptAccountId, tokens, refreshedAtMs: login.refreshedAtMs } }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== ''
}

/** The first credible ISO time that is not in the future (clocks may differ by a day), or now. */
function refreshTime(values: readonly unknown[], nowMs: number): number {
  for (const value of values) {
    if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}T/.test(value)) continue
    const atMs = plausibleTime(Date.parse(value))
    if (atMs !== null && atMs <= nowMs + dayMs) return atMs
  }
  return nowMs
}

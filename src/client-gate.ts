import type { IncomingHttpHeaders } from 'node:http'
import { LRUCache } from 'lru-cache'
import { type Attempts, createAttempts } from './auth/attempts.ts'
import { type ApiKey, type Guest, keyStart, keyStatus } from './domain/api-key.ts'
import type { Settings } from './domain/settings.ts'
import { AppError } from './errors.ts'
import { clientAddress, type GateRules, isLocal, type Visitor } from './gate.ts'
import { type AddressRange, isWithin, parseAddress, parseRange } from './lib/address-ranges.ts'
import type { Clock } from './lib/clock.ts'

/** Decides who may use the pool. Looks at memory only. */
export type ClientGate = {
  /** @throws AppError that says what to do */
  enter(visitor: Visitor): Guest
  /** The same for one that was let in some time ago and asks again on its socket. @throws AppError */
  stays(guest: Guest): Guest
}

export type ClientGateDeps = {
  rules: GateRules
  keys: {
    isEmpty(): boolean
    /** Whose secret this is. */
    find(secret: string): ApiKey | null
    get(id: string): ApiKey | null
    used(id: string): void
  }
  settings: () => Pick<Settings, 'requireApiKeys'>
  clock: Clock
}

/** Wrong keys of one address, and of all, in a minute. Right ones are never held up. */
const wrongKeys = { perGuesser: 30, altogether: 600 }

export function createClientGate({ rules, keys, settings, clock }: ClientGateDeps): ClientGate {
  const attempts = createAttempts(clock, wrongKeys)
  const ranges = new WeakMap<ApiKey, AddressRange[]>()
  const rangesOf = (key: ApiKey, texts: readonly string[]): AddressRange[] => {
    const known = ranges.get(key) ?? texts.map(parseRange).filter((range) => range !== null)
    ranges.set(key, known)
    return known
  }
  /** The same few peers come with every request. */
  const addresses = new LRUCache<string, { address: string | null }>({ max: 1_000 })
  const addressOf = (visitor: Visitor): string | null => {
    const { peer = '' } = visitor
    const known = addresses.get(peer)
    if (known) return known.address
    const text = clientAddress(visitor, rules)
    const address = text === 'unknown' ? null : text
    // With trusted proxies the headers count, too.
    if (rules.trustedProxies.length === 0) addresses.set(peer, { address })
    return address
  }
  const check = (key: ApiKey, address: string | null): void => {
    const status = keyStatus(key, clock.now())
    if (status === 'inactive') throw new AppError('api_key_inactive')
    if (status === 'expired') throw new AppError('api_key_expired')
    const { allowedAddresses } = key
    if (allowedAddresses !== null && !isAllowedFrom(rangesOf(key, allowedAddresses), address)) throw notFrom(address)
    keys.used(key.id)
  }
  const withoutKey = (isHere: boolean, hasOther: boolean): void => {
    if (isHere && !settings().requireApiKeys) return
    if (keys.isEmpty()) throw new AppError('authentication_required', { message: noKeysYet(isHere) })
    if (hasOther) throw new AppError('invalid_api_key')
    throw new AppError('authentication_required', { message: needsKey })
  }
  return {
    enter(visitor) {
      const { secret, hasOther } = presented(visitor.headers)
      const address = addressOf(visitor)
      if (secret === null) {
        withoutKey(isLocal(visitor, rules), hasOther)
        return { key: null, address }
      }
      const key = keys.find(secret)
      if (key === null) throw wrongKey(attempts, address ?? 'unknown', isLocal(visitor, rules))
      check(key, address)
      return { key, address }
    },
    stays({ key, address }) {
      if (key === null) {
        // Nobody from elsewhere has come in without a key.
        withoutKey(true, false)
        return { key, address }
      }
      const current = keys.get(key.id)
      // Another secret in the place of the one that opened the socket ends that one.
      if (current === null || current.secretHash !== key.secretHash) throw new AppError('invalid_api_key')
      check(current, address)
      return { key: current, address }
    },
  }
}

const needsKey =
  'An API key is needed here: send it as "Authorization: Bearer sk-clb-…". Keys are made in the dashboard under Keys.'

function noKeysYet(isHere: boolean): string {
  const why = isHere
    ? 'An API key is needed here (setting requireApiKeys), and there is none yet'
    : 'Only this machine is let in without an API key, and there is none yet'
  return `${why}: create one in the dashboard under Keys, and send it as "Authorization: Bearer sk-clb-…".`
}

/** Of OpenAI's browser clients, which cannot send headers when they open a socket. */
const protocolStart = 'openai-insecure-api-key.'

/** What came as a key. What does not look like one of ours is none: Codex sends its own token, others send any text. */
function presented(headers: IncomingHttpHeaders): { secret: string | null; hasOther: boolean } {
  const { authorization, 'x-api-key': apiKey, 'sec-websocket-protocol': protocols } = headers
  let hasOther = false
  const isOurs = (text: string | undefined): text is string => {
    if (text === undefined || text === '') return false
    if (text.startsWith(keyStart)) return true
    hasOther = true
    return false
  }
  const bearer = authorization === undefined ? undefined : bearerOf(authorization)
  if (isOurs(bearer)) return { secret: bearer, hasOther }
  const given = typeof apiKey === 'string' ? apiKey.trim() : undefined
  if (isOurs(given)) return { secret: given, hasOther }
  for (const one of protocols?.split(',') ?? []) {
    const protocol = one.trim()
    if (!protocol.startsWith(protocolStart)) continue
    const secret = protocol.slice(protocolStart.length)
    if (isOurs(secret)) return { secret, hasOther }
  }
  return { secret: null, hasOther }
}

/** Without a pattern: Codex's own token is long, and comes with every request. */
function bearerOf(authorization: string): string | undefined {
  return authorization.slice(0, 7).toLowerCase() === 'bearer ' ? authorization.slice(7).trim() : undefined
}

/** @returns what the guesser is told: that the key is wrong, or after too many of them that there were too many */
function wrongKey(attempts: Attempts, address: string, isHere: boolean): AppError {
  try {
    attempts.count(`key ${address}`, isHere)
    return new AppError('invalid_api_key')
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const { retryAfterSeconds = 1 } = error.details
    const message = `Too many wrong API keys came from there; try again in ${retryAfterSeconds} s, with a right one.`
    return new AppError('too_many_attempts', { message, retryAfterSeconds })
  }
}

function isAllowedFrom(ranges: readonly AddressRange[], address: string | null): boolean {
  const parsed = address === null ? null : parseAddress(address)
  return parsed !== null && isWithin(parsed, ranges)
}

function notFrom(address: string | null): AppError {
  const message = `The API key may not be used from ${address ?? 'an address that is not known'}; its allowed addresses are in the dashboard under Keys.`
  return new AppError('address_not_allowed', { message })
}

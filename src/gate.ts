import type { IncomingHttpHeaders } from 'node:http'
import ipaddr from 'ipaddr.js'
import type { Access, Principal } from './domain/access.ts'
import type { Guest } from './domain/api-key.ts'
import { AppError } from './errors.ts'
import { type Address, type AddressRange, isWithin, parseAddress } from './lib/address-ranges.ts'

// What a route says to the gate, and what the gate leaves on a request.
declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may use the route. A route without one stops the server from starting. */
    access?: Access
    /** What the audit log calls a success; null: it is told nothing. Absent on routes that are not the management API's. */
    audit?: string | null
    /** True when the handler reads the body itself, bounded. */
    readsBody?: boolean
  }
  interface FastifyRequest {
    /** Whom the gate has let in to the dashboard; null on every other route. */
    principal: Principal | null
    /** Whom the gate has let in to the pool; null on every other route. */
    guest: Guest | null
  }
}

export type GateRules = {
  /** Peers whose `X-Forwarded-For` is believed. */
  trustedProxies: readonly AddressRange[]
  /** Host names that are answered, beside localhost and plain addresses. Lower case. */
  hosts: ReadonlySet<string>
  /** Host names whose pages are ours although the Host differs: a reverse proxy may rewrite it. Lower case. */
  origins: ReadonlySet<string>
  /** What a trusted proxy's headers say about who is there; absent: nothing is believed. */
  vouching?: VouchingRules | null
}

/** Header names in lower case. Without groups everybody whom the proxy lets through is an admin. */
export type VouchingRules = {
  userHeader: string
  groups: { header: string; admin: string; viewer: string | null } | null
}

/** What the gate looks at. `peer` is the socket's remote address. */
export type Visitor = { peer: string | undefined; headers: IncomingHttpHeaders }

/**
 * The gate in front of every route: which Host, which page. Who may use the pool is for the client gate to say, who may see
 * the dashboard for its session. @throws AppError `forbidden_host` or `forbidden_origin`
 */
export function admit(visitor: Visitor, access: Access, rules: GateRules): void {
  checkHost(visitor.headers.host, rules)
  if (access === 'public') return
  checkOrigin(visitor.headers, rules)
}

/** What reverse proxies say about whom they speak for, beside `X-Forwarded-For` and `X-Real-IP`. */
const unreadClientHeaders = ['forwarded', 'true-client-ip', 'cf-connecting-ip', 'x-client-ip'] as const

/**
 * True when the request began on this machine. A reverse proxy on this machine must not pass strangers off as local:
 * a forwarded header makes a request remote, and so does a Host that a browser elsewhere could have asked for, unless
 * a trusted proxy here vouches that every hop was here too and nothing contradicts it.
 */
export function isLocal({ peer, headers }: Visitor, { trustedProxies }: GateRules): boolean {
  const address = parseAddress(peer)
  if (address === null || !isLoopback(address)) return false
  if (unreadClientHeaders.some((name) => headers[name] !== undefined)) return false
  const { 'x-forwarded-for': forwardedFor, 'x-real-ip': realIp } = headers
  if (forwardedFor === undefined && realIp === undefined) return isOwnName(hostName(headers.host))
  const hops = [...String(forwardedFor ?? '').split(','), ...(realIp === undefined ? [] : [String(realIp)])]
  return isWithin(address, trustedProxies) && hops.every((hop) => isLoopback(parseAddress(hop.trim())))
}

/** Names that lead to this machine from this machine only. */
function isOwnName(name: string): boolean {
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  return ['loopback', 'unspecified'].includes(parseAddress(name)?.range() ?? '')
}

/** The address that attempts are counted by: the nearest hop that no trusted proxy vouches for. */
export function clientAddress({ peer, headers }: Visitor, { trustedProxies }: GateRules): string {
  const address = parseAddress(peer)
  if (address === null) return 'unknown'
  if (!isWithin(address, trustedProxies)) return address.toString()
  const hops = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((hop) => parseAddress(hop.trim()))
  const client = hops.findLast((hop) => hop === null || !isWithin(hop, trustedProxies))
  return (client ?? address).toString()
}

/** True when a trusted proxy says that the browser came to it by https. We speak plain HTTP ourselves. */
export function cameBySecureWay({ peer, headers }: Visitor, { trustedProxies }: GateRules): boolean {
  const address = parseAddress(peer)
  return address !== null && isWithin(address, trustedProxies) && headers['x-forwarded-proto'] === 'https'
}

/** True when the request comes from a proxy whose word counts, whoever it speaks for. */
export function isTrustedPeer({ peer }: Visitor, { trustedProxies }: GateRules): boolean {
  const address = parseAddress(peer)
  return address !== null && isWithin(address, trustedProxies)
}

/** What names a user is for the dashboard alone: it goes no further with a client's request. */
export function forgetVouching(headers: IncomingHttpHeaders, { vouching }: GateRules): void {
  if (!vouching) return
  delete headers[vouching.userHeader]
  if (vouching.groups) delete headers[vouching.groups.header]
}

/** The origin of the page that asks, or that a program could ask from: ours, as the gate has made sure. */
export function ownOrigin(visitor: Visitor, rules: GateRules): URL | null {
  const { origin, host } = visitor.headers
  const text = origin ?? `${cameBySecureWay(visitor, rules) ? 'https' : 'http'}://${host}`
  return URL.canParse(text) && isOwnOrigin(text, host, rules) ? new URL(text) : null
}

/** True for an address or a name in brackets, which no passkey can be tied to. */
export function isPlainAddress(name: string): boolean {
  return ipaddr.isValid(name.replace(/^\[|\]$/g, ''))
}

/** A name that somebody else's DNS controls could point here; localhost and plain addresses could not. */
function checkHost(host: string | undefined, { hosts }: GateRules): void {
  const name = hostName(host)
  if (name === 'localhost' || name.endsWith('.localhost') || ipaddr.isValid(name) || hosts.has(name)) return
  const message = `The Host name "${name}" is not served here. Add it to CODEX_LB_ALLOWED_HOSTS if it is yours.`
  throw new AppError('forbidden_host', { message })
}

/** A web page of another site must not act through its visitor's browser. Programs send neither of these headers. */
function checkOrigin(headers: IncomingHttpHeaders, rules: GateRules): void {
  const site = headers['sec-fetch-site']
  const { origin } = headers
  const foreignSite = site !== undefined && site !== 'same-origin' && site !== 'none'
  if (foreignSite || (origin !== undefined && !isOwnOrigin(origin, headers.host, rules))) {
    throw new AppError('forbidden_origin')
  }
}

function isOwnOrigin(origin: string, host: string | undefined, { origins }: GateRules): boolean {
  if (!URL.canParse(origin)) return false
  const url = new URL(origin)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return false
  return url.host === host?.toLowerCase() || origins.has(url.hostname)
}

function hostName(host: string | undefined): string {
  const url = `http://${host ?? ''}`
  // What stands beside the name in a URL does not belong into a Host.
  return !/[@/?#\\]/.test(host ?? '') && URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$|\.$/g, '') : ''
}

function isLoopback(address: Address | null): boolean {
  return address?.range() === 'loopback'
}

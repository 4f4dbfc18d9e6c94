import '@fastify/cookie'
import type { FastifyRequest } from 'fastify'
import type { Caller } from '../auth/door.ts'
import type { Site } from '../auth/passkeys.ts'
import { type SignIn, shortIdOf } from '../auth/sign-in.ts'
import type { Actor, Principal } from '../domain/access.ts'
import { AppError } from '../errors.ts'
import { cameBySecureWay, clientAddress, type GateRules, isLocal, isPlainAddress, ownOrigin } from '../gate.ts'
import { vouchedFor } from './voucher.ts'

export const cookieName = 'codex_lb_dashboard_session'

/** Who a request to the dashboard comes from. */
export function callerOf(request: FastifyRequest, rules: GateRules): Caller {
  const visitor = visitorOf(request)
  // The gate asks before the cookie plugin's own hook has run.
  const token = request.server.parseCookie(request.headers.cookie ?? '')[cookieName]
  return {
    token: token === undefined || token.length > 200 ? null : token,
    isLocal: isLocal(visitor, rules),
    address: clientAddress(visitor, rules),
    userAgent: request.headers['user-agent']?.slice(0, 300) ?? null,
    vouched: vouchedFor(request.raw, rules),
  }
}

function visitorOf(request: FastifyRequest) {
  return { peer: request.socket.remoteAddress, headers: request.headers }
}

/** True when the browser came by https: then its cookie must never travel otherwise. */
export function isSecure(request: FastifyRequest, rules: GateRules): boolean {
  return cameBySecureWay(visitorOf(request), rules)
}

/** Somebody whom nobody has let in yet. */
export function strangerOf(request: FastifyRequest, rules: GateRules): Actor {
  return { kind: 'stranger', name: null, address: clientAddress(visitorOf(request), rules) }
}

/** What passkeys are tied to here. @throws AppError with the reason where browsers offer none */
export function siteOf(request: FastifyRequest, rules: GateRules): Site {
  const url = ownOrigin(visitorOf(request), rules)
  const name = url?.hostname ?? ''
  if (url === null || isPlainAddress(name)) {
    const message =
      'Browsers tie passkeys to a host name, and this page was opened at an address. ' +
      'Open it by its name with https, or as http://localhost on this machine.'
    throw new AppError('passkeys_unavailable', { message })
  }
  const isHere = name === 'localhost' || name.endsWith('.localhost')
  if (url.protocol !== 'https:' && !isHere) {
    const message = `Browsers offer passkeys with https only, and this page was opened as ${url.origin}.`
    throw new AppError('passkeys_unavailable', { message })
  }
  return { rpId: name, origin: url.origin }
}

/** Who is not signed in learns which step is missing. @throws AppError */
export async function checkSession(request: FastifyRequest, signIn: SignIn, rules: GateRules): Promise<Principal> {
  const caller = callerOf(request, rules)
  const { address } = caller
  const standing = await signIn.standing(caller)
  switch (standing.kind) {
    case 'open':
      return { role: 'admin', actor: { kind: signIn.mode === 'disabled' ? 'open' : 'local', name: null, address } }
    case 'signed_in': {
      const { session } = standing
      return { role: session.role, actor: { kind: 'session', name: shortIdOf(session), address } }
    }
    case 'vouched': {
      const { name, role } = standing.vouched
      return { role, actor: { kind: 'proxy_header', name, address } }
    }
    case 'owes_code':
      throw new AppError('totp_required')
    case 'stranger':
      throw new AppError(codeOf[standing.needs])
  }
}

const codeOf = {
  password: 'authentication_required',
  bootstrap: 'bootstrap_required',
  proxy: 'proxy_auth_required',
} as const

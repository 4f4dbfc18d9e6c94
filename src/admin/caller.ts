import '@fastify/cookie'
import type { FastifyRequest } from 'fastify'
import type { Caller, SignIn } from '../auth/sign-in.ts'
import type { Principal } from '../domain/access.ts'
import { AppError } from '../errors.ts'
import { cameBySecureWay, clientAddress, type GateRules, isLocal } from '../gate.ts'

export const cookieName = 'codex_lb_dashboard_session'

/** Who a request to the dashboard comes from. */
export function callerOf(request: FastifyRequest, rules: GateRules): Caller {
  const visitor = { peer: request.socket.remoteAddress, headers: request.headers }
  // The gate asks before the cookie plugin's own hook has run.
  const token = request.server.parseCookie(request.headers.cookie ?? '')[cookieName]
  return {
    token: token === undefined || token.length > 200 ? null : token,
    isLocal: isLocal(visitor, rules),
    address: clientAddress(visitor, rules),
    userAgent: request.headers['user-agent']?.slice(0, 300) ?? null,
  }
}

/** True when the browser came by https: then its cookie must never travel otherwise. */
export function isSecure(request: FastifyRequest, rules: GateRules): boolean {
  return cameBySecureWay({ peer: request.socket.remoteAddress, headers: request.headers }, rules)
}

/** Who is not signed in learns which step is missing. @throws AppError */
export async function checkSession(request: FastifyRequest, signIn: SignIn, rules: GateRules): Promise<Principal> {
  const caller = callerOf(request, rules)
  const standing = await signIn.standing(caller)
  if (standing.kind === 'owes_code') throw new AppError('totp_required')
  if (standing.kind === 'open') return { role: 'admin', actor: { kind: 'local', name: null, address: caller.address } }
  if (standing.kind === 'signed_in') {
    const name = standing.session.idHash.slice(0, 12)
    return { role: 'admin', actor: { kind: 'session', name, address: caller.address } }
  }
  throw new AppError(standing.needs === 'bootstrap' ? 'bootstrap_required' : 'authentication_required')
}

import type { FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import type { Principal } from '../domain/access.ts'
import { dayMs } from '../domain/quota.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { AttemptTrail } from './attempt-trail.ts'
import type { AuditTrail } from './audit.ts'

type HeaderSignInDeps = {
  trail: AuditTrail
  attempts: AttemptTrail
  clock: Clock
  /** The header that names the user; null: none is believed. */
  userHeader: string | null
  check: (request: FastifyRequest) => Promise<Principal>
  strangerOf: (request: FastifyRequest) => Principal['actor']
}

/**
 * The check of who is there, with what a reverse proxy vouches for written down: there is no session that begins, so each
 * user, role and address is an entry once a day. A header that was not believed is a refused attempt.
 */
export function notingHeaders(deps: HeaderSignInDeps): (request: FastifyRequest) => Promise<Principal> {
  const { trail, attempts, clock, userHeader, check, strangerOf } = deps
  if (userHeader === null) return check
  const seen = new LRUCache<string, number>({ max: 1_000 })
  const action = 'session.sign_in'
  return async (request) => {
    try {
      const principal = await check(request)
      const { role, actor } = principal
      const key = JSON.stringify([actor.name, role, actor.address])
      if (actor.kind === 'proxy_header' && (seen.get(key) ?? 0) <= clock.now() - dayMs) {
        seen.set(key, clock.now())
        const entry = { action, actor, requestId: request.id, target: null, outcome: 'success' as const, before: null }
        await trail.write({ ...entry, after: { method: 'proxy_header', role } })
      }
      return principal
    } catch (error) {
      if (
        error instanceof AppError &&
        error.code === 'proxy_auth_required' &&
        request.headers[userHeader] !== undefined
      ) {
        const actor = strangerOf(request)
        attempts.note({ action, actor, requestId: request.id, method: 'proxy_header', code: error.code })
      }
      throw error
    }
  }
}

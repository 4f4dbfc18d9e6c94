import type { FastifyRequest } from 'fastify'
import type { Account } from '../domain/account.ts'
import { type Guest, isInScope, scopeOf } from '../domain/api-key.ts'

/** Whom the gate has let in with this request. */
export function guestOf({ guest }: Pick<FastifyRequest, 'guest'>): Guest {
  if (guest === null) throw new Error('The route is not for clients of the pool.')
  return guest
}

/** The pool as a client has it: the accounts that may serve it. */
export function accountsFor(pool: { accounts(): readonly Account[] }, { key }: Guest): readonly Account[] {
  const scope = scopeOf(key)
  return scope === null ? pool.accounts() : pool.accounts().filter((account) => isInScope(account, scope))
}

/** What of a client's key decides where its requests may go, and how many of them at once. */
export function admissionOf({ key }: Guest) {
  return { keyId: key?.id ?? null, scope: scopeOf(key), sharePercent: key?.poolSharePercent ?? null }
}

import type { FastifyRequest } from 'fastify'
import type { Guest } from '../domain/api-key.ts'

/** Whom the gate has let in with this request. */
export function guestOf({ guest }: Pick<FastifyRequest, 'guest'>): Guest {
  if (guest === null) throw new Error('The route is not for clients of the pool.')
  return guest
}

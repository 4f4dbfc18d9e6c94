import type { Affinity } from '../accounts/affinity.ts'
import type { Home } from '../balancer/strategies/strategy.ts'
import type { Ask, OwnedObject } from '../domain/request.ts'
import { AppError } from '../errors.ts'

/** The account that alone can serve a request, and the object that says so. */
export type Owner = { accountId: string; object: OwnedObject }

/**
 * The account that a response, a conversation or a file belongs to. @throws AppError where several of them disagree, or one
 * is another key's
 */
export async function ownerOf(
  { owned, keyId }: Pick<Ask, 'owned' | 'keyId'>,
  affinity: Affinity,
): Promise<Owner | null> {
  let found: Owner | null = null
  for (const object of owned) {
    if (object.kind === 'turn_state') continue
    const place = await affinity.find(object)
    if (place === null) continue
    const { accountId } = place
    if (place.keyId !== keyId) throw notFound(object)
    if (found && found.accountId !== accountId) {
      const message = 'The request names objects of different accounts, which no account can serve together.'
      throw new AppError('owner_unavailable', { message })
    }
    found = { accountId, object }
  }
  return found
}

/** For whoever has not made it, it is not there. */
function notFound({ kind, id }: OwnedObject): AppError {
  if (kind === 'response') return new AppError('previous_response_not_found', { param: 'previous_response_id' })
  if (kind === 'conversation') return new AppError('conversation_not_found', { param: 'conversation' })
  return new AppError('file_not_found', { message: `No file "${id.slice(0, 100)}" is known here.`, param: 'input' })
}

/**
 * Where the beginning of the request is cached. A turn state says it best: it was issued a moment ago by the account that
 * has the whole input but for the newest items.
 */
export function homeOf(ask: Ask, affinity: Affinity): { home: Home | null; turnStateOwner: string | null } {
  const turnState = ask.owned.find(({ kind }) => kind === 'turn_state')
  const turnStateOwner = turnState ? affinity.ownerInMemory(turnState, ask.keyId) : null
  const known = affinity.home(ask.affinityKeys)
  if (turnStateOwner === null) return { home: known, turnStateOwner }
  const warmTokens = known?.accountId === turnStateOwner ? known.warmTokens : 0
  return {
    home: { accountId: turnStateOwner, warmTokens: Math.max(warmTokens, ask.inputTokens * 0.9) },
    turnStateOwner,
  }
}

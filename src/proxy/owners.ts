import type { Affinity } from '../accounts/affinity.ts'
import type { Home } from '../balancer/strategies/strategy.ts'
import type { Ask, OwnedObject } from '../domain/request.ts'
import { AppError } from '../errors.ts'

/** The account that alone can serve a request, and the object that says so. */
export type Owner = { accountId: string; object: OwnedObject }

/** The account that a response, a conversation or a file belongs to. @throws AppError where several of them disagree */
export async function ownerOf(owned: readonly OwnedObject[], affinity: Affinity): Promise<Owner | null> {
  let found: Owner | null = null
  for (const object of owned) {
    if (object.kind === 'turn_state') continue
    const accountId = await affinity.owner(object)
    if (accountId === null) continue
    if (found && found.accountId !== accountId) {
      const message = 'The request names objects of different accounts, which no account can serve together.'
      throw new AppError('owner_unavailable', { message })
    }
    found = { accountId, object }
  }
  return found
}

/**
 * Where the beginning of the request is cached. A turn state says it best: it was issued a moment ago by the account that
 * has the whole input but for the newest items.
 */
export function homeOf(ask: Ask, affinity: Affinity): { home: Home | null; turnStateOwner: string | null } {
  const turnState = ask.owned.find(({ kind }) => kind === 'turn_state')
  const turnStateOwner = turnState ? affinity.ownerInMemory(turnState) : null
  const known = affinity.home(ask.affinityKeys)
  if (turnStateOwner === null) return { home: known, turnStateOwner }
  const warmTokens = known?.accountId === turnStateOwner ? known.warmTokens : 0
  return {
    home: { accountId: turnStateOwner, warmTokens: Math.max(warmTokens, ask.inputTokens * 0.9) },
    turnStateOwner,
  }
}

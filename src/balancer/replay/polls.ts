/** When each account's figures are read: once in each cycle, one after the other, as long as there may be news. */
export type Polls = {
  /** There may be news of the account: its next turn in the cycle is used. */
  due(accountId: string, nowMs: number): void
  /** The account is being polled. */
  done(accountId: string): void
}

/** A poll that can tell nothing new is left out: with hundreds of idle accounts polls would be most of a replay. */
export function createPolls(
  accounts: readonly { id: string }[],
  cycleMs: number,
  at: (atMs: number, accountId: string) => void,
): Polls {
  const offsets = new Map(accounts.map(({ id }, place) => [id, (place * cycleMs) / accounts.length]))
  const waiting = new Set<string>()
  return {
    due(accountId, nowMs) {
      const offset = offsets.get(accountId)
      if (offset === undefined || waiting.has(accountId)) return
      waiting.add(accountId)
      at((Math.floor((nowMs - offset) / cycleMs) + 1) * cycleMs + offset, accountId)
    },
    done: (accountId) => void waiting.delete(accountId),
  }
}

/** The prompt caches of all accounts: which beginning of which thread each still holds. */
export type ModelCache = {
  /** Tokens of the input that are cached on the account. */
  cached(accountId: string, turn: CachedTurn, nowMs: number): number
  /** The same if the thread had never changed accounts. */
  bestCached(turn: CachedTurn, nowMs: number): number
  /** An answer has ended: the account holds the input and the answer. */
  keep(accountId: string, turn: CachedTurn, nowMs: number): void
  /** The account that served the thread last. */
  lastAccount(threadKey: string): string | null
}

type CachedTurn = { threadKey: string; sessionKey: string | null; inputTokens: number; outputTokens: number }
type Held = { tokens: number; atMs: number }

export type CacheRules = {
  /** How long a prompt is kept after its last use. */
  cacheLifeMs: number
  /** Threads of one session share their instructions and tools. */
  sharedPrefixTokens: number
  /** The share of what could be cached that is. */
  cacheYield: number
}

/** Stands for "whichever account" in the keys. */
const anywhere = ''

export function createModelCache({ cacheLifeMs, sharedPrefixTokens, cacheYield }: CacheRules): ModelCache {
  const threads = new Map<string, Held>()
  const sessions = new Map<string, number>()
  const last = new Map<string, string>()

  const heldBy = (accountId: string, turn: CachedTurn, nowMs: number): number => {
    const { threadKey, sessionKey, inputTokens } = turn
    const held = threads.get(`${accountId} ${threadKey}`)
    // An input that is shorter than what was sent before is a conversation that was summed up: only its beginning is the same.
    if (held !== undefined && nowMs - held.atMs < cacheLifeMs && held.tokens <= inputTokens)
      return Math.floor(held.tokens * cacheYield)
    const sharedAtMs = sessionKey === null ? undefined : sessions.get(`${accountId} ${sessionKey}`)
    const isShared = sharedAtMs !== undefined && nowMs - sharedAtMs < cacheLifeMs
    return isShared ? Math.floor(Math.min(inputTokens, sharedPrefixTokens) * cacheYield) : 0
  }
  return {
    cached: heldBy,
    bestCached: (turn, nowMs) => heldBy(anywhere, turn, nowMs),
    keep(accountId, { threadKey, sessionKey, inputTokens, outputTokens }, nowMs) {
      for (const place of [accountId, anywhere]) {
        threads.set(`${place} ${threadKey}`, { tokens: inputTokens + outputTokens, atMs: nowMs })
        if (sessionKey !== null) sessions.set(`${place} ${sessionKey}`, nowMs)
      }
      last.set(threadKey, accountId)
    },
    lastAccount: (threadKey) => last.get(threadKey) ?? null,
  }
}

import type { Home } from '../strategies/strategy.ts'

/** Where threads live, as the product remembers it. */
export type Homes = {
  home(threadKey: string, sessionKey: string | null, nowMs: number): Home | null
  bind(threadKey: string, sessionKey: string | null, accountId: string, nowMs: number): void
  warmed(threadKey: string, sessionKey: string | null, accountId: string, tokens: number, nowMs: number): void
}

type Row = Home & { usedAtMs: number }

export type HomeRules = { lifeMs: number; cacheLifeMs: number; sharedPrefixTokens: number }

export function createHomes({ lifeMs, cacheLifeMs, sharedPrefixTokens }: HomeRules): Homes {
  const rows = new Map<string, Row>()
  const keysOf = (threadKey: string, sessionKey: string | null) =>
    sessionKey === null ? [`t ${threadKey}`] : [`t ${threadKey}`, `s ${sessionKey}`]
  const alive = (key: string, nowMs: number): Row | null => {
    const row = rows.get(key)
    return row !== undefined && row.usedAtMs + lifeMs > nowMs ? row : null
  }
  return {
    home(threadKey, sessionKey, nowMs) {
      for (const [place, key] of keysOf(threadKey, sessionKey).entries()) {
        const row = alive(key, nowMs)
        if (row === null) continue
        const warm = nowMs - row.usedAtMs < cacheLifeMs ? row.warmTokens : 0
        return { accountId: row.accountId, warmTokens: place === 0 ? warm : Math.min(warm, sharedPrefixTokens) }
      }
      return null
    },
    bind(threadKey, sessionKey, accountId, nowMs) {
      if (lifeMs === 0) return
      for (const key of keysOf(threadKey, sessionKey)) {
        const before = alive(key, nowMs)
        const warmTokens = before?.accountId === accountId ? before.warmTokens : 0
        rows.set(key, { accountId, warmTokens, usedAtMs: nowMs })
      }
    },
    warmed(threadKey, sessionKey, accountId, tokens, nowMs) {
      for (const key of keysOf(threadKey, sessionKey))
        if (rows.get(key)?.accountId === accountId) rows.set(key, { accountId, warmTokens: tokens, usedAtMs: nowMs })
    },
  }
}

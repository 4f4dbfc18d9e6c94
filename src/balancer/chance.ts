/** FNV-1a of a text: good enough to spread load, useless for secrets. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

/**
 * A number in (0, 1) that depends only on two hashes: the same request gives the same choice when it is replayed.
 */
export function chanceOfHashes(seed: number, account: number): number {
  let hash = Math.imul(seed ^ Math.imul(account, 0x9e3779b1), 0x01000193) ^ account
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32
}

/** The same for two texts. */
export function chanceOf(seed: string, accountId: string): number {
  return chanceOfHashes(hashOf(seed), hashOf(accountId))
}

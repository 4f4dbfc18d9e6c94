/**
 * A number in (0, 1) that depends only on its texts: the same request gives the same choice when it is replayed.
 * FNV-1a with a final mix; good enough to spread load, useless for secrets.
 */
export function chanceOf(seed: string, accountId: string): number {
  let hash = 0x811c9dc5
  for (const text of [seed, accountId]) {
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
    hash = Math.imul(hash ^ 0xff, 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32
}

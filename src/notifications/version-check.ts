import { readVersion } from '../domain/notifications/version.ts'
import { hourMs } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import { SafeFetchError, safeFetch } from '../lib/safe-fetch.ts'

export type VersionCheck = {
  /** The version found last, at once; null: none yet. Asks the address when that is due, in the background. */
  latest(source: Source): string | null
  /** Why the address gave no version the last time, or null. */
  problem(source: Source): string | null
}

type Source = { url: string; allowPrivateAddress: boolean }
type Known = { version: string | null; problem: string | null; nextAtMs: number }

const everyMs = 6 * hourMs
const afterFailureMs = hourMs
/** There are only as many as there are rules; those of rules that are gone go when new ones come. */
const mostSources = 100

/** Looks at addresses that tell the latest version. It is never called but for a rule that is on. */
export function createVersionCheck(clock: Clock, running: string, stopping: AbortSignal): VersionCheck {
  const known = new Map<string, Known>()
  const keyOf = ({ url, allowPrivateAddress }: Source) => `${allowPrivateAddress} ${url}`

  async function check(source: Source, before: Known): Promise<void> {
    const found = await versionAt(source, running, stopping)
    const isFound = found.problem === null
    const nextAtMs = clock.now() + (isFound ? everyMs : afterFailureMs)
    known.set(keyOf(source), { version: found.version ?? before.version, problem: found.problem, nextAtMs })
  }

  return {
    latest(source) {
      const key = keyOf(source)
      const before = known.get(key) ?? { version: null, problem: null, nextAtMs: 0 }
      if (clock.now() < before.nextAtMs || stopping.aborted) return before.version
      const [oldest] = known.keys()
      if (known.size >= mostSources && oldest !== undefined) known.delete(oldest)
      known.set(key, { ...before, nextAtMs: Number.POSITIVE_INFINITY })
      void check(source, before)
      return before.version
    },
    problem: (source) => known.get(keyOf(source))?.problem ?? null,
  }
}

/** Never throws. */
async function versionAt({ url, allowPrivateAddress }: Source, running: string, signal: AbortSignal) {
  try {
    const { status, body } = await safeFetch({
      ...{ url, signal, reach: allowPrivateAddress ? 'private_too' : 'public' },
      headers: { 'user-agent': `codex-lb/${running}`, accept: 'application/json, text/plain' },
    })
    if (status !== 200) return { version: null, problem: `The address answered ${status}.` }
    const version = versionIn(body.toString('utf8'))
    return { version, problem: version === null ? 'The answer names no version.' : null }
  } catch (error) {
    if (!(error instanceof SafeFetchError)) return { version: null, problem: 'The call failed.' }
    return { version: null, problem: error.message }
  }
}

/** A release of GitHub or Gitea (`tag_name`), a package (`version`), or plain text. */
function versionIn(text: string): string | null {
  try {
    const { tag_name: tag, version } = JSON.parse(text) as Record<string, unknown>
    const named = [tag, version].find((field) => typeof field === 'string')
    return named === undefined ? null : readVersion(named)
  } catch {
    return readVersion(text.slice(0, 200))
  }
}

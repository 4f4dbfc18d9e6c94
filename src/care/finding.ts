/** What one check has found. `cause` says what is wrong and `fix` what to do; both null where nothing is wrong. */
export type Finding = {
  /** Stable, for programs. */
  id: string
  title: string
  status: 'ok' | 'warning' | 'failed' | 'skipped'
  /** What was found, in a few words; for what is fine too. */
  found: string
  cause: string | null
  fix: string | null
}

type Named = Pick<Finding, 'id' | 'title'>

export function fine(check: Named, found: string): Finding {
  return { ...check, status: 'ok', found, cause: null, fix: null }
}

export function warning(check: Named, found: string, cause: string, fix: string): Finding {
  return { ...check, status: 'warning', found, cause, fix }
}

export function failed(check: Named, found: string, cause: string, fix: string): Finding {
  return { ...check, status: 'failed', found, cause, fix }
}

export function skipped(check: Named, why: string): Finding {
  return { ...check, status: 'skipped', found: why, cause: null, fix: null }
}

/** A check that breaks down has found something too. */
export async function guarded(check: Named, look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return [failed(check, 'the check itself failed', why, 'Report this with the line above.')]
  }
}

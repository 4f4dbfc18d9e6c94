import { inArray } from 'drizzle-orm'
import { Secret, UnsealError, type Vault } from '../lib/secrets.ts'
import type { Tables } from './schema.ts'
import type { Unit } from './unit.ts'

/** The row of `meta` that tells which key a database's secrets are sealed with. */
export const keyIdName = 'key_id'
const keyCheckName = 'key_check'
const keyCheckIdentity = 'meta:key_check'

/** Thrown when a database was written with another encryption key than the one given. */
export class KeyMismatchError extends Error {
  /** The program ends with this code: a person has to mend the configuration. */
  readonly exitCode = 78
  constructor(stored: string, given: string) {
    super(
      `The stored tokens are encrypted with the key ${stored}, but the key file holds the key ${given}. Put the right key file back, or set CODEX_LB_ENCRYPTION_KEY_FILE to where it is. To start anew without the stored accounts, move the database away.`,
    )
    this.name = 'KeyMismatchError'
  }
}

/**
 * Binds a new database to the key, and holds a known one against it.
 * @throws KeyMismatchError
 */
export async function checkKey(t: Tables, unit: Unit, vault: Vault): Promise<void> {
  const stored = await unit('meta.checkKey', async (tx) => {
    const mine = [
      { name: keyIdName, value: vault.keyId },
      { name: keyCheckName, value: vault.seal(new Secret(vault.keyId), keyCheckIdentity) },
    ]
    await tx.insert(t.meta).values(mine).onConflictDoNothing()
    const rows = await tx
      .select()
      .from(t.meta)
      .where(inArray(t.meta.name, [keyIdName, keyCheckName]))
    return new Map(rows.map((row) => [row.name, row.value]))
  })
  const keyId = stored.get(keyIdName) ?? 'unknown'
  if (keyId !== vault.keyId) throw new KeyMismatchError(keyId, vault.keyId)
  try {
    vault.open(stored.get(keyCheckName) ?? '', keyCheckIdentity)
  } catch (error) {
    if (error instanceof UnsealError) throw new KeyMismatchError(keyId, vault.keyId)
    throw error
  }
}

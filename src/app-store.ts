import { mkdir } from 'node:fs/promises'
import type { Config } from './config.ts'
import { readOrCreateKey } from './lib/key-file.ts'
import { createVault } from './lib/secrets.ts'
import { databaseIsKeyed, openStore } from './store/open.ts'
import type { Store } from './store/store.ts'

/**
 * The database that the configuration names, with the key that belongs to it. A key is made only for a database that
 * holds no secrets yet. @throws KeyFileError, KeyMismatchError, DatabaseRefusedError
 */
export async function openConfiguredStore(
  config: Config,
  log: { warn(fields: object, message: string): void },
): Promise<Store> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  const { key, warnings } = await readOrCreateKey(
    config.encryptionKeyFile,
    !(await databaseIsKeyed(config.databaseUrl)),
  )
  for (const warning of warnings) log.warn({}, warning)
  return openStore({ url: config.databaseUrl, dataDir: config.dataDir, vault: createVault(key), log })
}

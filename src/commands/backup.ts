import { join, resolve } from 'node:path'
import { type Config, readConfig } from '../config.ts'
import { systemClock } from '../lib/clock.ts'
import { keyIn, readKeyText, replaceKeyFile } from '../lib/key-file.ts'
import { createVault, Secret } from '../lib/secrets.ts'
import { BackupError, databaseFile, type FoundBackup, putBack, readBackup, writeBackup } from '../store/backup.ts'
import { version } from '../version.ts'
import type { Call, ExitCode, Options } from './command.ts'

/** `codex-lb backup FILE`: a copy of the database as it is at one moment. The server may be running. */
export async function backup(call: Call, options: Options): Promise<ExitCode> {
  const { config, file } = read(call)
  if (file === null) return 2
  const withKey = options.has('with-key')
  const key = withKey ? await readKeyText(config.encryptionKeyFile) : null
  if (withKey && key === null) throw new BackupError(`There is no key file ${config.encryptionKeyFile}.`)
  writeBackup(databaseFile(config.databaseUrl), file, { version, madeAtMs: systemClock.now(), key })
  call.print(`The database is copied to ${file}.`)
  call.print(
    withKey
      ? 'The key is in it: whoever has this file has the accounts.'
      : `The key is not in it: keep a copy of ${config.encryptionKeyFile} too, apart from this file.`,
  )
  return 0
}

/** `codex-lb restore FILE`. What was there is kept. */
export async function restore(call: Call): Promise<ExitCode> {
  const { config, file } = read(call)
  if (file === null) return 2
  const path = databaseFile(config.databaseUrl)
  const found = readBackup(file)
  const key = await keyFor(found, config)
  const stamp = new Date(systemClock.now()).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  const kept = putBack(file, path, join(config.dataDir, 'backups'), stamp)
  const keptKey = key === null ? null : await replaceKeyFile(config.encryptionKeyFile, key, stamp)
  call.print(`The database is as it was at ${new Date(found.madeAtMs).toISOString()}.`)
  if (kept !== null) call.print(`What was there before is kept in ${kept}.`)
  if (key !== null) call.print(`The key of the backup is in ${config.encryptionKeyFile} now.`)
  if (keptKey !== null) call.print(`The key that was there before is kept in ${keptKey}.`)
  call.print('Logins that were renewed since then may ask to be signed in again.')
  return 0
}

function read(call: Call): { config: Config; file: string | null } {
  const { config, warnings } = readConfig(call.env, call.cwd, call.isTerminal)
  for (const warning of warnings) call.complain(`codex-lb: ${warning}`)
  const [name, ...more] = call.operands
  if (name !== undefined && more.length === 0) return { config, file: resolve(call.cwd, name) }
  call.complain('codex-lb: give one file')
  return { config, file: null }
}

/** The key that has to be put in place with the database; null: the one that is there fits. @throws BackupError */
async function keyFor({ keyId, keyText }: FoundBackup, { encryptionKeyFile }: Config): Promise<Secret | null> {
  const present = await readKeyText(encryptionKeyFile)
  if (keyId === null || (present !== null && idOf(present.reveal()) === keyId)) return null
  if (keyText !== null && idOf(keyText) === keyId) return new Secret(keyText)
  throw new BackupError(
    `The tokens in the backup are encrypted with the key ${keyId}, which is neither in the backup nor in ${encryptionKeyFile}. Put that key file back first, or set CODEX_LB_ENCRYPTION_KEY_FILE to where it is.`,
  )
}

function idOf(text: string): string | null {
  const key = keyIn(text)
  return key === null ? null : createVault(key).keyId
}

import { existsSync, statSync } from 'node:fs'
import { keyIn, readKeyText } from '../lib/key-file.ts'
import { createVault } from '../lib/secrets.ts'
import { type DatabaseState, inspectDatabase } from '../store/inspect.ts'
import { type Finding, failed, fine, skipped, warning } from './finding.ts'

const database = { id: 'database', title: 'Database' }
const keyFile = { id: 'key_file', title: 'Key file' }
const othersMask = 0o077

/** Whether the database is whole and of this release, and whether its key is there. Opens it for reading only. */
export async function checkDatabase(url: string, keyPath: string): Promise<Finding[]> {
  const state = await inspectDatabase(url)
  return [databaseFinding(state), await keyFinding(state, keyPath)]
}

function databaseFinding(state: DatabaseState): Finding {
  switch (state.kind) {
    case 'missing':
      return warning(
        database,
        'there is none yet',
        'The server has not been started here.',
        'Start it once: codex-lb serve',
      )
    case 'unreadable':
      return failed(
        database,
        'cannot be opened',
        state.why,
        'Check CODEX_LB_DATABASE_URL and who may read it; or put a backup back: codex-lb restore FILE',
      )
    case 'foreign':
      return failed(
        database,
        'belongs to another program',
        'It has tables, but none of codex-lb.',
        'Set CODEX_LB_DATABASE_URL to another file.',
      )
    case 'open': {
      const size = state.bytes === null ? '' : `, ${(state.bytes / 1024 ** 2).toFixed(1)} MiB`
      if (state.damage !== null) {
        return failed(
          database,
          'is damaged',
          state.damage,
          'Stop the server and put a backup back: codex-lb restore FILE',
        )
      }
      if (state.newer.length > 0) {
        return failed(
          database,
          'was written by a newer release',
          `It has ${state.newer.join(', ')}.`,
          'Start that release again, or put back a copy from before it (folder backups).',
        )
      }
      if (state.pending > 0) return fine(database, `whole${size}; ${state.pending} migrations wait for the next start`)
      return fine(database, `whole${size}`)
    }
  }
}

async function keyFinding(state: DatabaseState, path: string): Promise<Finding> {
  const keyId = state.kind === 'open' ? state.keyId : null
  const text = await readKeyText(path)
  if (text === null) {
    if (keyId === null) return skipped(keyFile, 'made at the first start')
    return failed(
      keyFile,
      `${path} is missing`,
      'The stored tokens cannot be read without it.',
      'Put it back from a backup, or set CODEX_LB_ENCRYPTION_KEY_FILE to where it is.',
    )
  }
  const key = keyIn(text.reveal())
  if (key === null)
    return failed(
      keyFile,
      `${path} is damaged`,
      'It must be one line: codex-lb-key-v1: and 32 bytes in base64.',
      'Put it back from a backup.',
    )
  const { keyId: own } = createVault(key)
  if (keyId !== null && own !== keyId) {
    return failed(
      keyFile,
      `${path} holds the key ${own}`,
      `The stored tokens are encrypted with the key ${keyId}.`,
      'Put the right key file back, or set CODEX_LB_ENCRYPTION_KEY_FILE to where it is.',
    )
  }
  const isOpen = existsSync(path) && (statSync(path).mode & othersMask) !== 0
  return isOpen
    ? warning(keyFile, path, 'Other users of this machine may read it.', `chmod 600 ${path}`)
    : fine(keyFile, 'is there, and fits the database')
}

import { randomBytes } from 'node:crypto'
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Secret } from './secrets.ts'

/** Thrown when there is no usable key. The message is for the person who starts the program. */
export class KeyFileError extends Error {
  /** The program ends with this code: a person has to mend the configuration. */
  readonly exitCode = 78
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'KeyFileError'
  }
}

const format = /^codex-lb-key-v1:([A-Za-z0-9+/]{43}=)\s*$/
const keyBytes = 32
const othersMask = 0o077

/**
 * Reads the encryption key. A missing file is made only when `mayCreate` says that nothing was ever encrypted;
 * processes that start at once end up with the same key. `warnings` are sentences for the log.
 * @throws KeyFileError
 */
export async function readOrCreateKey(path: string, mayCreate: boolean): Promise<{ key: Buffer; warnings: string[] }> {
  const text = (await read(path)) ?? (mayCreate ? await create(path) : null)
  if (text === null) {
    throw new KeyFileError(
      `The key file ${path} is missing, and the database holds tokens that are encrypted with it. Put it back from a backup, or set CODEX_LB_ENCRYPTION_KEY_FILE to where it is. To start anew without the stored tokens, move the database away.`,
    )
  }
  const key = keyIn(text)
  if (key === null) {
    throw new KeyFileError(
      `The key file ${path} is damaged: it must be one line, codex-lb-key-v1: and 32 bytes in base64. Put it back from a backup.`,
    )
  }
  const { mode } = await stat(path)
  const open = (mode & othersMask) !== 0
  return {
    key,
    warnings: open ? [`Other users of this machine may use the key file ${path}; run: chmod 600 ${path}`] : [],
  }
}

/** The key that the text of a key file holds; null when it is none. */
export function keyIn(text: string): Buffer | null {
  const encoded = format.exec(text)?.[1]
  return encoded === undefined ? null : Buffer.from(encoded, 'base64')
}

/** The text of a key file, or null when there is no such file. @throws KeyFileError */
export async function readKeyText(path: string): Promise<Secret | null> {
  const text = await read(path)
  return text === null ? null : new Secret(text)
}

/** Puts a key file in its place, with another one that was there kept under a new name, which is returned. */
export async function replaceKeyFile(path: string, text: Secret, stamp: string): Promise<string | null> {
  const kept = `${path}.${stamp}-before-restore`
  const wasThere = await rename(path, kept).then(
    () => true,
    (error: unknown) => {
      if (hasCode(error, 'ENOENT')) return false
      throw error
    },
  )
  await writeDurably(path, text.reveal())
  await syncFolder(dirname(path))
  return wasThere ? kept : null
}

/** The text, or null when there is no such file. */
async function read(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw new KeyFileError(`The key file ${path} cannot be read.`, { cause: error })
  }
}

/** A whole file appears under its name at once, or another process was first and its file is the one that counts. */
async function create(path: string): Promise<string | null> {
  const draft = `${path}.${randomBytes(8).toString('hex')}.tmp`
  try {
    await writeDurably(draft, `codex-lb-key-v1:${randomBytes(keyBytes).toString('base64')}\n`)
    await link(draft, path).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error
    })
    await syncFolder(dirname(path))
  } catch (error) {
    throw new KeyFileError(`The key file ${path} cannot be created.`, { cause: error })
  } finally {
    await rm(draft, { force: true })
  }
  return read(path)
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The new name must survive a power cut as well: tokens are encrypted with this key from now on. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

import { chmod, mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fingerprint, randomId } from '../../lib/secrets.ts'

/** A file that is about to be changed: what is in it now, and the copy that was taken before the first change. */
export type EditedFile = {
  /** Where the bytes are: behind symbolic links, which stay. */
  path: string
  /** Null: there is no such file. */
  text: string | null
  /** What it was before we changed it; `text` null: there was none. Null: we never did. */
  backup: { path: string; text: string | null; wasWritten: boolean } | null
}

/** Our lines may hold a key, so a file that we make is its owner's. */
const ownerOnly = 0o600

/** `FILE.before-codex-lb-DIGEST`: the digest is that of the text that we wrote last, to see whether somebody changed it since. */
const backupMark = '.before-codex-lb-'
const digestOf = (text: string) => fingerprint(text).slice(0, 8)

export async function openFile(given: string): Promise<EditedFile> {
  const path = await realpath(given).catch(() => given)
  const text = await readOrNull(path)
  const start = basename(path) + backupMark
  const names = await readdir(dirname(path)).catch((): string[] => [])
  const name = names.filter((one) => one.startsWith(start)).toSorted()[0]
  if (name === undefined) return { path, text, backup: null }
  const kept = await readFile(join(dirname(path), name), 'utf8')
  const wasWritten = text !== null && name === start + digestOf(text)
  return { path, text, backup: { path: join(dirname(path), name), text: kept === '' ? null : kept, wasWritten } }
}

/** Writes a new text, after a copy of what was there before our first change. @throws when the file changed meanwhile */
export async function changeFile({ path, text, backup }: EditedFile, next: string): Promise<{ backupPath: string }> {
  await mkdir(dirname(path), { recursive: true })
  await refuseChanged(path, text)
  const backupPath = path + backupMark + digestOf(next)
  if (backup === null) await writeFile(backupPath, text ?? '', { mode: ownerOnly, flag: 'wx' })
  else if (backup.path !== backupPath) await rename(backup.path, backupPath)
  await put(path, next)
  return { backupPath }
}

/** Writes what was there, or takes the file away where there was none, and lets go of the copy. */
export async function restoreFile({ path, text, backup }: EditedFile, next: string | null): Promise<void> {
  await refuseChanged(path, text)
  if (next === null) await rm(path, { force: true })
  else await put(path, next)
  if (backup !== null) await rm(backup.path, { force: true })
}

async function refuseChanged(path: string, expected: string | null): Promise<void> {
  if ((await readOrNull(path)) === expected) return
  throw Object.assign(new Error(`${path} was changed by somebody else meanwhile; nothing was written. Run it again.`), {
    code: 'CONFIG_CHANGED',
  })
}

/** Whole or not at all: a client that starts meanwhile must not read half a file. */
async function put(path: string, text: string): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${randomId('')}`)
  const mode = await stat(path).then(
    (found) => found.mode & 0o777,
    () => ownerOnly,
  )
  try {
    await writeFile(draft, text, { mode: ownerOnly, flag: 'wx' })
    await chmod(draft, mode)
    await rename(draft, path)
  } finally {
    await rm(draft, { force: true })
  }
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

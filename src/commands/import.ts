import { readdir, readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type ImportFile, type ImportOutcome, importedOf, importFiles } from '../accounts/import.ts'
import { openConfiguredStore } from '../app-store.ts'
import { type Config, readConfig } from '../config.ts'
import { systemClock } from '../lib/clock.ts'
import { auditCommand, notAudited } from './audit.ts'
import type { Call, ExitCode } from './command.ts'

/** The part of the product that stores accounts, opened for one import. */
type Importer = {
  importFiles(files: ImportFile[]): Promise<ImportOutcome[]>
  close(): Promise<void>
}

const maxFileBytes = 1024 * 1024

/** `codex-lb import`: reads the files that the operands name, imports them, and says what became of each. */
export async function importAccounts(call: Call, open = openImporter): Promise<ExitCode> {
  const { config, warnings } = readConfig(call.env, call.cwd, call.isTerminal)
  for (const warning of warnings) call.complain(`codex-lb: ${warning}`)
  const { files, rejected } = await readAll(call.operands, call.cwd)
  const outcomes = [
    ...rejected,
    ...(files.length === 0 ? [] : await importInto(await open(config, call.complain), files)),
  ]
  for (const outcome of outcomes) call.print(printable(lineOf(outcome)))
  const count = (kind: ImportOutcome['kind']) => outcomes.filter((outcome) => outcome.kind === kind).length
  call.print(`${count('imported')} imported, ${count('updated')} updated, ${count('rejected')} rejected`)
  return count('rejected') === 0 ? 0 : 1
}

/** Writes into the database itself: a server that runs on it notices within seconds. */
async function openImporter(config: Config, complain: Call['complain']): Promise<Importer> {
  const store = await openConfiguredStore(config, silentLog)
  return {
    async importFiles(files) {
      const outcomes = await importFiles(store, systemClock, files)
      const after = importedOf(outcomes)
      if (!(await auditCommand(store, 'account.import', { after }))) complain(notAudited)
      return outcomes
    },
    close: () => store.close(),
  }
}

const silentLog = { warn: () => {} }

async function importInto(importer: Importer, files: ImportFile[]): Promise<ImportOutcome[]> {
  try {
    return await importer.importFiles(files)
  } finally {
    await importer.close()
  }
}

async function readAll(operands: string[], cwd: string): Promise<{ files: ImportFile[]; rejected: ImportOutcome[] }> {
  const files: ImportFile[] = []
  const rejected: ImportOutcome[] = []
  const attempt = async (name: string, work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      rejected.push({ name, kind: 'rejected', code: 'invalid_auth_json', path: '', message: reasonOf(error) })
    }
  }
  for (const operand of operands) {
    await attempt(operand, async () => {
      for (const name of await expand(operand, cwd)) {
        await attempt(name, async () => {
          files.push({ name, bytes: await readBounded(resolve(cwd, name)) })
        })
      }
    })
  }
  return { files, rejected }
}

/** A file is itself; a directory is the `*.json` files in it, by name. */
async function expand(operand: string, cwd: string): Promise<string[]> {
  const path = resolve(cwd, operand)
  if (!(await stat(path)).isDirectory()) return [operand]
  const names = (await readdir(path)).filter((name) => name.endsWith('.json')).sort()
  if (names.length === 0) throw new RefusedFile('there is no *.json file in this directory')
  return names.map((name) => join(operand, name))
}

async function readBounded(path: string): Promise<Buffer> {
  const found = await stat(path)
  if (!found.isFile()) throw new RefusedFile('not a regular file')
  if (found.size > maxFileBytes) throw new RefusedFile('larger than 1 MiB')
  return readFile(path)
}

class RefusedFile extends Error {}

const reasons: Record<string, string> = {
  ENOENT: 'there is no such file or directory',
  EACCES: 'not allowed to read it',
  EPERM: 'not allowed to read it',
  ELOOP: 'its symbolic links lead in a circle',
}

/** @throws what is not about the file */
function reasonOf(error: unknown): string {
  if (error instanceof RefusedFile) return error.message
  if (!(error instanceof Error) || !('code' in error)) throw error
  const code = String(error.code)
  return reasons[code] ?? `cannot be read (${code})`
}

function lineOf(outcome: ImportOutcome): string {
  if (outcome.kind === 'rejected') {
    const field = outcome.path === '' ? '' : ` (${outcome.path})`
    return `rejected  ${outcome.name}: ${outcome.message}${field}`
  }
  const { email, plan } = outcome.account
  return `${outcome.kind.padEnd(8)}  ${email ?? 'no e-mail address'} (${plan})  ${outcome.name}`
}

/** Without characters that would move the cursor or change the terminal: names and addresses come from strangers. */
function printable(line: string): string {
  return line.replace(/\p{C}/gu, '?')
}

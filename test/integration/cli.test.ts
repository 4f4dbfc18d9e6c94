import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import type { ImportFile, ImportOutcome } from '../../src/accounts/import.ts'
import { importAccounts } from '../../src/commands/import.ts'
import type { StoredAccount } from '../../src/domain/account.ts'

const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const cwd = mkdtempSync(join(tmpdir(), 'codex-lb-cli-'))
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

/** The parts of an account that the command shows. */
const account = (email: string | null) => ({ email, plan: 'plus' }) as StoredAccount

type Ended = { code: number | null; stdout: string; stderr: string }

function run(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { cwd, env: { HOME: cwd, ...env }, timeout: 20_000 })
    const ended: Ended = { code: null, stdout: '', stderr: '' }
    child.stdout.on('data', (chunk) => {
      ended.stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      ended.stderr += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ ...ended, code }))
  })
}

describe('the program', () => {
  it.each([['--help'], ['-h']])('explains itself with %s', async (flag) => {
    const { code, stdout, stderr } = await run([flag])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/Usage: codex-lb/)
    const names = ['serve', 'import', 'demo', 'setup', 'backup', 'restore', 'migrate-from-codex-lb', '--version']
    for (const name of names) expect(stdout).toContain(name)
  })

  it.each(['serve', 'import', 'demo'])('explains %s', async (name) => {
    const { code, stdout } = await run([name, '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`^Usage: codex-lb ${name}`))
  })

  it('knows its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  it.each<[string[], RegExp]>([
    [['imprt'], /unknown command "imprt"; the nearest is "import"/],
    [['constructor'], /unknown command "constructor"/],
    [['--hlep'], /unknown option "--hlep"; the nearest is "--help"/],
    [['serve', '--toString'], /unknown option "--toString"/],
    [['serve', '--version=2'], /"--version" takes no value/],
    [['serve', 'now'], /"serve" takes nothing after it, but got "now"/],
    [['import'], /"import" needs FILE/],
    [['import', '--force', 'a.json'], /unknown option "--force"/],
    [['doctor', 'now'], /"doctor" takes nothing after it/],
    [['x'.repeat(50_000)], /unknown command "xxx/],
  ])('refuses %j as bad usage', async (args, reason) => {
    const { code, stdout, stderr } = await run(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(reason)
    expect(stderr).toContain('Usage: codex-lb')
  })

  it('ends with 78 and lists all faults of the configuration', async () => {
    const env = { CODEX_LB_PORT: 'x', CODEX_LB_LOG_LEVEL: 'loud', CODEX_LB_METRICS_TOKEN: 'hunter 2' }
    const { code, stdout, stderr } = await run(['import', 'a.json'], env)
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' })
    for (const name of Object.keys(env)) expect(stderr).toContain(`${name}: `)
    expect(stderr).not.toContain('hunter')
  })

  it('fails with 1 when a file to import does not exist', async () => {
    const { code, stdout } = await run(['import', 'missing.json'])
    expect(code).toBe(1)
    expect(stdout).toBe(
      'rejected  missing.json: there is no such file or directory\n0 imported, 0 updated, 1 rejected\n',
    )
  })
})

describe('codex-lb import', () => {
  /** Imports into a stand-in that answers as `judge` says, and collects what was printed and what was handed over. */
  async function importInto(operands: string[], judge: (file: ImportFile) => ImportOutcome[], env = {}) {
    const printed: string[] = []
    const complained: string[] = []
    const files: ImportFile[] = []
    let closed = 0
    const call = {
      operands,
      env: { HOME: cwd, ...env },
      cwd,
      isTerminal: false,
      print: (line: string) => void printed.push(line),
      complain: (line: string) => void complained.push(line),
    }
    const code = await importAccounts(call, async () => ({
      importFiles: async (given) => {
        files.push(...given)
        return given.flatMap(judge)
      },
      close: async () => {
        closed += 1
      },
    }))
    return { code, printed, complained, files, closed }
  }

  const imported = ({ name }: ImportFile): ImportOutcome[] => [{ name, kind: 'imported', account: account('a@b.c') }]

  it('says what became of each account, and ends with 0 when all are in', async () => {
    writeFileSync(join(cwd, 'one.json'), '{"x":1}')
    const { code, printed, files, closed } = await importInto(['one.json'], ({ name }) => [
      ...imported({ name, bytes: Buffer.alloc(0) }),
      { name, kind: 'updated', account: { ...account(null), plan: 'team' } },
    ])
    expect(printed).toEqual([
      'imported  a@b.c (plus)  one.json',
      'updated   no e-mail address (team)  one.json',
      '1 imported, 1 updated, 0 rejected',
    ])
    expect(files.map((file) => [file.name, file.bytes.toString()])).toEqual([['one.json', '{"x":1}']])
    expect({ code, closed }).toEqual({ code: 0, closed: 1 })
  })

  it('reads the *.json files of a directory by name, and not below it', async () => {
    mkdirSync(join(cwd, 'logins/deeper'), { recursive: true })
    for (const name of ['b.json', 'a.json', 'notes.txt', 'deeper/c.json'])
      writeFileSync(join(cwd, 'logins', name), '{}')
    const { code, files } = await importInto(['logins'], imported)
    expect(files.map((file) => file.name)).toEqual([join('logins', 'a.json'), join('logins', 'b.json')])
    expect(code).toBe(0)
  })

  it('imports the rest and ends with 1 when something was rejected', async () => {
    mkdirSync(join(cwd, 'none'), { recursive: true })
    writeFileSync(join(cwd, 'big.json'), Buffer.alloc(1024 * 1024 + 1, 0x20))
    writeFileSync(join(cwd, 'limit.json'), Buffer.alloc(1024 * 1024, 0x20))
    writeFileSync(join(cwd, 'bad.json'), '{}')
    const operands = ['nowhere.json', 'none', 'big.json', '/dev/null', 'limit.json', 'bad.json']
    const { code, printed } = await importInto(operands, (file) =>
      file.name === 'bad.json'
        ? [
            {
              name: file.name,
              kind: 'rejected',
              code: 'invalid_auth_json',
              path: 'tokens.id_token',
              message: 'The token is missing.',
            },
          ]
        : imported(file),
    )
    expect(printed).toEqual([
      'rejected  nowhere.json: there is no such file or directory',
      'rejected  none: there is no *.json file in this directory',
      'rejected  big.json: larger than 1 MiB',
      'rejected  /dev/null: not a regular file',
      'imported  a@b.c (plus)  limit.json',
      'rejected  bad.json: The token is missing. (tokens.id_token)',
      '1 imported, 0 updated, 5 rejected',
    ])
    expect(code).toBe(1)
  })

  it('does not open the database when there is nothing to import', async () => {
    expect(await importInto(['nowhere.json'], imported)).toMatchObject({ code: 1, closed: 0, files: [] })
  })

  it('lets no file control the terminal', async () => {
    writeFileSync(join(cwd, 'one.json'), '{}')
    const { printed } = await importInto(['one.json'], ({ name }) => [
      { name, kind: 'imported', account: account('a\u001b[2J@b.c') },
    ])
    expect(printed[0]).toBe('imported  a?[2J@b.c (plus)  one.json')
  })

  it('warns about unknown variables', async () => {
    const { complained } = await importInto(['nowhere.json'], imported, { CODEX_LB_PROT: '1' })
    expect(complained).toEqual([expect.stringContaining('CODEX_LB_PORT')])
  })
})

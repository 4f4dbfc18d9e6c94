import { existsSync } from 'node:fs'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/upstream.ts'
import { startCommand } from '../support/command.ts'
import { accountsOf, importInto, type Program, startProgram } from '../support/program.ts'
import { scratchFolder } from '../support/stores.ts'

const emails = ['a@example.com', 'b@example.com']
let simulator: Simulator
let scratch: Awaited<ReturnType<typeof scratchFolder>>
let program: Program
let dataDir: string

beforeEach(async () => {
  simulator = await startSimulator({ accounts: emails.map((email) => ({ email, plan: 'plus' as const })) })
  scratch = await scratchFolder()
  dataDir = join(scratch.path, 'data')
  program = await startProgram(scratch.path, simulator, { CODEX_LB_DATA_DIR: dataDir })
  await importInto(program, simulator, [emails[0] ?? ''])
})
afterEach(async () => {
  await program.kill()
  await simulator.close()
  await scratch.dispose()
})

const run = async (args: string[], dir = dataDir) => {
  const command = startCommand(args, { CODEX_LB_DATA_DIR: dir }, scratch.path)
  const { code } = await command.ended
  return { code, out: command.stdout(), err: command.stderr() }
}
const again = async (dir = dataDir) => {
  program = await startProgram(scratch.path, simulator, { CODEX_LB_DATA_DIR: dir })
}
const seen = async () => (await accountsOf(program)).map(({ email }) => email).toSorted()
const turn = async () =>
  fetch(`${program.url}/v1/responses`, { method: 'POST', body: '{"model":"gpt-5.5","input":"hi"}' })

describe('codex-lb backup and restore', { timeout: 60_000 }, () => {
  it('copies while the server writes, and brings that moment back', async () => {
    const turns = Array.from({ length: 8 }, turn)
    const made = await run(['backup', 'b.db'])
    expect(made).toMatchObject({ code: 0, err: '', out: expect.stringContaining('The key is not in it') })
    for (const answer of await Promise.all(turns)) expect(answer.status).toBe(200)
    expect((await stat(join(scratch.path, 'b.db'))).mode & 0o777).toBe(0o600)
    await importInto(program, simulator, [emails[1] ?? ''])
    expect(await seen()).toEqual(emails)

    expect(await run(['restore', 'b.db'])).toMatchObject({ code: 1, err: expect.stringContaining('stop it first') })
    expect(await seen()).toEqual(emails)
    await program.stop()
    const restored = await run(['restore', 'b.db'])
    expect(restored).toMatchObject({ code: 0, err: '' })
    expect(await readdir(join(dataDir, 'backups'))).toEqual([expect.stringMatching(/before-restore\.db$/)])
    await again()
    expect(await seen()).toEqual([emails[0]])
    expect((await turn()).status).toBe(200)
  })

  it('carries a whole server to another place when the key goes with it', async () => {
    expect(await run(['backup', 'b.db', '--with-key'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('has the accounts'),
    })
    await program.stop()
    const there = join(scratch.path, 'there')
    expect(await run(['restore', 'b.db'], there)).toMatchObject({ code: 0 })
    await again(there)
    expect(await seen()).toEqual([emails[0]])
    expect((await turn()).status).toBe(200)
    // The key is not left lying in the database.
    expect(await readFile(join(there, 'codex-lb.db'), 'latin1')).not.toContain('codex-lb-key-v1')
  })

  it('refuses a backup whose key is nowhere, and changes nothing', async () => {
    await run(['backup', 'b.db'])
    await program.stop()
    const there = join(scratch.path, 'there')
    expect(await run(['restore', 'b.db'], there)).toMatchObject({
      code: 1,
      err: expect.stringContaining('neither in the backup nor in'),
    })
    expect(existsSync(join(there, 'codex-lb.db'))).toBe(false)
  })

  it('may be used again at once after a server was killed', async () => {
    await run(['backup', 'b.db'])
    await program.kill()
    expect(await run(['restore', 'b.db'])).toMatchObject({ code: 0 })
  })

  it('puts a backup in the place of a damaged database, which is kept', async () => {
    await run(['backup', 'b.db'])
    await program.stop()
    for (const rest of ['-wal', '-shm']) await rm(join(dataDir, `codex-lb.db${rest}`), { force: true })
    await writeFile(join(dataDir, 'codex-lb.db'), 'this is no database at all'.repeat(500))
    expect(await run(['restore', 'b.db'])).toMatchObject({ code: 0 })
    await again()
    expect(await seen()).toEqual([emails[0]])
  })

  it('never overwrites a file, and leaves nothing half-made', async () => {
    await writeFile(join(scratch.path, 'b.db'), 'mine')
    expect(await run(['backup', 'b.db'])).toMatchObject({ code: 1, err: expect.stringContaining('exists already') })
    expect(await readFile(join(scratch.path, 'b.db'), 'utf8')).toBe('mine')
    expect(await run(['backup', 'nowhere/b.db'])).toMatchObject({ code: 1 })
    expect((await readdir(scratch.path)).filter((name) => name.includes('partial'))).toEqual([])
  })

  it('refuses what is no backup, or of a newer release', async () => {
    await run(['backup', 'b.db'])
    await program.stop()
    const copy = new Database(join(scratch.path, 'b.db'))
    copy.exec("insert into schema_migrations values ('9999_later', 1)")
    copy.close()
    expect(await run(['restore', 'b.db'])).toMatchObject({ code: 1, err: expect.stringContaining('newer release') })
    await writeFile(join(scratch.path, 'x'), 'x')
    expect(await run(['restore', 'x'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('is no backup of codex-lb'),
    })
    expect(await run(['restore', 'none'])).toMatchObject({ code: 1, err: expect.stringContaining('There is no file') })
    expect(await run(['restore', join(dataDir, 'codex-lb.db')])).toMatchObject({
      code: 1,
      err: expect.stringContaining('no backup'),
    })
  })

  it('says what to use for PostgreSQL', async () => {
    const command = startCommand(
      ['backup', 'b.db'],
      { CODEX_LB_DATABASE_URL: 'postgres://x/y', CODEX_LB_DATA_DIR: dataDir },
      scratch.path,
    )
    expect(await command.ended).toMatchObject({ code: 1 })
    expect(command.stderr()).toContain('pg_dump')
  })
})

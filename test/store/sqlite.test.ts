import { readFileSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { UnsealError, type Vault } from '../../src/lib/secrets.ts'
import { databaseIsKeyed, openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { sqliteUnit } from '../../src/store/unit.ts'
import { createManualClock } from '../support/clock.ts'
import { imported, otherVault, scratchFolder, tokens, vault } from '../support/stores.ts'

let folder: Awaited<ReturnType<typeof scratchFolder>>
let path: string
let opened: Store[]
let warned: { fields: object; message: string }[]

beforeEach(async () => {
  folder = await scratchFolder()
  path = join(folder.path, 'codex-lb.db')
  opened = []
  warned = []
})
afterEach(async () => {
  for (const store of opened) await store.close()
  await folder.dispose()
})

const log = { warn: (fields: object, message: string) => void warned.push({ fields, message }) }
const clock = createManualClock(Date.UTC(2026, 1, 3, 4, 5, 6))

async function open(with_: Vault = vault): Promise<Store> {
  const store = await openStore({ url: `sqlite:${path}`, dataDir: folder.path, vault: with_, clock, log })
  opened.push(store)
  return store
}

/** Changes the closed database behind the store's back. */
function tamper(statements: string): void {
  const raw = new Database(path)
  raw.exec(statements)
  raw.close()
}

async function modeOf(file: string): Promise<number> {
  return (await stat(file)).mode & 0o777
}

describe('the database file', () => {
  it('is for its owner only, with everything beside it', async () => {
    await imported(await open(), 'ann')
    const files = (await readdir(folder.path)).sort()
    expect(files).toEqual(['codex-lb.db', 'codex-lb.db-shm', 'codex-lb.db-wal', 'codex-lb.db.lock'])
    for (const file of files) expect(await modeOf(join(folder.path, file))).toBe(0o600)
  })

  it('is closed to others when it was open to them', async () => {
    const store = await open()
    await store.close()
    await chmod(path, 0o644)
    await open()
    expect(await modeOf(path)).toBe(0o600)
  })

  it('holds no token in the clear, nor does the log beside it', async () => {
    const store = await open()
    const { id } = await imported(store, 'ann')
    await store.accounts.rotateCredential(id, 1, tokens('rotated'), 1)
    const names = ['access-ann', 'refresh-ann', 'id-ann', 'access-rotated', 'refresh-rotated', 'id-rotated']
    const bytesOf = async () => {
      const files = await readdir(folder.path)
      return Buffer.concat(await Promise.all(files.map((file) => readFile(join(folder.path, file)))))
    }
    const whileOpen = await bytesOf()
    await store.close()
    for (const bytes of [whileOpen, await bytesOf()]) {
      expect(bytes.includes('ann@example.com')).toBe(true)
      for (const name of names) expect(bytes.includes(name)).toBe(false)
    }
  })

  it('gives up no token that was moved to another row, or to another column', async () => {
    const first = await open()
    const ann = await imported(first, 'ann')
    const bob = await imported(first, 'bob')
    await first.close()
    tamper(`update credentials set access_token =
      (select access_token from credentials where account_id = '${ann.id}') where account_id = '${bob.id}'`)
    tamper(`update credentials set id_token = refresh_token where account_id = '${ann.id}'`)
    const store = await open()
    await expect(store.accounts.credential(bob.id)).rejects.toThrow(UnsealError)
    await expect(store.accounts.credential(ann.id)).rejects.toThrow(UnsealError)
  })

  it('tells whether it is bound to a key, without the key', async () => {
    expect(await databaseIsKeyed(`sqlite:${path}`)).toBe(false)
    expect(await readdir(folder.path)).toEqual([])
    const store = await open()
    expect(await databaseIsKeyed(`sqlite:${path}`)).toBe(true)
    await store.close()
    expect(await databaseIsKeyed(`sqlite:${path}`)).toBe(true)
    await expect(open(otherVault)).rejects.toThrow(/key/)
  })

  it('is not bound to a key while it is empty', async () => {
    tamper('create table other (id int)')
    expect(await databaseIsKeyed(`sqlite:${path}`)).toBe(false)
  })

  it('falls back to the default of a stored setting that is not valid, and keeps the others', async () => {
    const store = await open()
    await store.settings.change({ affinityMinutes: 9, strategy: 'fill_first' }, { by: null, atMs: 1 })
    await store.close()
    tamper(`update settings set value = json_set(value, '$.strategy', 'gone', '$.unheardOf', 1)`)
    const again = await open()
    expect((await again.settings.load()).values).toMatchObject({ strategy: 'cache_value', affinityMinutes: 9 })
    await again.close()
    tamper(`update settings set value = '"nonsense"'`)
    expect((await (await open()).settings.load()).values).toMatchObject({ affinityMinutes: 30 })
  })

  it('takes over settings that a release before has kept in one row, and groups that are changed leave it', async () => {
    await (await open()).close()
    const old = { strategy: 'least_used', affinityMinutes: 9, maxStreams: 3, webSockets: false }
    tamper(`insert into settings (name, value) values ('settings', '${JSON.stringify(old)}')`)
    const store = await open()
    const before = await store.settings.load()
    expect(before.values).toMatchObject({ ...old, strategy: 'usage_weighted' })
    expect(before.groups.routing).toEqual({ version: 0, updatedAtMs: null, updatedBy: null })
    await store.settings.change({ affinityMinutes: 30 }, { by: null, atMs: 5 })
    const after = await store.settings.load()
    expect(after.values).toMatchObject({ ...old, strategy: 'usage_weighted', affinityMinutes: 30 })
    expect(after.groups).toMatchObject({ routing: { version: 1 }, limits: { version: 0 } })
    await store.close()
  })

  it('finds a setting again that was in another group, and then where it is now', async () => {
    await (await open()).close()
    tamper(`insert into settings (name, value) values ('settings.routing', '{"maxStreams":4,"affinityMinutes":9}')`)
    const store = await open()
    expect((await store.settings.load()).values).toMatchObject({ maxStreams: 4, affinityMinutes: 9 })
    await store.settings.change({ maxStreams: 24 }, { by: null, atMs: 5 })
    expect((await store.settings.load()).values).toMatchObject({ maxStreams: 24, affinityMinutes: 9 })
    await store.close()
  })
})

/** The name of the last one that this release brings. */
function newestMigration(): string {
  const journal = readFileSync(join(import.meta.dirname, '../../migrations/sqlite/meta/_journal.json'), 'utf8')
  return JSON.parse(journal).entries.at(-1).tag
}

describe('migrations', () => {
  /** The database of a release before all migrations of this one: it has a table and a past of its own. */
  async function oldDatabase(): Promise<void> {
    tamper(`create table schema_migrations (tag text primary key not null, applied_at_ms bigint not null);
      create table notes (text text); insert into notes values ('kept')`)
  }

  it('take a copy of an existing database first', async () => {
    await oldDatabase()
    await open()
    const copies = await readdir(join(folder.path, 'backups'))
    expect(copies).toEqual([`codex-lb-20260203-040506-before-${newestMigration()}.db`])
    const copy = join(folder.path, 'backups', copies[0] ?? '')
    expect(await modeOf(copy)).toBe(0o600)
    const raw = new Database(copy, { readonly: true })
    expect(raw.prepare("select name from sqlite_master where type = 'table'").pluck().all()).toEqual([
      'schema_migrations',
      'notes',
    ])
    expect(raw.prepare('select text from notes').pluck().all()).toEqual(['kept'])
    raw.close()
    expect(warned).toEqual([{ fields: { copy }, message: expect.stringContaining('copied the database') }])
  })

  it('take no copy of a new database, nor when nothing is pending', async () => {
    await (await open()).close()
    await (await open()).close()
    expect(await readdir(folder.path)).toEqual(['codex-lb.db', 'codex-lb.db.lock'])
  })

  it('happen whole or not at all', async () => {
    await oldDatabase()
    tamper('create table requests (mine text)')
    await expect(open()).rejects.toThrow(/already exists/)
    const raw = new Database(path, { readonly: true })
    expect(raw.prepare("select name from sqlite_master where type = 'table'").pluck().all()).toEqual([
      'schema_migrations',
      'notes',
      'requests',
    ])
    raw.close()
  })

  it('happen once when several stores are opened at once on a new file', async () => {
    const stores = await Promise.all([open(), open(), open()])
    await imported(stores[0], 'ann')
    expect(await stores[2].accounts.list()).toHaveLength(1)
  })

  it('of a newer release are respected: the database is refused', async () => {
    await (await open()).close()
    tamper(`insert into schema_migrations values ('0099_from_tomorrow', 1)`)
    const before = await readFile(path)
    await expect(open()).rejects.toThrow(/newer release.*0099_from_tomorrow/)
    expect((await readFile(path)).equals(before)).toBe(true)
  })

  it('are not applied to the database of another program', async () => {
    tamper('create table accounts (id text)')
    await expect(open()).rejects.toThrow(/another program/)
  })
})

describe('a database URL', () => {
  it.each(['mysql://x', 'codex-lb.db', 'sqlite:', ''])('must be of a known kind: %j is not', async (url) => {
    await expect(openStore({ url, dataDir: folder.path, vault })).rejects.toThrow(/CODEX_LB_DATABASE_URL/)
  })
})

describe('units of work on one connection', () => {
  async function units() {
    await mkdir(folder.path, { recursive: true })
    const raw = new Database(path)
    raw.exec('create table notes (text text)')
    // The tests write through the connection itself, so the query builder is never used.
    const { unit, idle } = sqliteUnit(raw, null as never, clock, log)
    const notes = () => raw.prepare('select text from notes').pluck().all()
    return { raw, unit, idle, notes }
  }

  it('take turns, even when one waits in between', async () => {
    const { raw, unit, idle, notes } = await units()
    const write = (name: string) =>
      unit(name, async () => {
        raw.exec(`insert into notes values ('${name} begins')`)
        await Promise.resolve()
        raw.exec(`insert into notes values ('${name} ends')`)
      })
    void write('a')
    void write('b')
    await idle()
    expect(notes()).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
    raw.close()
  })

  it('are undone when they throw, and the next one is not harmed', async () => {
    const { raw, unit, notes } = await units()
    const failing = unit('fails', async () => {
      raw.exec("insert into notes values ('lost')")
      await Promise.resolve()
      throw new Error('changed my mind')
    })
    const next = unit('works', async () => void raw.exec("insert into notes values ('kept')"))
    await expect(failing).rejects.toThrow('changed my mind')
    await next
    expect(notes()).toEqual(['kept'])
    raw.close()
  })

  it('are on the disk when they must survive a power cut, and only those pay for it', async () => {
    const { raw, unit } = await units()
    raw.pragma('journal_mode = wal')
    raw.pragma('synchronous = normal')
    const level = async () => raw.pragma('synchronous', { simple: true })
    const [normal, full] = [1, 2]
    expect(await unit('durable', level, 'durable')).toBe(full)
    expect(await unit('ordinary', level)).toBe(normal)
    await expect(unit('fails', () => Promise.reject(new Error('no')), 'durable')).rejects.toThrow('no')
    expect(await unit('ordinary', level)).toBe(normal)
    raw.close()
  })

  it('are named in the log when they are slow', async () => {
    const { raw, unit } = await units()
    await unit('quick', async () => clock.advance(50))
    await unit('slow', async () => clock.advance(51))
    expect(warned).toEqual([{ fields: { unit: 'slow', tookMs: 51 }, message: 'slow store unit' }])
    raw.close()
  })

  it('wait for another connection without holding up the rest of the program', async () => {
    const { raw, unit, notes } = await units()
    raw.pragma('busy_timeout = 0')
    const other = new Database(path)
    other.exec('begin immediate')
    other.exec("insert into notes values ('first')")
    const second = unit('second', async () => void raw.exec("insert into notes values ('second')"))
    // Commits only after the program went on while the unit was waiting.
    setImmediate(() => setImmediate(() => other.exec('commit')))
    await second
    expect(notes()).toEqual(['first', 'second'])
    other.close()
    raw.close()
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { databaseIsKeyed, openStore } from '../../src/store/open.ts'
import { withPostgres } from '../../src/store/postgres.ts'
import { imported, scratchSchema, vault } from '../support/stores.ts'

const serverUrl = process.env.CODEX_LB_TEST_POSTGRES_URL ?? ''

describe.skipIf(serverUrl === '')('a PostgreSQL server (runs where CODEX_LB_TEST_POSTGRES_URL names one)', () => {
  let database: Awaited<ReturnType<typeof scratchSchema>>
  beforeEach(async () => {
    database = await scratchSchema(serverUrl)
  })
  afterEach(() => database.dispose())
  const open = () => openStore({ url: database.url, dataDir: '', vault })

  it('is set up once by replicas that start together', async () => {
    const replicas = await Promise.all(Array.from({ length: 5 }, open))
    await Promise.all(replicas.map((store, i) => imported(store, `n${i}`)))
    for (const store of replicas) {
      expect(await store.accounts.list()).toHaveLength(5)
      await store.close()
    }
  })

  it('tells whether it is bound to a key, without the key', async () => {
    expect(await databaseIsKeyed(database.url)).toBe(false)
    await (await open()).close()
    expect(await databaseIsKeyed(database.url)).toBe(true)
  })

  it('is refused when a newer release has been there', async () => {
    await (await open()).close()
    await withPostgres(database.url, (client) =>
      client.query(`insert into schema_migrations values ('0099_from_tomorrow', 1)`),
    )
    await expect(open()).rejects.toThrow(/newer release.*0099_from_tomorrow/)
  })

  it('that is not there fails the start, not the process', async () => {
    const url = 'postgres://nobody@127.0.0.1:1/none'
    await expect(openStore({ url, dataDir: '', vault })).rejects.toThrow(/ECONNREFUSED/)
  })
})

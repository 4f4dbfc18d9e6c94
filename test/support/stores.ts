import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/pglite'
import { type Health, healthy } from '../../src/domain/account.ts'
import type { RequestRecord } from '../../src/domain/request.ts'
import { createVault, Secret, type Vault } from '../../src/lib/secrets.ts'
import { createStore } from '../../src/store/create.ts'
import { migratePostgres } from '../../src/store/migrate.ts'
import { openStore } from '../../src/store/open.ts'
import { withPostgres } from '../../src/store/postgres.ts'
import { tables } from '../../src/store/schema.ts'
import type { Figures, ImportCandidate, NewTokens, Store } from '../../src/store/store.ts'
import { postgresUnit } from '../../src/store/unit.ts'

export const vault = createVault(createHash('sha256').update('the key of the tests').digest())
export const otherVault = createVault(createHash('sha256').update('another key').digest())

/** An empty database of its own. `open` may be called often; each call is one more store on the same database. */
export type TestDatabase = { open(with_?: Vault): Promise<Store>; dispose(): Promise<void> }
export type Engine = { name: string; create(): Promise<TestDatabase>; close(): Promise<void> }

export async function scratchFolder(): Promise<{ path: string; dispose(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'codex-lb-test-'))
  return { path, dispose: () => rm(path, { recursive: true, force: true }) }
}

/** Every engine that can be reached here: a real PostgreSQL server only when its URL is given. */
export function engines(): Engine[] {
  const serverUrl = process.env.CODEX_LB_TEST_POSTGRES_URL
  return [sqliteEngine(), pgliteEngine(), ...(serverUrl ? [serverEngine(serverUrl)] : [])]
}

function sqliteEngine(): Engine {
  return {
    name: 'SQLite',
    async create() {
      const folder = await scratchFolder()
      return trackStores(
        (vault) => openStore({ url: `sqlite:${join(folder.path, 'codex-lb.db')}`, dataDir: folder.path, vault }),
        folder.dispose,
      )
    },
    close: async () => {},
  }
}

/** PostgreSQL in this process: one for the file that asks, with a schema per test. */
function pgliteEngine(): Engine {
  let started: PGlite | null = null
  return {
    name: 'PGlite',
    async create() {
      started ??= await PGlite.create()
      const client = started
      const schema = schemaName()
      await client.exec(`create schema ${schema}; set search_path to ${schema}`)
      const open = async (vault: Vault) => {
        await migratePostgres(client, Date.now())
        const unit = postgresUnit(drizzle({ client, casing: 'snake_case' }))
        return createStore({ tables: tables.postgres, unit, vault, close: async () => {} })
      }
      return trackStores(open, async () => {
        await client.exec(`drop schema ${schema} cascade`)
      })
    },
    async close() {
      await started?.close()
    },
  }
}

/** A schema of its own on a real server, and the URL that leads into it. */
export async function scratchSchema(serverUrl: string): Promise<{ url: string; dispose(): Promise<void> }> {
  const schema = schemaName()
  await withPostgres(serverUrl, (client) => client.query(`create schema ${schema}`))
  const url = new URL(serverUrl)
  url.searchParams.set('options', `-c search_path=${schema}`)
  return {
    url: url.href,
    async dispose() {
      await withPostgres(serverUrl, (client) => client.query(`drop schema ${schema} cascade`))
    },
  }
}

function serverEngine(serverUrl: string): Engine {
  return {
    name: 'PostgreSQL server',
    async create() {
      const { url, dispose } = await scratchSchema(serverUrl)
      return trackStores((vault) => openStore({ url, dataDir: '', vault }), dispose)
    },
    close: async () => {},
  }
}

function schemaName(): string {
  return `test_${randomBytes(6).toString('hex')}`
}

/** Closes what a test opened before its database goes away. */
function trackStores(open: (vault: Vault) => Promise<Store>, dispose: () => Promise<void>): TestDatabase {
  const opened: Store[] = []
  return {
    async open(with_ = vault) {
      const store = await open(with_)
      opened.push(store)
      return store
    },
    async dispose() {
      for (const store of opened) await store.close()
      await dispose()
    },
  }
}

export function tokens(name: string): NewTokens {
  return {
    accessToken: new Secret(`access-${name}`),
    refreshToken: new Secret(`refresh-${name}`),
    idToken: new Secret(`id-${name}`),
    expiresAtMs: 2_000_000,
  }
}

export function revealed({ accessToken, refreshToken, idToken }: NewTokens): (string | undefined)[] {
  return [accessToken.reveal(), refreshToken.reveal(), idToken?.reveal()]
}

export function candidate(name: string, given: Partial<ImportCandidate> = {}): ImportCandidate {
  return {
    chatgptAccountId: `workspace-${name}`,
    seat: `user-${name}`,
    email: `${name}@example.com`,
    plan: 'plus',
    workspaceId: null,
    workspaceLabel: null,
    tokens: tokens(name),
    refreshedAtMs: 1_000,
    ...given,
  }
}

export async function imported(store: Store, name: string, given: Partial<ImportCandidate> = {}) {
  const result = await store.accounts.import(candidate(name, given), 5_000)
  if (result.kind === 'conflict') throw new Error(`The import of ${name} met a conflict: ${result.reason}`)
  return result.account
}

/** An account of which nothing was read yet. */
export const noFigures: Figures = { windows: [], meters: [], credits: null, limitReached: null, burn: null }

/** The health of an account that kept failing. */
export const tired: Health = {
  ...healthy,
  failures: 3,
  blocks: [
    {
      ...{ by: 'errors', window: null, meter: null, sinceMs: 1, untilMs: 9_000 },
      ...{ code: 'server_error', endIsKnown: false, strikes: 1 },
    },
  ],
  fitSinceMs: 9_000,
}

export function requestRecord(id: string, given: Partial<RequestRecord> = {}): RequestRecord {
  return {
    id,
    requestId: id,
    atMs: 1_000,
    route: '/v1/responses',
    model: 'gpt-5',
    effort: 'high',
    serviceTier: null,
    accountId: 'acc_1',
    keyId: null,
    status: 'success',
    httpStatus: 200,
    errorCode: null,
    errorMessage: null,
    usage: { input: 100, cached: 20, output: 30, reasoning: 5 },
    costMicroUsd: 1_234,
    firstTokenMs: 210,
    totalMs: 900,
    transport: 'sse',
    client: 'codex_cli_rs/0.1',
    sessionId: 's1',
    threadId: 't1',
    responseId: 'resp_1',
    affinityKey: null,
    waitedMs: null,
    ...{ clientAddress: null, sourceId: null, egressId: null, moved: false },
    attempts: [
      { accountId: 'acc_1', verdict: 'relay', scope: null, code: null, status: 200, atMs: 1_000, tookMs: 200 },
    ],
    decision: { accountId: 'acc_1', because: 'ranked_first', ranked: [{ accountId: 'acc_1', rank: 0.5 }] },
    ...given,
  }
}

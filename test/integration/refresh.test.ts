import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import type { SimulatedAccountOptions } from '../../src/simulator/accounts.ts'
import type { Fault } from '../../src/simulator/faults.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { tokensOf, turnBody } from '../support/simulator-client.ts'
import { type Rig, startRig } from '../support/start.ts'
import { a, ask, askedOf, b, closeClean, codexPath, expectNoHandles, hurry, turnsAt } from '../support/turns.ts'

// A refresh token can be used once. However many ask, and whatever happens on the way, it is sent once, and what came
// in exchange is kept before it is used.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

const hour = 3_600_000
const minute = 60_000

async function start(accounts: SimulatedAccountOptions[]) {
  clock = createManualClock()
  rig = await startRig({ accounts, app: { clock }, env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' } })
}
const shortLived = (email: string, given: Partial<SimulatedAccountOptions> = {}) => ({
  email,
  plan: 'plus',
  accessTokenMs: 10 * minute,
  ...given,
})

/** Asks many times at once. */
const manyTurns = (count: number) =>
  Promise.all(Array.from({ length: count }, (_, i) => ask(rig, turnBody(`turn ${i}`))))

const refreshesOf = (email: string) => rig.simulator.refreshes.filter((refresh) => refresh.email === email)

describe('a hundred requests with an expired token', () => {
  it('cause exactly one refresh, and all are answered', async () => {
    await start([shortLived(a)])
    clock.advance(11 * minute)
    const told = await manyTurns(100)
    expect(told.filter(({ status, broken }) => status === 200 && !broken)).toHaveLength(100)
    expect(refreshesOf(a)).toEqual([expect.objectContaining({ accepted: true })])
    expect(turnsAt(rig.simulator).filter(({ status }) => status !== 200)).toEqual([])
  })

  it('cause exactly one refresh per account', async () => {
    const emails = [a, b, 'c@example.com']
    await start(emails.map((email) => shortLived(email)))
    clock.advance(11 * minute)
    const told = await manyTurns(100)
    expect(told.filter(({ status }) => status === 200)).toHaveLength(100)
    for (const email of emails) expect(refreshesOf(email)).toHaveLength(1)
  })

  it('cause exactly one refresh when only the upstream knows that the token is over', async () => {
    await start([shortLived(a, { opaqueAccess: true })])
    clock.advance(11 * minute)
    const told = await manyTurns(100)
    expect(told.filter(({ status }) => status === 200)).toHaveLength(100)
    expect(refreshesOf(a)).toEqual([expect.objectContaining({ accepted: true })])
    expect((await rig.account(a)).status).toBe('active')
  })

  it('leave behind tokens that serve after a restart without another refresh', async () => {
    await start([shortLived(a)])
    clock.advance(11 * minute)
    await manyTurns(20)
    await rig.restart()
    expect(await ask(rig)).toMatchObject({ status: 200 })
    expect(refreshesOf(a)).toHaveLength(1)
    expect(turnsAt(rig.simulator).at(-1)?.headers.authorization).toBe(
      `Bearer ${tokensOf(rig.simulator, a).access_token}`,
    )
  })
})

describe('tokens that run out again and again', () => {
  it('are renewed each time with the successor of the last one', async () => {
    await start([shortLived(a)])
    for (let round = 1; round <= 5; round++) {
      clock.advance(11 * minute)
      const told = await manyTurns(10)
      expect(told.filter(({ status }) => status === 200)).toHaveLength(10)
      expect(refreshesOf(a)).toHaveLength(round)
    }
    expect(refreshesOf(a).filter(({ accepted }) => !accepted)).toEqual([])
  })

  it('are renewed in the background before they end, without any request', async () => {
    await start([shortLived(a, { accessTokenMs: 2 * hour })])
    await inBackground(hour + 6 * minute, () => refreshesOf(a).length > 0)
    expect(refreshesOf(a)).toEqual([expect.objectContaining({ accepted: true })])
    clock.advance(hour)
    expect(await ask(rig)).toMatchObject({ status: 200 })
  })
})

/** Lets time pass, and the jobs do what falls due, until the condition holds. */
async function inBackground(ms: number, condition: () => boolean): Promise<void> {
  clock.advance(ms)
  await eventually('the job had run', async () => {
    clock.advance(1_000)
    return condition()
  })
}

describe('a refresh whose reply is lost', () => {
  const lost: Fault[] = [{ kind: 'drop_token_reply' }, { kind: 'invalid_token_reply' }]
  it.each(lost)(
    'ends the sign-in of an expired account with a reason, and the token is not sent again: $kind',
    async (fault) => {
      await start([shortLived(a), { email: b, plan: 'plus', shortUsedPercent: 99 }])
      rig.simulator.script(a, fault)
      clock.advance(11 * minute)
      const told = await manyTurns(20)
      expect(told.filter(({ status }) => status === 200)).toHaveLength(20)
      const reason = fault.kind === 'drop_token_reply' ? 'reply_lost' : 'invalid_response'
      await eventually('the account was out', async () => (await rig.account(a)).status === 'reauth_required')
      expect(await rig.account(a)).toMatchObject({ status: 'reauth_required', statusReason: reason })
      await rig.restart()
      await manyTurns(5)
      clock.advance(hour)
      expect(refreshesOf(a)).toHaveLength(1)
      expect((await rig.account(a)).statusReason).toBe(reason)
    },
  )

  it.each(lost)('in the background leaves the account serving while its access token is good: $kind', async (fault) => {
    await start([shortLived(a, { accessTokenMs: 2 * hour })])
    rig.simulator.script(a, fault)
    await inBackground(hour + 6 * minute, () => refreshesOf(a).length > 0)
    for (let i = 0; i < 3; i++) {
      expect(await ask(rig)).toMatchObject({ status: 200 })
      clock.advance(10 * minute)
    }
    expect((await rig.account(a)).status).toBe('active')
    clock.advance(hour)
    expect((await ask(rig)).status).toBe(503)
    expect(await rig.account(a)).toMatchObject({ status: 'reauth_required' })
    expect(refreshesOf(a)).toHaveLength(1)
  })

  it('is healed by a fresh sign-in', async () => {
    await start([shortLived(a)])
    rig.simulator.script(a, { kind: 'drop_token_reply' })
    clock.advance(11 * minute)
    expect((await ask(rig)).status).toBe(503)
    await rig.importAccounts(a)
    expect(await ask(rig)).toMatchObject({ status: 200 })
    expect((await rig.account(a)).status).toBe('active')
  })
})

describe('a refresh that is refused', () => {
  it('for a passing reason leaves the account as it is, and works later', async () => {
    await start([shortLived(a), { email: b, plan: 'plus' }])
    rig.simulator.script(a, { kind: 'token_error', status: 500, code: 'server_error' })
    clock.advance(11 * minute)
    const told = await manyTurns(20)
    expect(told.filter(({ status }) => status === 200)).toHaveLength(20)
    expect(await rig.account(a)).toMatchObject({ status: 'active', blocked: null })
    expect(new Set(askedOf(rig.simulator))).toEqual(new Set('b'))
    expect(refreshesOf(a)).toHaveLength(1)
    clock.advance(10_000)
    const { accountId } = await rig.account(b)
    await fetch(`${rig.url}/api/accounts/${accountId}/pause`, { method: 'POST' })
    expect(await ask(rig)).toMatchObject({ status: 200 })
    expect(refreshesOf(a).at(-1)).toMatchObject({ accepted: true })
  })

  const permanent = [
    ...['refresh_token_expired', 'refresh_token_reused', 'refresh_token_invalidated', 'invalid_grant'],
    ...['token_invalidated', 'token_expired', 'app_session_terminated'],
  ].map((code) => ({ code, status: 'reauth_required' }))
  const closed = ['account_deactivated', 'account_suspended', 'account_deleted'].map((code) => ({
    code,
    status: 'deactivated',
  }))
  it.each([...permanent, ...closed])('for good with $code makes the account $status', async ({ code, status }) => {
    await start([shortLived(a), { email: b, plan: 'plus', shortUsedPercent: 99 }])
    rig.simulator.script(a, { kind: 'token_error', code })
    clock.advance(11 * minute)
    const told = await manyTurns(10)
    expect(told.filter(({ status }) => status === 200)).toHaveLength(10)
    await eventually('the account was out', async () => (await rig.account(a)).status === status)
    expect(await rig.account(a)).toMatchObject({ status, statusReason: code })
    await rig.restart()
    expect(await ask(rig)).toMatchObject({ status: 200 })
    expect(refreshesOf(a)).toHaveLength(1)
  })
})

describe('an import while a refresh is under way', () => {
  it('of the same file does not bring the spent token back', async () => {
    await start([shortLived(a)])
    rig.simulator.script(a, { kind: 'slow_headers', ms: 5_000, path: 'token' })
    clock.advance(11 * minute)
    const turns = manyTurns(20)
    await eventually('the refresh was under way', async () => tokenRequests() > 0)
    await rig.importAccounts(a)
    clock.advance(5_000)
    const told = await hurry(clock, turns)
    expect(told.filter(({ status }) => status === 200)).toHaveLength(20)
    expect(refreshesOf(a)).toHaveLength(1)
    expect(await ask(rig)).toMatchObject({ status: 200 })
    await rig.restart()
    expect(await ask(rig)).toMatchObject({ status: 200 })
    expect(refreshesOf(a)).toHaveLength(1)
    clock.advance(11 * minute)
    expect(await ask(rig)).toMatchObject({ status: 200 })
    expect(refreshesOf(a).map(({ accepted }) => accepted)).toEqual([true, true])
  })

  const tokenRequests = () => rig.simulator.requests.filter(({ path }) => path === '/oauth/token').length
})

describe('a renewed token', () => {
  it('is in the store before the first request carries it', async () => {
    await start([shortLived(a)])
    const before = storedCredential()
    clock.advance(11 * minute)
    const seen: ReturnType<typeof storedCredential>[] = []
    const onRequest = (message: unknown) => {
      const { request } = message as { request: { origin: unknown; path: string } }
      if (String(request.origin) === rig.simulator.url && request.path === codexPath) seen.push(storedCredential())
    }
    subscribe('undici:request:create', onRequest)
    try {
      await manyTurns(3)
    } finally {
      unsubscribe('undici:request:create', onRequest)
    }
    expect(seen).toEqual(Array(3).fill({ version: before.version + 1, refreshStartedAtMs: null }))
  })

  /** What another process would find if this one died now. */
  function storedCredential() {
    const database = new Database(join(rig.dataDir, 'codex-lb.db'), { readonly: true })
    try {
      const row = database.prepare('select version, refresh_started_at_ms from credentials').get()
      const { version, refresh_started_at_ms } = row as { version: number; refresh_started_at_ms: number | null }
      return { version, refreshStartedAtMs: refresh_started_at_ms }
    } finally {
      database.close()
    }
  }
})

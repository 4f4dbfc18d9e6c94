import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import type { SimulatedAccountOptions } from '../../src/simulator/accounts.ts'
import { clientId } from '../../src/simulator/tokens.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { type RunningCommand, startCommand } from '../support/command.ts'
import { eventually } from '../support/import-client.ts'
import { turnBody } from '../support/simulator-client.ts'
import { type Rig, startRig } from '../support/start.ts'
import { a, ask, askedOf, b, closeClean, expectNoHandles } from '../support/turns.ts'

// Tokens are looked after without anybody asking; a sign-in that cannot be saved is named, and a new one takes its place.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
let command: RunningCommand | null = null
/** Set where the product had to send a token that another program had spent. */
let isShared = false
afterEach(async () => {
  command?.process.kill('SIGKILL')
  await command?.ended
  command = null
  if (isShared) await rig.close()
  else await closeClean(rig)
  isShared = false
})
afterAll(expectNoHandles)

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

async function start(accounts: SimulatedAccountOptions[]) {
  clock = createManualClock()
  rig = await startRig({ accounts, app: { clock }, env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' } })
}

/** Lets time pass in small steps, and the jobs do what falls due, until the condition holds. */
async function inBackground(what: string, stepMs: number, condition: () => Promise<boolean>): Promise<void> {
  await eventually(what, async () => {
    if (await condition()) return true
    clock.advance(stepMs)
    return false
  })
}

const refreshesOf = (email: string) => rig.simulator.refreshes.filter((refresh) => refresh.email === email)

/** Codex itself, with a copy of the auth.json that was imported, renews the sign-in. */
async function renewElsewhere(email: string): Promise<string> {
  isShared = true
  const { tokens } = rig.simulator.authJson(email) as { tokens: { refresh_token: string } }
  const answer = await fetch(`${rig.simulator.authUrl}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: tokens.refresh_token,
      scope: 'openid profile email',
    }),
  })
  expect(answer.status).toBe(200)
  return tokens.refresh_token
}

const call = async (method: string, path: string, body?: object) => {
  const answer = await fetch(rig.url + path, {
    method,
    ...(body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
  })
  expect(answer.status, path).toBe(200)
}

describe('tokens that nobody uses', () => {
  it('are renewed in their eighth day, each at a moment of its own, those of paused accounts too', async () => {
    const emails = Array.from({ length: 8 }, (_, i) => `user${i}@example.com`)
    await start(emails.map((email) => ({ email, plan: 'plus' })))
    await call('POST', `/api/accounts/${(await rig.account(emails[0] ?? '')).accountId}/pause`)
    const startMs = clock.now()
    clock.advance(7 * day - 10 * minute)
    const seenOf = () => Promise.all(emails.map((email) => rig.account(email)))
    const isRenewed = ({ lastRefreshAt }: { lastRefreshAt?: string }) => Date.parse(lastRefreshAt ?? '') > startMs
    await inBackground('all were renewed', 20 * minute, async () => (await seenOf()).every(isRenewed))
    expect(rig.simulator.refreshes.map(({ email }) => email).toSorted()).toEqual(emails)
    const seen = await seenOf()
    const hours = seen.map(({ lastRefreshAt }) => (Date.parse(lastRefreshAt) - startMs) / hour)
    expect(Math.min(...hours)).toBeGreaterThanOrEqual(7 * 24)
    expect(Math.max(...hours)).toBeLessThanOrEqual(8 * 24 + 1)
    expect(new Set(hours.map(Math.floor)).size).toBeGreaterThanOrEqual(4)
    expect(seen.map(({ status }) => status)).toEqual(['paused', ...Array(7).fill('active')])
  })

  it('wait for a sign-in server that is out, which is asked little meanwhile', async () => {
    const emails = Array.from({ length: 8 }, (_, i) => `user${i}@example.com`)
    await start(emails.map((email) => ({ email, plan: 'plus', accessTokenMs: 2 * hour })))
    for (const email of emails) {
      rig.simulator.script(email, { kind: 'token_error', status: 503, code: 'server_error', times: 'always' })
    }
    clock.advance(hour)
    await inBackground('somebody was told', 1_000, async () => rig.simulator.refreshes.length >= 3)
    for (let i = 0; i < 20; i++) {
      clock.advance(10_000)
      expect((await rig.account(emails[0] ?? '')).status).toBe('active')
    }
    expect(rig.simulator.refreshes).toHaveLength(3)
    rig.simulator.reset()
    await inBackground('all were renewed', minute, async () => emails.every((email) => refreshesOf(email).length > 0))
    expect(rig.simulator.refreshes.filter(({ accepted }) => accepted)).toHaveLength(8)
  })
})

describe('a sign-in that another program has renewed', () => {
  const conflict = {
    statusReason: 'refresh_token_reused',
    advice: {
      cause: expect.stringMatching(/^Another program uses this account's sign-in and has renewed it/),
      fix: expect.stringMatching(/no other program may use it/),
    },
  }

  it('is named before it costs anything, serves while it can, and is put right by a new one in the same place', async () => {
    await start([
      { email: a, plan: 'plus', accessTokenMs: 10 * minute },
      { email: b, plan: 'plus' },
    ])
    const { accountId: other } = await rig.account(b)
    await call('POST', `/api/accounts/${other}/pause`)
    const session = { headers: { 'session-id': 'a-session' } }
    expect(await ask(rig, turnBody('hello'), session)).toMatchObject({ status: 200 })
    await call('POST', `/api/accounts/${other}/reactivate`)
    const before = await rig.account(a)
    const change = { policy: 'burn_first', priority: 3, tags: ['team'] }
    await call('PATCH', `/api/accounts/${before.accountId}`, change)

    const spent = await renewElsewhere(a)
    clock.advance(5 * minute)
    await inBackground('it was noticed', 1_000, async () => (await rig.account(a)).advice !== null)
    expect(await rig.account(a)).toMatchObject({ status: 'active', ...conflict })
    expect((await rig.account(a)).advice.cause).toMatch(/serves on until its access token ends/)

    await rig.restart()
    expect(await rig.account(a)).toMatchObject({ status: 'active', ...conflict })
    expect(await ask(rig, turnBody('hello'), session)).toMatchObject({ status: 200 })
    expect(askedOf(rig.simulator)).toBe('aa')

    clock.advance(10 * minute)
    await inBackground('it was over', 1_000, async () => (await rig.account(a)).status !== 'active')
    expect(await rig.account(a)).toMatchObject({ status: 'reauth_required', ...conflict })
    const sends = rig.simulator.refreshes.filter(({ refreshToken }) => refreshToken === spent)
    expect(sends.map(({ accepted }) => accepted)).toEqual([true, false])

    await rig.importAccounts(a)
    const { accountId, createdAt } = before
    const healed = { accountId, createdAt, ...change, status: 'active', statusReason: null, advice: null }
    expect(await rig.account(a)).toMatchObject(healed)
    expect(await ask(rig, turnBody('hello'), session)).toMatchObject({ status: 200 })
    expect(askedOf(rig.simulator)).toBe('aaa')
    const [, oldest] = await rig.requests()
    expect(oldest?.accountId).toBe(accountId)
  })

  it('of a paused account is named too, and the account is still paused after the new one', async () => {
    await start([{ email: a, plan: 'plus', accessTokenMs: 10 * minute }])
    const { accountId } = await rig.account(a)
    await call('POST', `/api/accounts/${accountId}/pause`)
    await renewElsewhere(a)
    clock.advance(5 * minute)
    await inBackground('it was noticed', 1_000, async () => (await rig.account(a)).advice !== null)
    expect(await rig.account(a)).toMatchObject({ status: 'paused', ...conflict })
    clock.advance(10 * minute)
    await inBackground('it was over', 1_000, async () => (await rig.account(a)).status !== 'paused')
    expect(await rig.account(a)).toMatchObject({ status: 'reauth_required', ...conflict })
    await rig.importAccounts(a)
    expect(await rig.account(a)).toMatchObject({ accountId, status: 'paused', statusReason: null, advice: null })
    expect((await ask(rig)).status).toBe(503)
    await call('POST', `/api/accounts/${accountId}/reactivate`)
    expect((await ask(rig)).status).toBe(200)
  })

  it('is put right by the command beside the running server, within seconds', async () => {
    rig = await startRig({ accounts: [{ email: a, plan: 'plus' }] })
    const before = await rig.account(a)
    const change = { policy: 'preserve', priority: 7, tags: ['mine'] }
    await call('PATCH', `/api/accounts/${before.accountId}`, change)
    expect((await ask(rig)).status).toBe(200)
    await renewElsewhere(a)
    rig.simulator.script(a, { kind: 'unauthorized', times: 1 })
    expect((await ask(rig)).status).toBe(503)
    expect(await rig.account(a)).toMatchObject({ status: 'reauth_required', ...conflict })

    const path = join(rig.dataDir, 'fresh.json')
    writeFileSync(path, JSON.stringify(rig.simulator.authJson(a)))
    command = startCommand(['import', path], { CODEX_LB_DATA_DIR: rig.dataDir }, rig.dataDir)
    expect(await command.ended).toMatchObject({ code: 0 })
    await eventually('the server serves again', async () => (await ask(rig)).status === 200)
    const { accountId, createdAt } = before
    const healed = { accountId, createdAt, ...change, status: 'active', statusReason: null, advice: null }
    expect(await rig.account(a)).toMatchObject(healed)
    const served = (await rig.requests()).filter(({ status }) => status === 'success')
    expect(served.map((request) => request.accountId)).toEqual([accountId, accountId])
  })

  it('is not blamed when the stored sign-in was replaced while the refusal was on its way', async () => {
    await start([{ email: a, plan: 'plus', accessTokenMs: 10 * minute }])
    await renewElsewhere(a)
    rig.simulator.script(a, { kind: 'slow_headers', ms: 3_000, path: 'token' })
    clock.advance(5 * minute)
    const asked = () => rig.simulator.requests.filter(({ path }) => path === '/oauth/token').length
    await inBackground('the refresh was under way', 1_000, async () => asked() === 2)
    await rig.importAccounts(a)
    await inBackground('it was refused', 500, async () => refreshesOf(a).length === 2)
    expect((await ask(rig)).status).toBe(200)
    expect(await rig.account(a)).toMatchObject({ status: 'active', statusReason: null, advice: null })
  })
})

describe('a server that was stopped in the middle of a refresh', () => {
  it('names it after the start, does not repeat it, and is put right by a new sign-in', async () => {
    await start([{ email: a, plan: 'plus', accessTokenMs: 2 * hour }])
    rig.simulator.script(a, { kind: 'drop_token_reply' })
    clock.advance(hour)
    await inBackground('the answer was lost', 1_000, async () => (await rig.account(a)).advice !== null)
    expect(await rig.account(a)).toMatchObject({ status: 'active', statusReason: 'reply_lost' })
    await rig.restart()
    expect((await ask(rig)).status).toBe(200)
    clock.advance(2 * hour)
    await inBackground('it was over', 1_000, async () => (await rig.account(a)).status === 'reauth_required')
    expect(await rig.account(a)).toMatchObject({ statusReason: 'reply_lost' })
    expect(refreshesOf(a)).toHaveLength(1)
    await rig.importAccounts(a)
    expect((await ask(rig)).status).toBe(200)
  })
})

import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { turnBody } from '../support/simulator-client.ts'
import type { Rig } from '../support/start.ts'
import { a, ask, askedOf, b, closeClean, expectNoHandles, post, startPool, triesOf, turnsAt } from '../support/turns.ts'

// Places on accounts: who gets one, who waits for one, and what is told to those who get none.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock

async function start(settings: object, emails: readonly string[] = [a]) {
  clock = createManualClock()
  const accounts = emails.map((email) => ({ email, plan: 'plus' }))
  rig = await startPool({ accounts, app: { clock }, env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' } })
  const answer = await fetch(`${rig.url}/api/settings`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(settings),
  })
  expect(answer.status).toBe(200)
}
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

const held = { kind: 'stall_after_output', ms: 60_000 } as const
const slow = { kind: 'slow_headers', ms: 60_000 } as const

async function waiting(): Promise<number> {
  return ((await (await fetch(`${rig.url}/api/dashboard/overview`)).json()) as { waiting: number }).waiting
}
const someWait = (count: number) => eventually(`${count} requests waited`, async () => (await waiting()) === count)
const asked = (count: number) =>
  eventually(`${count} turns were at the upstream`, async () => turnsAt(rig.simulator).length === count)

describe('a request that finds every place taken', () => {
  it.each([
    ['open answers', { maxStreams: 1 }, held],
    ['turn starts', { maxTurnStarts: 1 }, slow],
  ] as const)('waits for one to be free: %s', async (_, settings, fault) => {
    await start({ ...settings, waitSeconds: 120 })
    rig.simulator.script(a, fault)
    const first = ask(rig, turnBody('FAKE_EVENTS: 10'))
    await asked(1)
    const second = ask(rig, turnBody('2'))
    await someWait(1)
    expect(askedOf(rig.simulator)).toBe('a')
    clock.advance(60_000)
    expect(await first).toMatchObject({ status: 200, broken: false })
    expect(await second).toMatchObject({ status: 200, broken: false })
    const waited = (await rig.requests()).map(({ waitedMs }) => waitedMs)
    expect(waited).toEqual(expect.arrayContaining([null, 60_000]))
  })

  it('is told which bound it met, whose, and how long it waited', async () => {
    await start({ maxStreams: 1, waitSeconds: 7 })
    rig.simulator.script(a, held)
    const first = ask(rig, turnBody('FAKE_EVENTS: 10'))
    await asked(1)
    const second = ask(rig, turnBody('2'))
    await someWait(1)
    clock.advance(7_000)
    const told = await second
    const { accountId } = await rig.account(a)
    expect(told).toMatchObject({ status: 503, error: { code: 'account_cap_reached', type: 'server_error' } })
    expect(told.error.message).toBe(
      `The account ${accountId} has all places for open answers (1, setting maxStreams) taken, and none was free within 7 s; try again in 5 s.`,
    )
    expect(told.headers.get('retry-after')).toBe('5')
    expect((await rig.requests())[0]).toMatchObject({
      ...{ status: 'error', httpStatus: 503, errorCode: 'account_cap_reached', waitedMs: 7_000, attempts: [] },
      decision: {
        accountId: null,
        excluded: [{ accountId, exclusion: { reason: 'busy', cap: 'streams', inFlight: 1, limit: 1 } }],
      },
    })
    clock.advance(60_000)
    await first
  })

  it('goes to an account that has one, without waiting', async () => {
    await start({ maxStreams: 1, waitSeconds: 60 }, [a, b])
    rig.simulator.script(a, held)
    rig.simulator.script(b, held)
    const both = [ask(rig, turnBody('FAKE_EVENTS: 10')), ask(rig, turnBody('FAKE_EVENTS: 10'))]
    await asked(2)
    expect(askedOf(rig.simulator).split('').sort().join('')).toBe('ab')
    clock.advance(60_000)
    await Promise.all(both)
  })

  it('does not wait where as many wait as may', async () => {
    await start({ maxStreams: 1, maxWaiting: 1, waitSeconds: 60 })
    rig.simulator.script(a, held)
    const first = ask(rig, turnBody('FAKE_EVENTS: 10'))
    await asked(1)
    const second = ask(rig, turnBody('2'))
    await someWait(1)
    const told = await ask(rig, turnBody('3'))
    expect(told).toMatchObject({ status: 503, error: { code: 'overloaded' } })
    expect(told.error.message).toContain('setting maxWaiting')
    expect(Number(told.headers.get('retry-after'))).toBeGreaterThan(0)
    clock.advance(60_000)
    expect(await first).toMatchObject({ status: 200 })
    expect(await second).toMatchObject({ status: 200 })
  })

  it('gives its place in the queue up when its client leaves', async () => {
    await start({ maxStreams: 1, waitSeconds: 60 })
    rig.simulator.script(a, held)
    const first = ask(rig, turnBody('FAKE_EVENTS: 10'))
    await asked(1)
    const leaving = new AbortController()
    const second = post(rig, turnBody('2'), { signal: leaving.signal }).catch(() => null)
    await someWait(1)
    leaving.abort()
    await second
    await someWait(0)
    clock.advance(60_000)
    await first
    await eventually('the request was logged', async () => (await rig.requests()).length === 2)
    const statuses = (await rig.requests()).map(({ status }) => status)
    expect(statuses.sort()).toEqual(['cancelled', 'success'])
    expect(askedOf(rig.simulator)).toBe('a')
  })

  it('gets the place that a new setting makes', async () => {
    await start({ maxStreams: 1, waitSeconds: 120 })
    rig.simulator.script(a, held)
    const first = ask(rig, turnBody('FAKE_EVENTS: 10'))
    await asked(1)
    const second = ask(rig, turnBody('2'))
    await someWait(1)
    await fetch(`${rig.url}/api/settings`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ maxStreams: 2 }),
    })
    expect(await second).toMatchObject({ status: 200 })
    clock.advance(60_000)
    await first
  })
})

describe('a brief rest of the only account', () => {
  it('is waited out when it ends soon, so that the client sees nothing of it', async () => {
    await start({ waitSeconds: 15 })
    rig.simulator.script(a, { kind: 'rate_limit', retryAfterSeconds: 10 })
    const turn = ask(rig, turnBody('1'))
    await someWait(1)
    clock.advance(10_000)
    expect(await turn).toMatchObject({ status: 200, broken: false })
    expect(askedOf(rig.simulator)).toBe('aa')
    expect(await triesOf(rig)).toEqual(['a limited rate_limit_exceeded', 'a relay'])
    expect(await rig.account(a)).toMatchObject({ status: 'active', blocked: null })
  })

  it('is not waited for when it lasts longer than a request may wait', async () => {
    await start({ waitSeconds: 15 })
    rig.simulator.script(a, { kind: 'rate_limit', retryAfterSeconds: 20 })
    const told = await ask(rig, turnBody('1'))
    expect(told).toMatchObject({ status: 503, error: { code: 'no_accounts' } })
    expect(told.headers.get('retry-after')).toBe('20')
  })
})

describe('a limit of requests at once that the upstream tells', () => {
  const crowded = {
    kind: 'status',
    status: 429,
    code: 'concurrency_limit_exceeded',
    message: 'Too many concurrent',
  } as const

  it('lowers what the account gets, and blocks nothing', async () => {
    await start({ waitSeconds: 120 })
    rig.simulator.script(a, held, crowded)
    const first = ask(rig, turnBody('FAKE_EVENTS: 10'))
    await asked(1)
    const second = ask(rig, turnBody('2'))
    await someWait(1)
    expect(await rig.account(a)).toMatchObject({ status: 'active', blocked: null, concurrency: { limit: 1 } })
    clock.advance(60_000)
    expect(await first).toMatchObject({ status: 200 })
    expect(await second).toMatchObject({ status: 200 })
    expect(askedOf(rig.simulator)).toBe('aaa')
    clock.advance(300_000)
    expect(await rig.account(a)).toMatchObject({ concurrency: null })
  })

  it('is told to the client when even a single request is too many', async () => {
    await start({ waitSeconds: 0 })
    rig.simulator.script(a, { ...crowded, times: 'always' })
    const told = await ask(rig, turnBody('1'))
    expect(told.status).toBe(429)
    expect(askedOf(rig.simulator)).toBe('aa')
  })
})

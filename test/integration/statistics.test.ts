import { afterEach, describe, expect, it } from 'vitest'
import type { SimulatedAccountOptions } from '../../src/simulator/accounts.ts'
import { createManualClock } from '../support/clock.ts'
import { type Rig, type RigOptions, startRig } from '../support/start.ts'
import { closeClean } from '../support/turns.ts'
import { ask } from '../support/visitor.ts'

const [ann, ben] = ['ann@example.com', 'ben@example.com'] as const
const startMs = Date.UTC(2026, 10, 20, 12)
const accounts: SimulatedAccountOptions[] = [
  {
    ...{ email: ann, plan: 'plus' },
    statistics: {
      ...{ lifetimeTokens: 1_000, peakDailyTokens: 90, longestTurnSeconds: 540 },
      ...{ currentStreakDays: 1, longestStreakDays: 14, days: { '2026-11-18': 30, '2026-11-20': 20 } },
    },
  },
  { email: ben, plan: 'pro', statistics: { lifetimeTokens: 5, days: { '2026-11-18': 70, '2026-11-19': 10 } } },
]

let rig: Rig
afterEach(() => closeClean(rig))

const clock = () => createManualClock(startMs)
async function start(options: RigOptions = {}): Promise<void> {
  rig = await startRig({ accounts, app: { clock: clock() }, ...options })
}
const of = async (email: string) => {
  const { accountId } = await rig.account(email)
  return { accountId, ...(await ask(rig.url, 'GET', `/api/accounts/${accountId}/statistics`)) }
}
const profiles = () => rig.simulator.requests.filter(({ path }) => path.endsWith('/wham/profiles/me'))

describe('the statistics of an account', () => {
  it('are what its profile says', async () => {
    await start()
    const { status, body, accountId } = await of(ann)
    expect(status).toBe(200)
    expect(body).toEqual({
      accountId,
      lifetimeTokens: 1_000,
      peakDailyTokens: 90,
      longestTurnSeconds: 540,
      currentStreakDays: 1,
      longestStreakDays: 14,
      days: [
        { day: '2026-11-18', tokens: 30 },
        { day: '2026-11-20', tokens: 20 },
      ],
      countedAt: '2026-11-20T12:00:00.000Z',
      readAt: '2026-11-20T12:00:00.000Z',
    })
    expect((await of(ben)).body).toMatchObject({ lifetimeTokens: 5, peakDailyTokens: null, longestStreakDays: null })
  })

  it('are asked for when somebody looks and they are old, and outlive a restart and a failure', async () => {
    const moved = clock()
    await start({ app: { clock: moved } })
    await of(ann)
    await of(ann)
    moved.advance(14 * 60_000)
    await rig.restart()
    expect((await of(ann)).body.lifetimeTokens).toBe(1_000)
    expect(profiles()).toHaveLength(1)
    moved.advance(60_000)
    rig.simulator.script(ann, { kind: 'status', status: 500, path: 'profile' })
    expect((await of(ann)).body).toMatchObject({ lifetimeTokens: 1_000, readAt: '2026-11-20T12:00:00.000Z' })
    expect((await of(ann)).body).toMatchObject({ readAt: '2026-11-20T12:00:00.000Z' })
    expect(profiles()).toHaveLength(2)
    moved.advance(60_000)
    expect((await of(ann)).body).toMatchObject({ readAt: '2026-11-20T12:16:00.000Z' })
  })

  it('are unknown, not zero, while the upstream does not tell', async () => {
    await start()
    rig.simulator.script(ann, { kind: 'html200', path: 'profile' })
    expect((await of(ann)).body).toMatchObject({
      lifetimeTokens: null,
      currentStreakDays: null,
      days: [],
      readAt: null,
    })
  })

  it('are those of an account that is there', async () => {
    await start()
    const { status, body } = await ask(rig.url, 'GET', '/api/accounts/acc_none/statistics')
    expect([status, body.error.code]).toEqual([404, 'account_not_found'])
  })
})

describe('the statistics of the pool', () => {
  it('sum up what the accounts tell, and list it', async () => {
    await start()
    const { status, body } = await ask(rig.url, 'GET', '/api/dashboard/statistics')
    expect(status).toBe(200)
    expect(body.pool).toEqual({
      lifetimeTokens: 1_005,
      peakDailyTokens: 100,
      longestTurnSeconds: 540,
      currentStreakDays: 3,
      longestStreakDays: 14,
      days: [
        { day: '2026-11-18', tokens: 100 },
        { day: '2026-11-19', tokens: 10 },
        { day: '2026-11-20', tokens: 20 },
      ],
      countedAt: '2026-11-20T12:00:00.000Z',
      accounts: 2,
      accountsTotal: 2,
    })
    expect(body.accounts).toEqual(expect.arrayContaining([(await of(ann)).body, (await of(ben)).body]))
  })

  it('go on without an account that does not tell', async () => {
    await start()
    rig.simulator.script(ann, { kind: 'reset', path: 'profile' })
    const { body } = await ask(rig.url, 'GET', '/api/dashboard/statistics')
    expect(body.pool).toMatchObject({ lifetimeTokens: 5, peakDailyTokens: 70, accounts: 1, accountsTotal: 2 })
    expect(body.accounts).toHaveLength(2)
  })
})

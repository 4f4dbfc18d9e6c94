import { afterEach, describe, expect, it } from 'vitest'
import type { SimulatedAccountOptions } from '../../src/simulator/accounts.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { turnBody } from '../support/simulator-client.ts'
import { type Rig, type RigOptions, startRig } from '../support/start.ts'
import { closeClean, ask as turn } from '../support/turns.ts'
import { ask } from '../support/visitor.ts'

const [ann, ben] = ['ann@example.com', 'ben@example.com'] as const
const full = { shortUsedPercent: 100, resetsInSeconds: { short: 10_000 } }
const withCredits = (email: string, given: Partial<SimulatedAccountOptions> = {}): SimulatedAccountOptions => ({
  ...{ email, plan: 'plus', resetCredits: 2, ...full },
  ...given,
})

let rig: Rig
afterEach(() => closeClean(rig))

async function start(accounts: SimulatedAccountOptions[], options: RigOptions = {}): Promise<void> {
  rig = await startRig({ accounts, ...options })
  for (const { email } of accounts) {
    await eventually(`${email} has usage figures`, async () => (await rig.account(email)).windows.length > 0)
  }
}
const pathOf = async (email: string) => `/api/accounts/${(await rig.account(email)).accountId}/reset-credits`
const list = async (email: string) => (await ask(rig.url, 'GET', await pathOf(email))).body
const redeem = async (email: string, body: object = {}) => ask(rig.url, 'POST', `${await pathOf(email)}/redeem`, body)
const consumed = () => rig.simulator.requests.filter(({ path }) => path.endsWith('/consume'))
const key = '7f2f0b46-3f0d-4f6c-9d59-0a5c7c9d3c11'
const otherKey = '0b8b2f3e-6a0c-4c55-9d0f-0f6e5f6b9a77'

describe('the reset credits of an account', () => {
  it('are listed, used on demand, and kept with what became of them', async () => {
    await start([withCredits(ann)])
    const before = await list(ann)
    expect(before).toMatchObject({ availableCount: 2, redemptions: [] })
    expect(before.items).toMatchObject([{ status: 'available', title: 'Rate limit reset' }, { status: 'available' }])
    const { status, body } = await redeem(ann, { idempotencyKey: key, creditId: before.items[1].id })
    expect(status).toBe(200)
    expect(body).toMatchObject({ idempotencyKey: key, by: 'operator', outcome: 'reset', windowsReset: 1, error: null })
    expect(await list(ann)).toMatchObject({
      availableCount: 1,
      items: [{ status: 'available' }, { status: 'redeemed', redeemedAt: expect.any(String) }],
      redemptions: [body],
    })
    expect(consumed()[0]?.body).toEqual({ redeem_request_id: key, credit_id: before.items[1].id })
  })

  it('let a blocked account serve again, at once and with new figures', async () => {
    await start([withCredits(ann)])
    expect((await turn(rig)).status).toBe(429)
    expect(await rig.account(ann)).toMatchObject({ status: 'rate_limited' })
    await redeem(ann)
    expect(await rig.account(ann)).toMatchObject({ status: 'active', usage: { primaryRemainingPercent: 100 } })
    expect((await turn(rig, turnBody('again'))).status).toBe(200)
  })

  it('show that there was nothing to reset, and that there are none', async () => {
    await start([withCredits(ann, { shortUsedPercent: 0 }), { email: ben, plan: 'plus' }])
    expect((await redeem(ann)).body).toMatchObject({ outcome: 'nothing_to_reset' })
    expect((await redeem(ben)).body).toMatchObject({ outcome: 'no_credit' })
    expect(consumed()).toHaveLength(1)
  })

  it('are not used twice when the reply is lost: the same redemption is repeated, also after a restart', async () => {
    await start([withCredits(ann)])
    rig.simulator.script(ann, { kind: 'drop_token_reply', path: 'redeem' })
    expect((await redeem(ann, { idempotencyKey: key })).body).toMatchObject({ outcome: 'pending', settledAt: null })
    await rig.restart()
    const refused = await redeem(ann, { idempotencyKey: otherKey })
    expect([refused.status, refused.body.error.code]).toEqual([409, 'redemption_pending'])
    expect(refused.body.error.message).toContain(key)
    expect((await redeem(ann)).body).toMatchObject({ idempotencyKey: key, outcome: 'already_redeemed' })
    expect(await list(ann)).toMatchObject({ availableCount: 1, redemptions: [{ outcome: 'already_redeemed' }] })
    expect(consumed().map(({ body }) => body)).toEqual([consumed()[0]?.body, consumed()[0]?.body])
  })

  it('are not used when the upstream refuses, and its words are kept', async () => {
    await start([withCredits(ann)])
    rig.simulator.script(ann, { kind: 'status', status: 403, message: 'Not for this plan.', path: 'redeem' })
    expect((await redeem(ann)).body).toMatchObject({ outcome: 'failed', error: 'Not for this plan.' })
    expect(await list(ann)).toMatchObject({ availableCount: 2, redemptions: [{ outcome: 'failed' }] })
  })

  it('are left alone when they cannot be listed first', async () => {
    await start([withCredits(ann)])
    rig.simulator.script(ann, { kind: 'status', status: 500, path: 'reset_credits', times: 2 })
    const refused = await redeem(ann)
    expect([refused.status, refused.body.error.code]).toEqual([502, 'upstream_error'])
    expect((await ask(rig.url, 'GET', await pathOf(ann))).status).toBe(502)
    expect(consumed()).toEqual([])
    expect((await list(ann)).redemptions).toEqual([])
  })

  it.each<[string, object, number, string]>([
    ['a key that is no UUID', { idempotencyKey: 'mine' }, 400, 'invalid_request'],
    ['an unknown field', { credit: 'x' }, 400, 'invalid_request'],
    ['a credit that it does not hold', { creditId: 'rlrc_other' }, 409, 'reset_credit_unavailable'],
  ])('are not used with %s', async (_what, body, status, code) => {
    await start([withCredits(ann)])
    const refused = await redeem(ann, body)
    expect([refused.status, refused.body.error.code]).toEqual([status, code])
    expect(consumed()).toEqual([])
  })

  it('are those of an account that is there', async () => {
    await start([withCredits(ann)])
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/redeem'],
    ] as const) {
      const { status, body } = await ask(rig.url, method, `/api/accounts/acc_none/reset-credits${path}`)
      expect([status, body.error.code]).toEqual([404, 'account_not_found'])
    }
  })
})

describe('the rule for reset credits', () => {
  let clock: ManualClock
  const startWith = async (rule: string, accounts: SimulatedAccountOptions[]) => {
    clock = createManualClock(Date.now())
    await start(accounts, { app: { clock } })
    const answer = await ask(rig.url, 'PATCH', '/api/settings', { resetCreditRule: rule })
    expect(answer.status).toBe(200)
  }
  /** Lets some minutes pass, with time for what each of them starts. */
  const minutes = async (count: number) => {
    for (let minute = 0; minute < count; minute++) {
      clock.advance(60_000)
      await eventually('the usage was polled', async () => {
        const { lastSyncAt } = (await ask(rig.url, 'GET', '/api/dashboard/overview')).body
        return Date.parse(lastSyncAt) > clock.now() - 60_000
      })
    }
  }

  it('uses one when the whole pool is out, where it gives most, and then waits', async () => {
    await startWith('pool_out', [withCredits(ann), withCredits(ben, { plan: 'pro' })])
    expect((await turn(rig)).status).toBe(429)
    await eventually('a credit was used', async () => {
      await minutes(1)
      return consumed().length > 0
    })
    expect(consumed().map(({ email }) => email)).toEqual([ben])
    await eventually('it is kept', async () => (await list(ben)).redemptions[0]?.outcome === 'reset')
    expect((await list(ben)).redemptions).toMatchObject([{ by: 'rule' }])
    expect((await turn(rig)).status).toBe(200)
  })

  it('uses none without being told to', async () => {
    await startWith('never', [withCredits(ann)])
    expect((await turn(rig)).status).toBe(429)
    await minutes(5)
    expect(consumed()).toEqual([])
  })

  it('uses one that would be lost, while it gives something', async () => {
    const soon = { resetCredits: 1, resetCreditsExpireInSeconds: 6 * 3_600 }
    const half = { shortUsedPercent: 0, weeklyUsedPercent: 60 }
    await startWith('expiring', [withCredits(ann, { ...soon, ...half }), withCredits(ben, half)])
    await eventually('a credit was used', async () => {
      await minutes(1)
      return consumed().length > 0
    })
    await minutes(15)
    expect(consumed().map(({ email }) => email)).toEqual([ann])
  })
})

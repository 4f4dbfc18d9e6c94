import { afterEach, describe, expect, it } from 'vitest'
import type { SimulatedAccountOptions } from '../../src/simulator/accounts.ts'
import { eventually } from '../support/import-client.ts'
import { type Rig, startRig } from '../support/start.ts'
import { closeClean } from '../support/turns.ts'
import { ask } from '../support/visitor.ts'

const [ann, ben] = ['ann@example.com', 'ben@example.com'] as const
const spark = (shortUsedPercent: number) => [
  { name: 'gpt-5.5-spark', feature: 'codex_bengalfox', shortUsedPercent, resetsInSeconds: 600 },
]
const accounts: SimulatedAccountOptions[] = [
  {
    ...{ email: ann, plan: 'plus', shortUsedPercent: 80, weeklyUsedPercent: 10, creditsBalance: 3 },
    ...{ resetCredits: 1, meters: spark(10) },
    statistics: { lifetimeTokens: 1_000, currentStreakDays: 2, days: { '2026-11-18': 30 } },
  },
  {
    ...{ email: ben, plan: 'plus', shortUsedPercent: 20, weeklyUsedPercent: 30 },
    ...{ resetCredits: 2, meters: spark(30) },
    statistics: { lifetimeTokens: 5, days: { '2026-11-18': 70 } },
  },
]

let rig: Rig
afterEach(() => closeClean(rig))

async function start(given: SimulatedAccountOptions[] = accounts): Promise<void> {
  rig = await startRig({ accounts: given })
  for (const { email } of given) {
    await eventually(`${email} has usage figures`, async () => (await rig.account(email)).windows.length > 0)
  }
}
const own = { 'chatgpt-account-id': '0d51a8b3-e4f6-4571-8186-17f5c78858db', authorization: 'Bearer of-somebody' }
const get = async (path: string, headers: Record<string, string> = own) => ask(rig.url, 'GET', path, undefined, headers)
const consume = (body: object, path = '/backend-api/wham/rate-limit-reset-credits/consume') =>
  ask(rig.url, 'POST', path, body, own)
const consumed = () => rig.simulator.requests.filter(({ path }) => path.endsWith('/consume'))
const bases = [['/backend-api/wham'], ['/api/codex']]

describe.each(bases)('a client that asks under %s', (base) => {
  it('gets the figures of the pool as usage', async () => {
    await start()
    const { status, body } = await get(`${base}/usage`)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      account_id: own['chatgpt-account-id'],
      plan_type: 'plus',
      rate_limit: {
        ...{ allowed: true, limit_reached: false },
        primary_window: { used_percent: 50, limit_window_seconds: 18_000 },
        secondary_window: { used_percent: 20, limit_window_seconds: 604_800 },
      },
      additional_rate_limits: [
        {
          ...{ limit_name: 'gpt-5.5-spark', metered_feature: 'codex_bengalfox' },
          rate_limit: { primary_window: { used_percent: 20 }, secondary_window: null },
        },
      ],
      credits: { has_credits: true, unlimited: false, balance: '3' },
      rate_limit_reached_type: null,
      rate_limit_reset_credits: { available_count: 3 },
    })
  })

  it('sees the reset credits of all accounts, uses one, and gets the same outcome for the same id', async () => {
    await start()
    const { body: listed } = await get(`${base}/rate-limit-reset-credits`)
    expect(listed.available_count).toBe(3)
    expect(listed.credits).toHaveLength(3)
    expect(listed.credits[0]).toMatchObject({ status: 'available', reset_type: 'codex_rate_limits', redeemed_at: null })
    const path = `${base}/rate-limit-reset-credits/consume`
    const first = await consume({ redeem_request_id: 'one' }, path)
    expect(first.status).toBe(200)
    expect(first.body).toMatchObject({ code: 'reset', windows_reset: 2, credit: { status: 'redeemed' } })
    expect((await consume({ redeem_request_id: 'one' }, path)).body).toEqual(first.body)
    expect(consumed()).toHaveLength(1)
    expect((await get(`${base}/rate-limit-reset-credits`)).body.available_count).toBe(2)
    expect((await get(`${base}/usage`)).body.rate_limit_reset_credits).toEqual({ available_count: 2 })
  })

  it('gets the summed statistics as its profile', async () => {
    await start()
    expect((await get(`${base}/profiles/me`)).body).toEqual({
      profile: { username: 'codex-lb', display_name: 'codex-lb', profile_picture_url: null },
      stats: {
        ...{ lifetime_tokens: 1_005, peak_daily_tokens: 100, longest_running_turn_sec: null },
        ...{ current_streak_days: 2, longest_streak_days: 2 },
        daily_usage_buckets: [{ start_date: '2026-11-18', tokens: 100 }],
      },
      metadata: { stats_as_of: expect.any(String) },
    })
  })

  it('finds itself among the accounts, at an origin that is ours', async () => {
    await start()
    const { body } = await get(`${base}/accounts/check`)
    const id = own['chatgpt-account-id']
    expect(body).toMatchObject({ default_account_id: id, account_ordering: [id] })
    expect(body.accounts).toMatchObject([
      {
        ...{ id, plan_type: 'plus', can_access_with_session: true, account_routing_override: 'NO_CONSTRAINT' },
        workspace_backend_origin: rig.url.replace('http:', 'https:'),
      },
    ])
    const [first, second] = [await get(`${base}/accounts/check`, {}), await get(`${base}/accounts/check`, {})]
    expect(first.body.default_account_id).toMatch(/^[0-9a-f-]{36}$/)
    expect(second.body).toEqual(first.body)
  })
})

describe('a client with a ChatGPT sign-in of its own', () => {
  it('is called by its own name, which it takes for a sign that the answer is meant for it', async () => {
    await start()
    const claims = { 'https://api.openai.com/auth': { chatgpt_user_id: 'user-7' } }
    const payload = Buffer.from(JSON.stringify(claims)).toString('base64url')
    const headers = { ...own, authorization: `Bearer e30.${payload}.x` }
    expect((await get('/backend-api/wham/usage', headers)).body.user_id).toBe('user-7')
    expect((await get('/backend-api/wham/usage')).body.user_id).toBeNull()
    const { accounts: found } = (await get('/backend-api/wham/accounts/check', headers)).body
    expect(found[0].account_user_id).toBe(`user-7__${own['chatgpt-account-id']}`)
  })
})

describe('a client’s redemption', () => {
  it('reaches the account that holds the credit, and else the one where it gives most', async () => {
    await start()
    const { body: listed } = await get('/backend-api/wham/rate-limit-reset-credits')
    const ids: string[] = listed.credits.map(({ id }: { id: string }) => id)
    const ofAnn = ids.find((id) => ids.filter((other) => other.slice(0, -1) === id.slice(0, -1)).length === 1)
    expect((await consume({ redeem_request_id: 'one', credit_id: ofAnn })).body).toMatchObject({
      ...{ code: 'reset', credit: { id: ofAnn } },
    })
    expect((await consume({ redeem_request_id: 'two' })).body).toMatchObject({ code: 'reset' })
    expect(consumed().map(({ email }) => email)).toEqual([ann, ben])
    expect((await consume({ redeem_request_id: 'three', credit_id: ofAnn })).body).toMatchObject({
      code: 'already_redeemed',
    })
    expect((await consume({ redeem_request_id: 'four', credit_id: 'unknown' })).body).toMatchObject({
      ...{ code: 'no_credit', credit: null },
    })
    expect((await consume({ redeem_request_id: 'five' })).body).toMatchObject({ code: 'nothing_to_reset' })
  })

  it('is an error while nobody knows how it ended, and is found out under the same id', async () => {
    await start([{ ...accounts[0], email: ann, plan: 'plus' }])
    rig.simulator.script(ann, { kind: 'drop_token_reply', path: 'redeem' })
    const lost = await consume({ redeem_request_id: 'one' })
    expect([lost.status, lost.body.error.code]).toEqual([502, 'upstream_error'])
    // The credit is spent, and only the first one may find that out.
    expect((await consume({ redeem_request_id: 'two' })).body).toMatchObject({ code: 'no_credit' })
    expect((await consume({ redeem_request_id: 'one' })).body).toMatchObject({ code: 'already_redeemed' })
    expect(rig.simulator.accounts[0]?.resetCredits.filter(({ redeemedAtMs }) => redeemedAtMs !== null)).toHaveLength(1)
  })

  it.each([[{}], [{ redeem_request_id: '' }], [{ redeem_request_id: 5 }]])('is refused as %j', async (body) => {
    await start()
    const { status, body: answer } = await consume(body)
    expect(status).toBe(400)
    expect(answer.error).toMatchObject({ code: 'invalid_request', type: 'invalid_request_error' })
  })
})

describe('the usage of a pool that is out', () => {
  it('says which limit is reached, in the upstream’s word', async () => {
    const limitReachedType = 'workspace_owner_credits_depleted'
    await start([{ email: ann, plan: 'team', shortUsedPercent: 100, limitReachedType }])
    expect((await get('/backend-api/wham/usage')).body).toMatchObject({
      rate_limit: { allowed: false, limit_reached: true },
      rate_limit_reached_type: { type: limitReachedType },
    })
  })

  it('answers strangers nothing', async () => {
    await start()
    for (const path of ['usage', 'rate-limit-reset-credits', 'profiles/me', 'accounts/check']) {
      const { status } = await get(`/backend-api/wham/${path}`, { ...own, 'x-forwarded-for': '203.0.113.7' })
      expect(status).toBe(401)
    }
  })
})

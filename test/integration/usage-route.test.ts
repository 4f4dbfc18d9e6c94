import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { jsonOf } from '../support/simulator-client.ts'
import type { Rig } from '../support/start.ts'
import { a, ask, b, c, closeClean, expectNoHandles, publicPath, startPool } from '../support/turns.ts'

// What a client may read of its own use.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const dayMs = 24 * 60 * 60_000
const startMs = Date.UTC(2026, 0, 1, 6)

let rig: Rig
let clock: ManualClock
beforeEach(async () => {
  clock = createManualClock(startMs)
  rig = await startPool({ app: { clock } })
})
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

const usage = (query = '') => fetch(`${rig.url}/v1/usage${query}`)
const turn = (text: string) => ask(rig, { model: 'gpt-5.5', input: `FAKE_TEXT: ${text}` }, { path: publicPath })

describe('the use of a client', () => {
  it('is nothing as long as nobody has asked', async () => {
    const answer = await usage()
    expect(answer.status).toBe(200)
    expect(await jsonOf(answer)).toMatchObject({
      ...{ object: 'usage', key: null, since: new Date(startMs - 30 * dayMs).toISOString(), limits: [] },
      ...{ request_count: 0, total_tokens: 0, input_tokens: 0, cached_input_tokens: 0, output_tokens: 0 },
      total_cost_usd: 0,
    })
  })

  it('is the sum of what the log has, up to the last answer', async () => {
    for (const text of ['one', 'one two', 'one two three']) await turn(text)
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'usage_limit' })
    expect((await turn('refused')).status).toBe(429)
    const logged = await rig.requests()
    const sum = (of: (one: (typeof logged)[number]) => number | undefined) =>
      logged.reduce((total, one) => total + (of(one) ?? 0), 0)
    const seen = await jsonOf(await usage())
    expect(seen).toMatchObject({
      request_count: 4,
      input_tokens: sum(({ usage }) => usage?.input),
      cached_input_tokens: sum(({ usage }) => usage?.cached),
      output_tokens: sum(({ usage }) => usage?.output),
    })
    expect(seen.output_tokens).toBeGreaterThan(0)
    expect(seen.total_tokens).toBe(seen.input_tokens + seen.output_tokens)
    expect(seen.total_cost_usd).toBeCloseTo(
      sum(({ costUsd }) => costUsd),
      6,
    )
    expect(seen.total_cost_usd).toBeGreaterThan(0)
  })

  it('goes back as many days as asked, to the moment', async () => {
    await turn('one')
    const count = async (days: number) => (await jsonOf(await usage(`?days=${days}`))).request_count
    expect(await count(1)).toBe(1)
    clock.advance(dayMs)
    expect(await count(1)).toBe(1)
    clock.advance(1)
    expect([await count(1), await count(2)]).toEqual([0, 1])
    clock.advance(60 * dayMs)
    expect([await count(30), await count(61), await count(62), await count(90)]).toEqual([0, 0, 1, 1])
    for (const wrong of ['0', '91', '1.5', 'all', '-1']) {
      const refused = await usage(`?days=${wrong}`)
      expect([wrong, refused.status]).toEqual([wrong, 400])
      const { error } = await jsonOf(refused)
      expect(error).toMatchObject({ code: 'invalid_request', message: expect.stringContaining('days') })
    }
  })

  it('has the windows of the pool beside it, as the usage call of Codex has them', async () => {
    const { account_pool_usage } = await jsonOf(await usage())
    const { rate_limit } = await jsonOf(await fetch(`${rig.url}/api/codex/usage`))
    expect(account_pool_usage).toEqual({ primary: rate_limit.primary_window, secondary: rate_limit.secondary_window })
    expect(account_pool_usage.primary).toMatchObject({ used_percent: 40, limit_window_seconds: 18_000 })
  })
})

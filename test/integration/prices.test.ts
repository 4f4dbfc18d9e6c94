import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PriceList } from '../../src/contract/prices.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { turnBody } from '../support/simulator-client.ts'
import { type Rig, startRig } from '../support/start.ts'
import { ask } from '../support/visitor.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const startMs = Date.UTC(2026, 4, 1)
let rig: Rig
let clock: ManualClock
beforeEach(async () => {
  clock = createManualClock(startMs)
  rig = await startRig({ accounts: [{ email: 'a@example.com', plan: 'plus' }], app: { clock } })
})
afterEach(() => rig.close())

const turn = async () => {
  clock.advance(10)
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${rig.url}/backend-api/codex/responses`, {
    ...{ method: 'POST', headers, body: JSON.stringify(turnBody('FAKE_TEXT: hello')) },
  })
  await answer.text()
}
const costs = async () => (await rig.requests()).map(({ costUsd }) => costUsd)
const rates = (usd: number) => ({ input: usd, cachedInput: usd, output: usd })
const audited = async () => (await ask(rig.url, 'GET', '/api/audit-logs?action=price')).body.items

describe('the price of a model', () => {
  it('counts from the moment it is said, survives a restart, and changes nothing that has been', async () => {
    await turn()
    const [before] = await costs()
    const { status, body } = await ask(rig.url, 'PUT', '/api/prices/GPT-5.5', { standard: rates(1_000), flex: null })
    expect([status, body]).toEqual([
      200,
      {
        ...{ model: 'gpt-5.5', source: 'override', since: new Date(startMs + 10).toISOString() },
        ...{ standard: rates(1_000), priority: null, flex: null, long: null },
      },
    ])
    await turn()
    const [after, old] = await costs()
    expect(old).toBe(before)
    expect(after).toBeGreaterThan(50 * before)
    await rig.restart()
    await turn()
    expect((await costs())[0]).toBe(after)
    const [{ action, target, before: was, after: is }] = await audited()
    expect([action, target]).toEqual(['price.override', { kind: 'price', id: 'gpt-5.5' }])
    expect([was.source, is.standard]).toEqual(['built_in', rates(1_000)])
    expect((await ask(rig.url, 'DELETE', '/api/prices/gpt-5.5')).status).toBe(204)
    await turn()
    expect((await costs())[0]).toBe(before)
    const again = await ask(rig.url, 'DELETE', '/api/prices/gpt-5.5')
    expect([again.status, again.body.error.code]).toEqual([404, 'price_not_found'])
  })

  it('is put on the past only when that is asked for', async () => {
    await turn()
    clock.advance(60_000)
    await turn()
    const [newer, older] = await costs()
    await ask(rig.url, 'PUT', '/api/prices/gpt-5.5', { standard: rates(1_000) })
    const from = new Date(startMs + 30_000).toISOString()
    const started = await ask(rig.url, 'POST', '/api/prices/recompute', { from })
    expect([started.status, started.body.from]).toEqual([202, from])
    await expect
      .poll(async () => (await ask(rig.url, 'GET', '/api/prices')).body.recomputation)
      .toMatchObject({ state: 'done', requests: 1, changed: 1 })
    const [changed, kept] = await costs()
    expect(kept).toBe(older)
    expect(changed).toBeGreaterThan(50 * newer)
    const { body } = await ask(rig.url, 'GET', '/api/dashboard/overview')
    expect(body.usageSummary.totalCost).toBeCloseTo(changed + kept, 6)
  })

  it('can be seen with where it comes from', async () => {
    const { body } = await ask(rig.url, 'GET', '/api/prices')
    expect(PriceList.parse(body)).toEqual(body)
    expect(body.items.find(({ model }: { model: string }) => model === 'gpt-5.4')).toMatchObject({
      source: 'built_in',
      standard: { input: 2.5, cachedInput: 0.25, output: 15 },
    })
    expect(body.recomputation).toBeNull()
  })

  it.each([
    ['gpt-5.5', { standard: { input: -1, cachedInput: 1, output: 1 } }, 'standard.input'],
    ['gpt-5.5', { standard: { input: 1, output: 1 } }, 'standard.cachedInput'],
    ['gpt-5.5', {}, 'standard'],
    ['gpt-5.5', { standard: { input: 1, cachedInput: 1, output: 1 }, fast: null }, 'fast'],
    ['a%2Fb', { standard: { input: 1, cachedInput: 1, output: 1 } }, 'model'],
  ])('of %s is not %j', async (model, body, path) => {
    const refused = await ask(rig.url, 'PUT', `/api/prices/${model}`, body)
    expect([refused.status, refused.body.error.details[0].path]).toEqual([400, path])
  })

  it('is looked up in a list only where the settings name one, and at no private address', async () => {
    const none = await ask(rig.url, 'POST', '/api/prices/refresh')
    expect([none.status, none.body.error.code]).toEqual([409, 'price_list_not_configured'])
    const settings = await ask(rig.url, 'PATCH', '/api/settings', { priceListUrl: `${rig.url}/api/prices` })
    expect(settings.status).toBe(200)
    const refused = await ask(rig.url, 'POST', '/api/prices/refresh')
    expect([refused.status, refused.body.error.code]).toEqual([502, 'price_list_unusable'])
    const wrong = await ask(rig.url, 'PATCH', '/api/settings', { priceListUrl: 'file:///etc/passwd' })
    expect([wrong.status, wrong.body.error.details[0].path]).toEqual([400, 'priceListUrl'])
  })
})

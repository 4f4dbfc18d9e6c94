import { afterEach, expect, it, vi } from 'vitest'
import { Retention } from '../../src/contract/retention.ts'
import { createManualClock } from '../support/clock.ts'
import { turnBody } from '../support/simulator-client.ts'
import { type Rig, startRig } from '../support/start.ts'
import type { Untyped } from '../support/untyped.ts'
import { ask } from '../support/visitor.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
afterEach(() => rig.close())

it('the log is kept as long as the settings say, its sums for ever, and one can see what goes next', async () => {
  const clock = createManualClock(Date.UTC(2026, 4, 1))
  const day = 86_400_000
  rig = await startRig({ accounts: [{ email: 'a@example.com', plan: 'plus' }], app: { clock } })
  const turn = await fetch(`${rig.url}/backend-api/codex/responses`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify(turnBody('FAKE_TEXT: hello')),
  })
  await turn.text()
  const retention = async (): Promise<Record<string, Untyped>> => {
    const { body } = await ask(rig.url, 'GET', '/api/retention')
    expect(Retention.parse(body)).toEqual(body)
    return Object.fromEntries(body.items.map((item: Untyped) => [item.what, item]))
  }
  expect((await rig.requests())[0]?.decision).not.toBeNull()
  const { requests, requestDetails } = await retention()
  expect(requests).toMatchObject({ rows: 1, keptDays: 365, due: 0, before: '2025-05-01T00:00:00.000Z' })
  expect(requestDetails).toMatchObject({ rows: null, keptDays: 90, due: 0 })

  const set = await ask(rig.url, 'PATCH', '/api/settings', { requestLogDays: 3, requestDetailDays: 1 })
  expect(set.status).toBe(200)
  clock.advance(2 * day)
  await expect.poll(async () => (await rig.requests())[0]?.decision).toBeNull()
  expect((await rig.requests())[0]).toMatchObject({ attempts: [], status: 'success' })
  expect((await retention()).requestDetails.due).toBe(0)
  clock.advance(2 * day)
  await expect.poll(async () => (await rig.requests()).length).toBe(0)
  const report = await ask(rig.url, 'GET', '/api/reports?from=2026-05-01')
  expect(report.body.totals.requests).toBe(1)
  expect((await ask(rig.url, 'PATCH', '/api/settings', { usageHistoryDays: 7 })).status).toBe(400)
  expect((await ask(rig.url, 'PATCH', '/api/settings', { auditDays: 0 })).status).toBe(200)
  expect((await retention()).audit).toMatchObject({ keptDays: 0, before: null, due: 0 })
})

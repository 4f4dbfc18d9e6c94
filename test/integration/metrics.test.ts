import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Rig, startRig } from '../support/start.ts'

let rig: Rig
const token = 'metrics-token-of-the-test'
beforeAll(async () => {
  rig = await startRig({ env: { CODEX_LB_HOST: '0.0.0.0', CODEX_LB_METRICS_TOKEN: token } })
})
afterAll(() => rig.close())

const metrics = async () => (await fetch(`${local()}/metrics`)).text()
const local = () => `http://127.0.0.1:${new URL(rig.url).port}`
/** The value of a series, or null. */
const seriesValue = async (series: string) => {
  const line = (await metrics()).split('\n').find((one) => one.startsWith(`${series} `))
  return line === undefined ? null : Number(line.split(' ').at(-1))
}
const turn = (body: object = {}) =>
  fetch(`${local()}/v1/responses`, { method: 'POST', body: JSON.stringify({ model: 'gpt-5.5', input: 'hi', ...body }) })

describe('/metrics', () => {
  it('counts requests, tokens and cost by model, and how long they took', async () => {
    expect((await turn()).status).toBe(200)
    const labels = '{status="success",route="/v1/responses",model="gpt-5.5",transport="json"}'
    expect(await seriesValue(`codex_lb_requests_total${labels}`)).toBe(1)
    expect(await seriesValue('codex_lb_tokens_total{kind="input",model="gpt-5.5"}')).toBeGreaterThan(0)
    expect(await seriesValue('codex_lb_cost_usd_total{model="gpt-5.5"}')).toBeGreaterThan(0)
    expect(await seriesValue('codex_lb_added_latency_seconds_count')).toBe(1)
    expect(await seriesValue('codex_lb_added_latency_seconds_sum')).toBeLessThan(2)
    expect(await seriesValue('codex_lb_request_duration_seconds_count{status="success"}')).toBe(1)
  })

  it('counts a failover that nobody saw, and the call that it cost', async () => {
    const { accountId } = await rig.account('a@example.com')
    await fetch(`${local()}/api/settings`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ strategy: 'sequential_drain', drainOrder: [accountId] }),
    })
    rig.simulator.script('a@example.com', { kind: 'usage_limit' })
    expect((await turn({ input: 'another' })).status).toBe(200)
    expect(await seriesValue('codex_lb_failovers_hidden_total')).toBe(1)
    expect(await metrics()).toMatch(
      new RegExp(`^codex_lb_wasted_calls_total\\{verdict="\\w+",account="${accountId}"\\} 1$`, 'm'),
    )
  })

  it('gives a name that only clients know no line of its own', async () => {
    for (let at = 0; at < 5; at++) await turn({ model: `made-up-${at}` })
    expect(await metrics()).not.toContain('made-up')
    expect(await metrics()).toContain('model="other"')
  })

  it('tells the windows and the status of each account, and names nobody', async () => {
    const text = await metrics()
    expect(text).toMatch(/^codex_lb_account_window_used_percent\{account="acc_\w+",window="short"\} [\d.]+$/m)
    expect(text).toMatch(/^codex_lb_accounts\{status="active"\} \d$/m)
    expect(text).not.toContain('@example.com')
  })

  it('has every series that the Grafana board asks for', async () => {
    const board = await readFile(new URL('../../docs/grafana.json', import.meta.url), 'utf8')
    const asked = new Set(
      [...board.matchAll(/\b(?:codex_lb|process)_[a-z_]+/g)].map(([name]) => name.replace(/_bucket$/, '')),
    )
    const text = await metrics()
    const offered = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
    expect(asked.size).toBeGreaterThan(10)
    expect([...asked].filter((name) => !offered.has(name))).toEqual([])
  })

  it('is for this machine, for whoever has the token, and for nobody else', async () => {
    const address = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal)?.address
    if (address === undefined) return
    const remote = `http://${address}:${new URL(rig.url).port}/metrics`
    expect((await fetch(remote)).status).toBe(401)
    expect((await fetch(remote, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401)
    expect((await fetch(remote, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200)
    expect((await fetch(remote, { headers: { 'x-forwarded-for': '127.0.0.1' } })).status).toBe(401)
  })

  it('is not there when it is switched off', async () => {
    const quiet = await startRig({ importAll: false, env: { CODEX_LB_METRICS: 'off' } })
    expect((await fetch(`${quiet.url}/metrics`)).status).toBe(404)
    await quiet.close()
  })
})

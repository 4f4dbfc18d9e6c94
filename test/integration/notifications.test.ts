import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hourMs, minuteMs } from '../../src/domain/quota.ts'
import { apiOf } from '../support/api.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { startHttpProxy } from '../support/proxies.ts'
import { answering, type Receiver, startReceiver } from '../support/receiver.ts'
import { type Rig, startRig } from '../support/start.ts'
import { a, ask, b, hurry } from '../support/turns.ts'
import type { Untyped } from '../support/untyped.ts'

let rig: Rig
let receiver: Receiver
let clock: ManualClock
let channelId: string
beforeEach(async () => {
  clock = createManualClock()
  receiver = await startReceiver()
  rig = await startRig({
    accounts: [
      { email: a, plan: 'plus', weeklyUsedPercent: 50 },
      { email: b, plan: 'plus', weeklyUsedPercent: 50 },
    ],
    app: { clock },
    env: { CODEX_LB_USAGE_REFRESH_SECONDS: '60' },
  })
  await eventually('the accounts have figures', async () => {
    const seen = await Promise.all([a, b].map((email) => rig.account(email)))
    return seen.every(({ windows }) => windows.length > 0)
  })
  channelId = (
    await made('channels', { kind: 'webhook', name: 'Hook', url: `${receiver.url}/hook`, allowPrivateAddress: true })
  ).id
})
afterEach(async () => {
  await rig.close()
  await receiver.close()
})

const api = (method: string, path: string, body?: unknown) => apiOf(rig)(method, path, body)
const made = async (what: string, body: object): Promise<Untyped> => {
  const answer = await api('POST', `/api/notification-${what}`, body)
  expect(answer).toMatchObject({ status: 201 })
  return answer.body
}
const rule = (body: object) => made('rules', { channelIds: [channelId], ...body })
const history = async (query = ''): Promise<Untyped[]> =>
  (await api('GET', `/api/notifications?limit=200${query}`)).body.items
const told = () => receiver.received.map(({ body }) => JSON.parse(body))
const titles = () => told().map(({ event, title }) => `${event}: ${title}`)

/** Lets time go by in steps, so that each job runs at its own time. */
async function pass(ms: number, stepMs = 5_000): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    clock.advance(Math.min(stepMs, ms - passed))
    // Jobs go on over turns of the event loop and the disk.
    await new Promise((resolve) => setTimeout(resolve, 12))
  }
}
/** Time goes by until it is so. */
async function passUntil(what: string, condition: () => Promise<boolean> | boolean, stepMs = 5_000): Promise<void> {
  for (let step = 0; step < 400; step++) {
    if (await condition()) return
    clock.advance(stepMs)
    await new Promise((resolve) => setTimeout(resolve, 12))
  }
  throw new Error(`It never happened that ${what}.`)
}
const countIs = (count: number) => passUntil(`${count} messages came`, () => receiver.received.length >= count)

describe('a rule', { timeout: 30_000 }, () => {
  it('tells when it begins and when it ends, once each', async () => {
    await rule({ kind: 'pool_below', parameters: { window: 'weekly', percent: 30 } })
    await pass(minuteMs)
    expect(receiver.received).toEqual([])
    for (const email of [a, b]) rig.simulator.setUsed(email, 'weekly', 80)
    await countIs(1)
    await pass(3 * minuteMs)
    for (const email of [a, b]) rig.simulator.setUsed(email, 'weekly', 10)
    await countIs(2)
    await pass(2 * minuteMs)
    expect(titles()).toEqual([
      "begin: The pool's weekly window is below 30 %",
      "end: The pool's weekly window is above 30 % again",
    ])
    expect(told()[0]).toMatchObject({
      kind: 'pool_below',
      text: expect.stringMatching(
        /^20 % is left over all accounts\. The first part of it comes back 2026-01-\d\d \d\d:\d\d UTC\.$/,
      ),
      about: [
        { kind: 'pool_below', window: 'weekly', percent: 30, leftPercent: 20, resetAt: expect.stringMatching(/Z$/) },
      ],
    })
  })

  it('does not tell again after a restart, and tells the end that came meanwhile', async () => {
    const { id } = await rule({ kind: 'pool_below', parameters: { window: 'weekly', percent: 60 } })
    await countIs(1)
    await rig.restart()
    await pass(3 * minuteMs)
    expect(receiver.received).toHaveLength(1)
    expect((await api('GET', `/api/notification-rules/${id}`)).body.onSince).toMatch(/Z$/)
    for (const email of [a, b]) rig.simulator.setUsed(email, 'weekly', 10)
    await rig.restart()
    await countIs(2)
    expect(titles()[1]).toMatch(/^end: /)
  })

  it('tells of accounts that need a new sign-in, by name only where that is allowed', async () => {
    const open = await made('channels', {
      ...{ kind: 'webhook', name: 'Open', url: `${receiver.url}/open`, allowPrivateAddress: true, showEmails: true },
    })
    await rule({ kind: 'account_reauth', channelIds: [channelId, open.id] })
    await passUntil('the rule has run', () => true)
    rig.simulator.script(a, { kind: 'unauthorized' }, { kind: 'token_error', code: 'refresh_token_reused' })
    // Nobody else can be asked.
    await api('POST', `/api/accounts/${(await rig.account(b)).accountId}/pause`)
    await hurry(clock, ask(rig))
    await eventually('the account is out', async () => (await rig.account(a)).status === 'reauth_required')
    await passUntil('both are told', () => receiver.received.length >= 2)
    const byPath = Object.fromEntries(receiver.received.map(({ path, body }) => [path, body]))
    expect(byPath['/hook']).not.toContain(a)
    expect(JSON.parse(byPath['/hook'] ?? '')).toMatchObject({ title: 'An account needs a new sign-in' })
    expect(JSON.parse(byPath['/open'] ?? '').text).toContain(a)
    await rig.importAccounts(a)
    await passUntil('both are told', () => receiver.received.length >= 4)
    expect(titles().slice(2)).toEqual(['end: An account is signed in again', 'end: An account is signed in again'])
  })

  it('tells of an egress proxy that stays down, and when it works again', async () => {
    const proxy = await startHttpProxy()
    const made = await api('POST', '/api/egress-proxies', {
      ...{ name: 'Office', scheme: 'http', host: '127.0.0.1', port: proxy.port },
    })
    expect(made.status).toBe(201)
    const egress = { kind: 'proxy', id: made.body.id }
    for (const email of [a, b]) {
      await api('PATCH', `/api/accounts/${(await rig.account(email)).accountId}`, { egress })
    }
    await rule({ kind: 'egress_down' })
    expect((await hurry(clock, ask(rig))).status).toBe(200)
    await proxy.close()
    await hurry(clock, ask(rig))
    await countIs(1)
    expect(told()[0]).toMatchObject({ title: 'An egress proxy does not work', about: [{ name: 'Office' }] })
    await proxy.open()
    await passUntil('a turn goes through again', async () => (await hurry(clock, ask(rig))).status === 200)
    await countIs(2)
    expect(titles()[1]).toBe('end: An egress proxy works again')
    await proxy.close()
  })

  it('tells when all accounts are out, and when the first comes back', async () => {
    await rule({ kind: 'pool_out' })
    for (const email of [a, b]) {
      rig.simulator.setUsed(email, 'short', 100, 1800)
      await hurry(clock, ask(rig))
    }
    await countIs(1)
    expect(told()[0]).toMatchObject({
      title: 'All accounts are out',
      about: [{ kind: 'pool_out', accounts: 2, serving: 0, usedUp: 2, signedOut: 0 }],
    })
    await passUntil('it is over', () => receiver.received.length >= 2, minuteMs)
    expect(titles()[1]).toBe('end: The pool serves again')
  })

  it('tells of requests that fail', async () => {
    await rule({ kind: 'error_rate', parameters: { percent: 20, minutes: 5, leastRequests: 4 } })
    for (let count = 0; count < 3; count++) await ask(rig)
    for (const email of [a, b]) rig.simulator.script(email, { kind: 'failed_after_output', times: 'always' })
    for (let count = 0; count < 3; count++) await hurry(clock, ask(rig))
    await countIs(1)
    expect(told()[0]).toMatchObject({ title: 'More than 20 % of requests fail' })
  })

  it('tells of a key that nears a limit, but of none per minute', async () => {
    const key = await api('POST', '/api/api-keys', {
      name: 'Ann\n<laptop>',
      limits: [
        { kind: 'requests', period: 'day', isCalendar: true, max: 4 },
        { kind: 'requests', period: 'minute', isCalendar: true, max: 4 },
      ],
    })
    const { id } = await rule({ kind: 'key_limit', parameters: { percent: 75 } })
    const turn = () => ask(rig, undefined, { headers: { authorization: `Bearer ${key.body.key}` } })
    for (let count = 0; count < 2; count++) expect((await hurry(clock, turn())).status).toBe(200)
    await pass(minuteMs)
    expect(receiver.received).toEqual([])
    expect((await hurry(clock, turn())).status).toBe(200)
    await countIs(1)
    await pass(minuteMs)
    expect(told()).toMatchObject([
      {
        title: 'A limit of API keys is used to 75 %',
        text: 'Ann <laptop>: 4 requests per day is used to 75 %, until 2026-01-02 00:00 UTC',
        about: [{ kind: 'key_limit', keyId: key.body.id, usedPercent: 75, resetAt: '2026-01-02T00:00:00.000Z' }],
      },
    ])
    expect(JSON.stringify(told())).not.toContain(key.body.key)
    expect((await api('GET', `/api/notification-rules/${id}`)).body.onSince).not.toBeNull()
    await passUntil('the day is over', () => receiver.received.length >= 2, 5 * minuteMs)
    expect(titles()[1]).toBe('end: A limit of API keys has room again')
  })

  it('looks for a new version only where it is told to, and only while it is on', async () => {
    const url = `${receiver.url}/latest`
    const near = { url, allowPrivateAddress: true }
    const { id } = await rule({ kind: 'new_version', parameters: near, isActive: false })
    await pass(minuteMs)
    expect(receiver.received).toEqual([])
    receiver.script.push(answering(404), answering(200, JSON.stringify({ tag_name: 'v99.1.0' })))
    await api('PATCH', `/api/notification-rules/${id}`, { isActive: true })
    await passUntil('it was asked', () => receiver.received.length === 1)
    await eventually('the problem is told', async () => {
      return (await api('GET', `/api/notification-rules/${id}`)).body.problem === 'The address answered 404.'
    })
    await pass(50 * minuteMs, minuteMs)
    expect(receiver.received).toHaveLength(1)
    await passUntil('it is told', () => receiver.received.length >= 3, minuteMs)
    expect(receiver.received.map(({ path }) => path)).toEqual(['/latest', '/latest', '/hook'])
    expect(JSON.parse(receiver.received[2]?.body ?? '')).toMatchObject({
      title: 'codex-lb 99.1.0 is out',
      event: 'begin',
    })
    expect((await api('GET', `/api/notification-rules/${id}`)).body.problem).toBeNull()
    const guarded = await rule({ kind: 'new_version', parameters: { url: `${url}?guarded` } })
    await passUntil('it was tried', async () => {
      return (await api('GET', `/api/notification-rules/${guarded.id}`)).body.problem?.includes('this machine')
    })
    expect(receiver.received.some(({ path }) => path.includes('guarded'))).toBe(false)
  })

  it('refuses what is wrong, naming the fields, and tells of unknown ids', async () => {
    const fields = async (method: string, path: string, body: object) => {
      const { status, body: answer } = await api(method, path, body)
      return [status, ...(answer.error.details ?? []).map((fault: Untyped) => fault.path)]
    }
    const rules = '/api/notification-rules'
    const one = { kind: 'pool_below', parameters: { window: 'weekly', percent: 15 }, channelIds: [channelId] }
    expect(await fields('POST', rules, { ...one, kind: 'moon' })).toEqual([400, 'kind'])
    expect(await fields('POST', rules, { ...one, parameters: { window: 'yearly', percent: 0, x: 1 } })).toEqual([
      ...[400, 'parameters.window', 'parameters.percent', 'parameters.x'],
    ])
    expect(await fields('POST', rules, { ...one, channelIds: ['nobody'] })).toEqual([400, 'channelIds'])
    const quiet = (from: string, to: string, timeZone: string) => ({ ...one, quietHours: { from, to, timeZone } })
    expect(await fields('POST', rules, quiet('24:00', '7', 'Mars'))).toEqual([
      ...[400, 'quietHours.from', 'quietHours.to', 'quietHours.timeZone'],
    ])
    expect(await fields('POST', rules, quiet('07:00', '07:00', 'UTC'))).toEqual([400, 'quietHours'])
    expect(await fields('POST', rules, { ...one, kind: 'new_version', parameters: { url: 'file:///x' } })).toEqual([
      ...[400, 'parameters.url'],
    ])
    const { id } = await rule(one)
    expect(await fields('PATCH', `${rules}/${id}`, { parameters: { minutes: 5 } })).toEqual([400, 'parameters.minutes'])
    expect(await fields('PATCH', `${rules}/${id}`, { kind: 'pool_out' })).toEqual([400, 'kind'])
    expect(await fields('PATCH', `${rules}/${id}`, { channelIds: ['nobody'] })).toEqual([400, 'channelIds'])
    const changed = await api('PATCH', `${rules}/${id}`, { parameters: { percent: 20 }, min_gap_minutes: 5 })
    expect(changed.body).toMatchObject({ parameters: { window: 'weekly', percent: 20 }, minGapMinutes: 5 })
    expect((await api('GET', rules)).body).toMatchObject({ items: [{ id }], nextCursor: null })
    expect((await api('DELETE', `${rules}/${id}`)).status).toBe(204)
    for (const [method, body] of [['GET'], ['PATCH', {}], ['DELETE']] as const) {
      const answer = await api(method, `${rules}/${id}`, body)
      expect([answer.status, answer.body.error.code]).toEqual([404, 'notification_rule_not_found'])
    }
    const { items } = (await api('GET', `/api/audit-logs?target_id=${id}`)).body
    expect(items.map(({ action }: Untyped) => action).toSorted()).toEqual(
      ['change', 'create', 'delete'].map((verb) => `notification_rule.${verb}`),
    )
  })

  it('holds back what it has to tell in quiet hours', async () => {
    // The clock of these tests begins at midnight.
    await rule({
      ...{ kind: 'pool_below', parameters: { window: 'weekly', percent: 60 } },
      quiet_hours: { from: '23:00', to: '00:30', time_zone: 'UTC' },
    })
    await pass(20 * minuteMs, 20_000)
    expect(await history()).toEqual([])
    await passUntil('it is told', () => receiver.received.length === 1, 20_000)
    expect(clock.now()).toBeGreaterThanOrEqual(Date.UTC(2026, 0, 1, 0, 30))
  })

  it('that is off tells nothing, and tells anew what is on when it is switched on', async () => {
    const { id } = await rule({ kind: 'pool_below', parameters: { window: 'weekly', percent: 60 } })
    await countIs(1)
    await api('PATCH', `/api/notification-rules/${id}`, { isActive: false })
    await pass(minuteMs)
    await api('PATCH', `/api/notification-rules/${id}`, { isActive: true })
    await countIs(2)
    expect(titles().every((title) => title.startsWith('begin'))).toBe(true)
    await api('PATCH', `/api/notification-rules/${id}`, { parameters: { percent: 20 } })
    await pass(2 * minuteMs)
    expect(receiver.received).toHaveLength(2)
  })
})

describe('delivery', { timeout: 30_000 }, () => {
  const low = { kind: 'pool_below', parameters: { window: 'weekly', percent: 60 } }

  it('is tried again, later and later, and every try is in the history', async () => {
    receiver.script.push(answering(500, 'not now'), (response) => response.destroy())
    const { id } = await rule(low)
    await countIs(3)
    await eventually('it is sent', async () => (await history())[0]?.status === 'sent')
    const [entry] = await history()
    expect(entry).toMatchObject({
      ...{ rule: { id, name: null }, channel: { id: channelId, name: 'Hook' }, kind: 'pool_below', event: 'begin' },
      ...{ status: 'sent', nextAttemptAt: null },
      attempts: [
        { ok: false, status: 500, error: 'It answered 500: not now' },
        { ok: false, status: null, error: 'The other side broke the connection off.' },
        { ok: true, status: 200, error: null },
      ],
    })
    const [first, second, third] = entry.attempts.map(({ at }: Untyped) => Date.parse(at))
    expect(second - first).toBeGreaterThanOrEqual(30_000)
    expect(third - second).toBeGreaterThanOrEqual(120_000)
    // A receiver knows a repetition by its id.
    expect(new Set(told().map((one) => one.id)).size).toBe(1)
  })

  it('is given up after some hours, and nothing comes after that', async () => {
    receiver.script.push(...Array.from({ length: 50 }, () => answering(503)))
    await rule({ ...low, tellEnd: false })
    await passUntil('it is given up', async () => (await history())[0]?.status === 'failed', 60_000)
    const [entry] = await history()
    expect(entry.attempts).toHaveLength(7)
    expect(receiver.received).toHaveLength(7)
    await pass(hourMs, minuteMs)
    expect(receiver.received).toHaveLength(7)
  })

  it('goes on after a stop in the middle of it, which it does not hold up', async () => {
    receiver.script.push(() => {}) // Never answers.
    await rule(low)
    await countIs(1)
    const startedAtMs = Date.now()
    await rig.restart()
    expect(Date.now() - startedAtMs).toBeLessThan(8_000)
    expect(await history()).toMatchObject([
      { status: 'waiting', attempts: [{ ok: false, error: 'This server was stopped before the answer came.' }] },
    ])
    await countIs(2)
    await eventually('it is sent', async () => (await history())[0]?.status === 'sent')
    expect(await history()).toHaveLength(1)
    expect(new Set(told().map((one) => one.id)).size).toBe(1)
  })

  it('tells the end only after the beginning got through', async () => {
    receiver.script.push(answering(500), answering(500))
    await rule(low)
    await countIs(1)
    for (const email of [a, b]) rig.simulator.setUsed(email, 'weekly', 10)
    await passUntil('both are told', () => receiver.received.length >= 4)
    expect(told().map(({ event }) => event)).toEqual(['begin', 'begin', 'begin', 'end'])
  })

  it('to one channel is not held up by another that takes nothing', async () => {
    const dead = await made('channels', {
      kind: 'webhook',
      name: 'Dead',
      url: 'http://127.0.0.1:1/',
      allowPrivateAddress: true,
    })
    await rule({ ...low, channelIds: [dead.id, channelId] })
    await countIs(1)
    await eventually('both were tried', async () => (await history()).every(({ attempts }) => attempts.length === 1))
    expect((await history(`&channel_id=${dead.id}`)).map(({ status }) => status)).toEqual(['waiting'])
    expect((await history('&status=sent')).map(({ channel }) => channel.name)).toEqual(['Hook'])
    await api('PATCH', `/api/notification-channels/${dead.id}`, { isActive: false })
    await passUntil('it is given up', async () => (await history('&status=failed')).length === 1)
    expect((await history('&status=failed'))[0].attempts.at(-1).error).toBe('The channel is switched off.')
  })

  it('has a history that pages', async () => {
    for (const percent of [55, 60, 65]) await rule({ kind: 'pool_below', parameters: { window: 'weekly', percent } })
    await countIs(3)
    const first = (await api('GET', '/api/notifications?limit=2')).body
    const second = (await api('GET', `/api/notifications?limit=2&cursor=${first.nextCursor}`)).body
    expect([first.items.length, second.items.length, second.nextCursor]).toEqual([2, 1, null])
    expect((await api('GET', '/api/notifications?cursor=x')).status).toBe(400)
    expect((await api('GET', '/api/notifications?status=lost')).status).toBe(400)
  })
})

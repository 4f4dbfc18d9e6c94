import { afterEach, describe, expect, it } from 'vitest'
import { LiveEvents } from '../../src/contract/live.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { password, withPassword } from '../support/sign-in.ts'
import { turnBody } from '../support/simulator-client.ts'
import { type Rig, type RigOptions, startRig } from '../support/start.ts'
import { ask, createVisitor, type Heard, type Listener, listen, sessionCookie } from '../support/visitor.ts'

let rig: Rig
let listeners: Listener[] = []
afterEach(async () => {
  for (const one of listeners) one.close()
  listeners = []
  await rig.close()
})

async function start(options: RigOptions = {}): Promise<Rig> {
  rig = await startRig({ accounts: [{ email: 'a@example.com', plan: 'plus' }], ...options })
  return rig
}
async function watch(headers: Record<string, string> = {}): Promise<Listener> {
  const listener = await listen(rig.url, headers)
  listeners.push(listener)
  return listener
}
const turn = (id: string, signal = AbortSignal.timeout(15_000)) =>
  fetch(`${rig.url}/backend-api/codex/responses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': id },
    body: JSON.stringify(turnBody('FAKE_TEXT: hello')),
    signal,
  })
const setMinutes = (affinityMinutes: number) => ask(rig.url, 'PATCH', '/api/settings', { affinityMinutes })
const withId = ({ heard }: Listener) => heard.filter(({ id, name }) => id !== undefined && name !== 'hello')
const settingsHeard = ({ heard }: Listener) => heard.filter(({ name }) => name === 'settings').length
const ended = (listener: Listener) => expect.poll(() => listener.ended, { timeout: 10_000 }).toBe(true)

/** Moves the clock on in steps until it holds. */
async function advanceUntil(clock: ManualClock, condition: () => boolean, stepMs = 250): Promise<void> {
  const advance = () => {
    clock.advance(stepMs)
    return condition()
  }
  await expect.poll(advance, { timeout: 10_000, interval: 5 }).toBe(true)
}

describe('the live stream', { timeout: 30_000 }, () => {
  it('says hello, and tells of accounts as they change', async () => {
    await start()
    const me = await watch()
    expect(me.status).toBe(200)
    expect(me.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-request-id': expect.stringMatching(/^req_/),
    })
    const hello = await me.hears('hello')
    expect(LiveEvents.hello.parse(hello.data)).toEqual(hello.data)
    expect(Math.abs(Date.parse(hello.data.serverTime) - Date.now())).toBeLessThan(60_000)
    const { accountId } = await rig.account('a@example.com')
    await ask(rig.url, 'POST', `/api/accounts/${accountId}/pause`)
    const changed = await me.hears('account', ({ status }) => status === 'paused')
    expect(changed.data).toEqual(await rig.account('a@example.com'))
    await ask(rig.url, 'DELETE', `/api/accounts/${accountId}`)
    expect((await me.hears('account_removed')).data).toEqual({ accountId })
    await setMinutes(7)
    expect((await me.hears('settings')).data).toEqual({})
  })

  it('follows a request from its admission to its line in the log', async () => {
    await start()
    rig.simulator.script('a@example.com', { kind: 'slow_headers', ms: 600 }, { kind: 'stall_after_output', ms: 600 })
    const me = await watch()
    await (await turn('first')).text()
    await (await turn('second')).text()
    const phases = (id: string) =>
      me.heard.filter(({ name, data }) => name === 'request' && data.requestId === id).map(({ data }) => data)
    await me.hears('request', ({ requestId, phase }) => requestId === 'second' && phase === 'ended')
    const { accountId } = await rig.account('a@example.com')
    for (const id of ['first', 'second']) {
      const order = ['admitted', 'chosen', 'streaming', 'ended']
      const told = phases(id).map(({ phase }) => order.indexOf(phase))
      expect(told).toEqual(told.toSorted((a, b) => a - b))
      expect(new Set(told).size).toBe(told.length)
      expect(phases(id).at(-1)).toMatchObject({
        phase: 'ended',
        model: 'gpt-5.5',
        accountId,
        record: { requestId: id },
      })
      for (const data of phases(id)) expect(LiveEvents.request.parse(data)).toEqual(data)
    }
    // Long enough on its way to be told apart: once waiting for the upstream, once in the middle of the answer.
    expect(phases('first').map(({ phase }) => phase)).toContain('chosen')
    expect(phases('second').map(({ phase }) => phase)).toContain('streaming')
    const [second] = await rig.requests()
    expect(phases('second').at(-1).record).toEqual(second)
  })

  it('sums up what happened, at most every two seconds, and not when nothing did', async () => {
    const clock = createManualClock(Date.now())
    await start({ app: { clock } })
    const me = await watch()
    await advanceUntil(clock, () => me.heard.some(({ name }) => name === 'totals'))
    const totals = () => me.heard.filter(({ name }) => name === 'totals')
    const { accountId } = await rig.account('a@example.com')
    const first = totals().length
    const fromMs = clock.now()
    for (const [action, active] of [
      ['pause', 0],
      ['reactivate', 1],
      ['pause', 0],
      ['reactivate', 1],
    ] as const) {
      await ask(rig.url, 'POST', `/api/accounts/${accountId}/${action}`)
      await advanceUntil(clock, () => totals().at(-1)?.data.accountCounts.active === active)
    }
    expect(totals().length - first).toBe(4)
    expect(clock.now() - fromMs).toBeGreaterThanOrEqual(6_000)
    for (const { data } of totals()) expect(LiveEvents.totals.parse(data)).toEqual(data)
    const before = totals().length
    for (let n = 0; n < 20; n++) clock.advance(250)
    await setMinutes(9)
    await advanceUntil(clock, () => settingsHeard(me) > 0)
    expect(totals().length).toBe(before)
  })

  it('replays what a reader missed, once each and in order', async () => {
    await start()
    const me = await watch()
    const hello = await me.hears('hello')
    await setMinutes(1)
    await expect.poll(() => settingsHeard(me), { timeout: 10_000 }).toBe(1)
    const away = await watch({ 'last-event-id': hello.id ?? '' })
    expect(withId(me).length).toBeGreaterThan(0)
    for (let n = 2; n <= 5; n++) {
      await setMinutes(n)
      await expect.poll(() => settingsHeard(me), { timeout: 10_000 }).toBe(n)
    }
    const lastSeen = withId(me)[1]?.id ?? ''
    const back = await watch({ 'last-event-id': lastSeen })
    const newest = withId(me).at(-1)?.id
    await expect.poll(() => withId(back).at(-1)?.id, { timeout: 10_000 }).toBe(newest)
    const idsOf = (one: Listener) => withId(one).map(({ id }) => Number(id))
    expect(idsOf(back)).toEqual(idsOf(me).filter((id) => id > Number(lastSeen)))
    await expect.poll(() => idsOf(away), { timeout: 10_000 }).toEqual(idsOf(me))
    expect(back.heard.some(({ name }) => name === 'resync')).toBe(false)
    const all = idsOf(me)
    expect(all).toEqual(all.map((_, n) => (all[0] ?? 0) + n))
  })

  it('gives a reader that was cut off before anything happened what it missed', async () => {
    await start()
    const me = await watch()
    const other = await watch()
    const { id } = await me.hears('hello')
    me.close()
    await setMinutes(3)
    await other.hears('settings')
    const back = await watch({ 'last-event-id': id ?? '' })
    await back.hears('settings')
    // The greeting of a replay stands before what is replayed, for a reader that is cut off again.
    expect(Number(back.heard[0]?.id)).toBe(Number(id))
  })

  it('asks for a fresh start when it does not have what was missed', async () => {
    await start()
    const me = await watch()
    const { id } = await me.hears('hello')
    await setMinutes(2)
    await me.hears('settings')
    for (const lastId of ['0', '1', `${Number(id) - 501}`, `${Number(id) + 1_000_000}`]) {
      const back = await watch({ 'last-event-id': lastId })
      const resync = await back.hears('resync')
      expect(resync.id, lastId).toBe(back.heard[0]?.id)
      expect(back.heard.map(({ name }: Heard) => name).slice(0, 2), lastId).toEqual(['hello', 'resync'])
    }
    for (const lastId of ['', 'x', '-1', '1e3', '99999999999999999']) {
      const back = await watch({ 'last-event-id': lastId })
      await back.hears('hello')
      expect(
        back.heard.some(({ name }) => name === 'resync'),
        lastId,
      ).toBe(false)
    }
  })

  it('never takes an id of an earlier start of the server for one of its own', async () => {
    await start()
    const before = await watch()
    await before.hears('hello')
    await setMinutes(2)
    await before.hears('settings')
    const last = before.heard.at(-1)?.id ?? ''
    await rig.restart()
    const other = await watch()
    const { id } = await other.hears('hello')
    expect(Number(id)).toBeGreaterThan(Number(last))
    for (let n = 3; n < 6; n++) {
      await setMinutes(n)
      await expect.poll(() => settingsHeard(other), { timeout: 10_000 }).toBe(n - 2)
    }
    const back = await watch({ 'last-event-id': last })
    await back.hears('resync')
    expect(settingsHeard(back)).toBe(0)
  })

  it('serves a hundred readers alike, and makes room for one more', async () => {
    await start()
    const all = await Promise.all(Array.from({ length: 100 }, () => watch()))
    await setMinutes(4)
    await Promise.all(all.map((one) => one.hears('settings')))
    const more = await watch()
    await more.hears('hello')
    await expect.poll(() => all.filter((one) => one.ended).length, { timeout: 10_000 }).toBe(1)
  })

  it('keeps quiet connections open with a comment every fifteen seconds', async () => {
    const clock = createManualClock(Date.now())
    await start({ app: { clock } })
    const me = await watch()
    await me.hears('hello')
    clock.advance(14_999)
    clock.advance(1)
    await expect.poll(() => me.comments.length, { timeout: 10_000 }).toBe(1)
    for (let n = 0; n < 3; n++) clock.advance(5_000)
    await expect.poll(() => me.comments.length, { timeout: 10_000 }).toBe(2)
    expect(me.ended).toBe(false)
  })

  it('ends when the server stops, which does not wait for its readers', async () => {
    await start({ env: { CODEX_LB_DRAIN_SECONDS: '60' } })
    const all = [await watch(), await watch()]
    const startedMs = Date.now()
    await rig.restart()
    expect(Date.now() - startedMs).toBeLessThan(15_000)
    for (const one of all) await ended(one)
  })
})

describe('the live stream of a server with a password', { timeout: 30_000 }, () => {
  it('needs a session', async () => {
    await start()
    const open = await watch()
    await open.hears('hello')
    const me = await withPassword(rig)
    expect((await watch()).status).toBe(401)
    expect((await watch({ cookie: `${sessionCookie}=forged` })).status).toBe(401)
    const mine = await watch({ cookie: `${sessionCookie}=${me.cookie}` })
    expect(mine.status).toBe(200)
  })

  it('ends soon for whoever is not signed in any more, and goes on for whoever is', async () => {
    const clock = createManualClock(Date.now())
    await start({ app: { clock } })
    const early = await watch()
    const me = await withPassword(rig)
    const other = createVisitor(rig)
    await other.door('POST', '/password/login', { password })
    const [mine, others] = [
      await watch({ cookie: `${sessionCookie}=${me.cookie}` }),
      await watch({ cookie: `${sessionCookie}=${other.cookie}` }),
    ]
    // Opened before there was a password, by somebody who has not given it since.
    clock.advance(5_000)
    await ended(early)
    expect((await me.door('POST', '/logout-others')).body.ended).toBe(1)
    clock.advance(5_000)
    await ended(others)
    await me.door('POST', '/logout')
    clock.advance(5_000)
    await ended(mine)
  })

  it('ends when the session expires', async () => {
    const clock = createManualClock(Date.now())
    await start({ app: { clock }, importAll: false })
    const me = await withPassword(rig)
    const day = 86_400_000
    // In use every few days, until the thirty days that no use makes longer are nearly over.
    for (let n = 0; n < 5; n++) {
      clock.advance(6 * day - 1_000)
      expect((await me.ask('GET', '/api/settings')).status).toBe(200)
    }
    const mine = await watch({ cookie: `${sessionCookie}=${me.cookie}` })
    await mine.hears('hello')
    clock.advance(5_000)
    await ended(mine)
  })
})

import { afterEach, describe, expect, it } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { refusal } from '../support/sign-in.ts'
import { type SignIns, signInsOf } from '../support/sign-ins.ts'
import { type Rig, type RigOptions, startRig } from '../support/start.ts'
import { a, b, c } from '../support/turns.ts'
import { ask } from '../support/visitor.ts'

let rig: Rig
let clock: ManualClock
let person: SignIns
afterEach(() => rig.close())

async function start(options: RigOptions = {}): Promise<void> {
  clock = createManualClock(Date.now())
  rig = await startRig({ importAll: false, app: { clock }, ...options })
  person = signInsOf(rig)
}
const polls = () => rig.simulator.requests.filter(({ path }) => path === '/api/accounts/deviceauth/token')
/** Lets so many seconds pass, and waits for the question that is due then. */
async function wait(seconds: number): Promise<void> {
  const before = polls().length
  clock.advance(seconds * 1_000)
  await eventually('the server asked', async () => {
    const [last] = polls().slice(before)
    return last !== undefined && last.outcome === 'finished'
  })
}

describe('a sign-in with a code', () => {
  it('shows the code and where to type it, asks at the given pace, and adds the account', async () => {
    await start()
    const flow = await person.begin({ method: 'device' })
    expect(flow).toMatchObject({
      ...{ method: 'device', status: 'pending', verificationUrl: `${rig.simulator.authUrl}/codex/device` },
      ...{ userCode: expect.stringMatching(/^[0-9A-F]{4}-[0-9A-F]{4}$/), intervalSeconds: 5 },
      ...{ authorizationUrl: null, callbackUrl: null, listenerActive: false, listenerProblem: null },
    })
    expect(Date.parse(flow.expiresAt) - Date.parse(flow.createdAt)).toBe(900_000)
    expect(polls()).toEqual([])
    for (let asked = 1; asked <= 3; asked++) {
      await wait(5)
      expect(polls()).toHaveLength(asked)
    }
    clock.advance(4_000)
    rig.simulator.approveDevice(flow.userCode, b)
    expect((await person.one(flow.id)).body.status).toBe('pending')
    await wait(1)
    expect(await person.until(flow.id, 'succeeded')).toMatchObject({
      ...{ userCode: null, verificationUrl: null },
      result: { email: b, outcome: 'imported' },
    })
    expect((await rig.account(b)).status).toBe('active')
    clock.advance(60_000)
    expect(polls()).toHaveLength(4)
  })

  it('asks less often when it is told to', async () => {
    await start()
    const flow = await person.begin({ method: 'device' })
    rig.simulator.troubleDevice(flow.userCode, 'slow_down')
    await wait(5)
    await eventually('it slowed down', async () => (await person.one(flow.id)).body.intervalSeconds === 10)
    clock.advance(9_000)
    await person.list()
    expect(polls()).toHaveLength(1)
    await wait(1)
    rig.simulator.approveDevice(flow.userCode, a)
    await wait(10)
    await person.until(flow.id, 'succeeded')
  })

  it('fails when the person refuses', async () => {
    await start()
    const flow = await person.begin({ method: 'device' })
    rig.simulator.denyDevice(flow.userCode)
    await wait(5)
    expect(await person.until(flow.id, 'failed')).toMatchObject({ error: { code: 'access_denied' } })
  })

  it('ends when its time is over, and asks no more', async () => {
    await start()
    const flow = await person.begin({ method: 'device' })
    clock.advance(900_000)
    expect((await person.one(flow.id)).body).toMatchObject({ status: 'expired', error: { code: 'code_expired' } })
    const asked = polls().length
    clock.advance(60_000)
    await person.list()
    expect(polls()).toHaveLength(asked)
  })

  it('asks no more once it was cancelled', async () => {
    await start()
    const flow = await person.begin({ method: 'device' })
    await wait(5)
    expect((await person.cancel(flow.id)).status).toBe(204)
    rig.simulator.approveDevice(flow.userCode, a)
    clock.advance(60_000)
    await person.list()
    expect(polls()).toHaveLength(1)
    expect((await ask(rig.url, 'GET', '/api/accounts')).body.accounts).toEqual([])
  })

  it('goes on after a restart', async () => {
    await start()
    const flow = await person.begin({ method: 'device' })
    await rig.restart()
    expect((await person.one(flow.id)).body).toMatchObject({ status: 'pending', userCode: flow.userCode })
    rig.simulator.approveDevice(flow.userCode, c)
    await wait(5)
    expect(await person.until(flow.id, 'succeeded')).toMatchObject({ result: { email: c } })
  })

  it('asks again after a fault of the network or the server', async () => {
    await start()
    const flow = await person.begin({ method: 'device' })
    rig.simulator.troubleDevice(flow.userCode, 'error', 'error')
    rig.simulator.approveDevice(flow.userCode, a)
    await wait(5)
    await wait(5)
    expect((await person.one(flow.id)).body.status).toBe('pending')
    await wait(5)
    await person.until(flow.id, 'succeeded')
  })

  it('fails when its code is not taken', async () => {
    await start()
    const flow = await person.begin({ method: 'device' })
    rig.simulator.approveDevice(flow.userCode, a)
    rig.simulator.script(a, { kind: 'status', status: 503, path: 'exchange' })
    await wait(5)
    expect(await person.until(flow.id, 'failed')).toMatchObject({ error: { code: 'sign_in_refused' } })
  })

  it('renews the login of one account and of no other', async () => {
    await start({ importAll: true })
    const { accountId } = await rig.account(a)
    const wrong = await person.begin({ method: 'device', accountId })
    rig.simulator.approveDevice(wrong.userCode, b)
    await wait(5)
    expect(await person.until(wrong.id, 'failed')).toMatchObject({ error: { code: 'different_account' } })
    const right = await person.begin({ method: 'device', accountId })
    rig.simulator.approveDevice(right.userCode, a)
    await wait(5)
    expect(await person.until(right.id, 'succeeded')).toMatchObject({ result: { accountId, outcome: 'updated' } })
  })

  it('has no address to paste', async () => {
    await start()
    const flow = await person.begin({ method: 'device' })
    expect(refusal(await person.paste(flow.id, 'http://localhost:1455/auth/callback?code=a&state=b'))).toBe(
      '400 invalid_request',
    )
  })

  it('says why there is no code', async () => {
    await start()
    rig.simulator.setDeviceLogin('off')
    const refused = await person.start({ method: 'device' })
    expect(refusal(refused)).toBe('502 sign_in_unavailable')
    expect(refused.body.error.message).toContain('use the browser')
    expect((await person.list()).items).toEqual([])
    await rig.simulator.close()
    const unreachable = await person.start({ method: 'device' })
    expect(refusal(unreachable)).toBe('502 sign_in_unavailable')
    expect(unreachable.body.error.message).toContain('cannot be reached')
    rig.simulator.close = async () => {}
  })
})

describe('two servers on one database', () => {
  let other: Rig
  const startBoth = async () => {
    await start()
    const env = { CODEX_LB_DATA_DIR: rig.dataDir, CODEX_LB_AUTH_BASE_URL: rig.simulator.authUrl }
    other = await startRig({ importAll: false, app: { clock }, env })
  }
  afterEach(() => other?.close())

  it('can each finish what the other has begun', async () => {
    await startBoth()
    const flow = await person.begin({ method: 'browser' })
    const there = signInsOf(other)
    expect((await there.one(flow.id)).body.authorizationUrl).toBe(flow.authorizationUrl)
    expect((await there.paste(flow.id, await person.browse(flow))).body.status).toBe('succeeded')
    expect((await person.one(flow.id)).body.status).toBe('succeeded')
    clock.advance(2_000)
    await eventually('both have the account', async () => (await rig.account(a)).status === 'active')
  })

  it('ask once between them', async () => {
    await startBoth()
    const flow = await person.begin({ method: 'device' })
    clock.advance(1)
    await signInsOf(other).list()
    for (let asked = 1; asked <= 4; asked++) {
      await wait(5)
      await Promise.all([person.list(), signInsOf(other).list()])
      expect(polls()).toHaveLength(asked)
    }
    rig.simulator.approveDevice(flow.userCode, a)
    await wait(5)
    await person.until(flow.id, 'succeeded')
  })

  it('give up a code that the other one has taken and lost, and do not send it again', async () => {
    await startBoth()
    const flow = await person.begin({ method: 'browser' })
    rig.simulator.script(a, { kind: 'hang', path: 'exchange' })
    const pasting = person.paste(flow.id, await person.browse(flow)).catch(() => null)
    await eventually('the code was sent in', async () => (await person.one(flow.id)).body.status === 'exchanging')
    expect(refusal(await person.cancel(flow.id))).toBe('409 sign_in_over')
    clock.advance(59_000)
    expect((await signInsOf(other).one(flow.id)).body.status).toBe('exchanging')
    clock.advance(2_000)
    // Whoever works on it still knows better.
    expect((await person.one(flow.id)).body.status).toBe('exchanging')
    expect((await signInsOf(other).one(flow.id)).body).toMatchObject({
      ...{ status: 'failed', error: { code: 'interrupted' } },
    })
    await rig.simulator.close()
    rig.simulator.close = async () => {}
    await pasting
    expect((await person.one(flow.id)).body).toMatchObject({ status: 'failed', error: { code: 'interrupted' } })
  })
})

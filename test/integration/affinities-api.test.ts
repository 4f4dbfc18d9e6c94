import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { AffinityList, type AffinityView } from '../../src/contract/affinities.ts'
import type { SimulatedAccountOptions } from '../../src/simulator/accounts.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { refusalIn } from '../support/refusals.ts'
import { turnBody } from '../support/simulator-client.ts'
import { type Rig, startRig } from '../support/start.ts'
import { a, ask, askedOf, b, c, closeClean, expectNoHandles } from '../support/turns.ts'
import type { Untyped } from '../support/untyped.ts'

// People see which account serves which thread, move threads elsewhere, and have them forgotten.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

const equals: SimulatedAccountOptions[] = [a, b, c].map((email) => ({ email, plan: 'plus' }))

/** Accounts that take turns, so that whatever stays does so for a reason. */
async function start(accounts = equals, strategy = 'round_robin') {
  clock = createManualClock()
  rig = await startRig({ accounts, app: { clock }, env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' } })
  expect((await call('PATCH', '/api/settings', { strategy })).status).toBe(200)
}

async function call(method: string, path: string, body?: object) {
  const headers = { 'content-type': 'application/json' }
  const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) }
  const answer = await fetch(rig.url + path, init)
  const text = await answer.text()
  return { status: answer.status, text, answer, body: JSON.parse(text) as Untyped }
}

async function list(query = ''): Promise<AffinityView[]> {
  return (await call('GET', `/api/affinities${query}`)).body.items
}

const idOf = async (letter: string): Promise<string> => (await rig.account(`${letter}@example.com`)).accountId
const other = (letter: string) => (letter === 'a' ? 'b' : 'a')
const keyOf = async (letter: string) =>
  (await list(`?kind=thread&accountId=${await idOf(letter)}`)).map(({ key }) => key)

/** One turn of a thread; the letter of the account that served it. */
async function turn(id = 'T1', sessionId = `session of ${id}`): Promise<string> {
  expect(await ask(rig, turnBody('go on'), { headers: { 'thread-id': id, 'session-id': sessionId } })).toMatchObject({
    status: 200,
  })
  return askedOf(rig.simulator).slice(-1)
}

async function refused(method: string, path: string, body?: object) {
  const { answer, text } = await call(method, path, body)
  return refusalIn(path, answer, text)
}

describe('the list of affinities', () => {
  it('has the shape of the contract, the latest used first, and no name that a client gave', async () => {
    await start()
    const first = await turn('T1')
    clock.advance(60_000)
    const second = await turn('T2')
    const { body, text } = await call('GET', '/api/affinities')
    expect(AffinityList.parse(body)).toEqual(body)
    expect(text).not.toMatch(/T1|T2|session of/)
    expect(body.nextCursor).toBeNull()
    const [idOfFirst, idOfSecond] = [await idOf(first), await idOf(second)]
    const threads = body.items.filter(({ kind }: AffinityView) => kind === 'thread')
    expect(threads).toMatchObject([{ accountId: idOfSecond }, { accountId: idOfFirst }])
    const [{ usedAt, expiresAt, warmTokens }] = threads
    expect(usedAt).toBe(new Date(clock.now()).toISOString())
    expect(Date.parse(expiresAt) - Date.parse(usedAt)).toBe(30 * 60_000)
    expect(warmTokens).toBeGreaterThan(0)
    expect(threads[0].key).toBe((await rig.requests())[0]?.affinityKey)
  })

  it('counts a cache as cold when it was not used for ten minutes, and leaves out what has expired', async () => {
    await start()
    await turn()
    clock.advance(10 * 60_000)
    expect((await list()).map(({ warmTokens }) => warmTokens)).toEqual([0, 0])
    clock.advance(20 * 60_000)
    expect(await list()).toEqual([])
  })

  it('is narrowed to an account and a kind, and paged', async () => {
    await start()
    for (const id of ['T1', 'T2', 'T3', 'T4']) {
      await turn(id)
      clock.advance(1_000)
    }
    const all = await list()
    expect(all).toHaveLength(8)
    const accountId = await idOf('a')
    expect(await list(`?accountId=${accountId}`)).toEqual(all.filter((item) => item.accountId === accountId))
    expect(await list('?kind=session')).toEqual(all.filter(({ kind }) => kind === 'session'))
    expect(await list(`?kind=cache&accountId=${accountId}`)).toEqual([])
    expect(await list('?accountId=acc_nobody%00')).toEqual([])
    const paged: AffinityView[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const { body } = await call('GET', `/api/affinities?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`)
      expect(body.items.length).toBeLessThanOrEqual(3)
      paged.push(...body.items)
      cursor = body.nextCursor
    }
    expect(paged).toEqual(all)
  })

  it.each([
    ['limit', '0'],
    ['limit', '201'],
    ['kind', 'owner'],
    ['cursor', 'nonsense'],
    ['accountId', 'x'.repeat(201)],
  ])('is refused when %s is %s', async (name, value) => {
    await start()
    expect(await refused('GET', `/api/affinities?${name}=${value}`)).toMatchObject({ status: 400, fields: [name] })
  })
})

describe('affinities', () => {
  it('survive a restart, with what is warm', async () => {
    await start()
    const home = await turn()
    const before = await list()
    await rig.restart()
    expect(await list()).toEqual(before)
    for (let i = 0; i < 4; i++) expect(await turn()).toBe(home)
  })
})

describe('a move', () => {
  it('makes the next turn of a thread go to its target, and the following ones, after a restart too', async () => {
    await start()
    const home = await turn('T1')
    const target = other(home)
    const keys = await keyOf(home)
    expect(keys).toHaveLength(1)
    const toAccountId = await idOf(target)
    expect(await call('POST', '/api/affinities/move', { keys, toAccountId })).toMatchObject({ body: { moved: 1 } })
    expect(await list('?kind=thread')).toMatchObject([{ key: keys[0], accountId: toAccountId, warmTokens: 0 }])
    await rig.restart()
    for (let i = 0; i < 3; i++) expect(await turn('T1')).toBe(target)
    expect((await list('?kind=thread'))[0]?.warmTokens).toBeGreaterThan(0)
  })

  it('counts for more than the price of quota, until the thread has begun at its target', async () => {
    // A used-up target is dearer than any other account.
    const accounts = equals.map((one) => ({ ...one, shortUsedPercent: one.email === c ? 70 : 5 }))
    await start(accounts, 'cache_value')
    await eventually('all figures are known', async () =>
      (await Promise.all([a, b, c].map(rig.account))).every(({ windows }) => windows.length > 0),
    )
    // A new thread is placed by chance; seldom, but now and then, on the dear account.
    const homes = new Map<string, string>()
    for (const id of ['T1', 'T2', 'T3', 'T4', 'T5', 'T6']) homes.set(id, await turn(id))
    const [thread, home] = [...homes].find(([, one]) => one !== 'c') ?? ['none', 'c']
    const keys = await keyOf(home)
    await call('POST', '/api/affinities/move', { keys, toAccountId: await idOf('c') })
    expect(await turn(thread)).toBe('c')
    const [newest] = await rig.requests()
    expect(newest?.decision).toMatchObject({ because: 'affinity', move: null })
  })

  it('takes all that one account has', async () => {
    await start()
    const homes = new Map<string, string>()
    for (const id of ['T1', 'T2', 'T3', 'T4', 'T5', 'T6']) homes.set(id, await turn(id))
    const leaving = [...homes].filter(([, home]) => home === 'a').map(([id]) => id)
    expect(leaving.length).toBeGreaterThan(0)
    const move = { fromAccountId: await idOf('a'), toAccountId: await idOf('c') }
    const { body } = await call('POST', '/api/affinities/move', move)
    // Each thread has a session of its own.
    expect(body).toEqual({ moved: 2 * leaving.length })
    expect(await list(`?accountId=${move.fromAccountId}`)).toEqual([])
    for (const [id, home] of homes) expect(await turn(id)).toBe(home === 'a' ? 'c' : home)
    expect((await call('POST', '/api/affinities/move', move)).body).toEqual({ moved: 0 })
  })

  it('is refused, with the reason, to an account that cannot serve until a person acts', async () => {
    await start()
    const home = await turn()
    const toAccountId = await idOf(other(home))
    await call('POST', `/api/accounts/${toAccountId}/pause`)
    const keys = await keyOf(home)
    const refusal = await refused('POST', '/api/affinities/move', { keys, toAccountId })
    expect(refusal).toMatchObject({ status: 409, code: 'account_cannot_serve', fields: ['toAccountId'] })
    expect(refusal.message).toContain('paused')
    await call('POST', `/api/accounts/${toAccountId}/reactivate`)
    rig.simulator.script(`${other(home)}@example.com`, { kind: 'account_deactivated', times: 'always' })
    await turn('else 1')
    await turn('else 2')
    await turn('else 3')
    await eventually(
      'the account is out',
      async () => (await rig.account(`${other(home)}@example.com`)).status !== 'active',
    )
    expect(await refused('POST', '/api/affinities/move', { keys, toAccountId })).toMatchObject({ status: 409 })
    expect(await turn()).toBe(home)
  })

  it('yields where its target is out of quota', async () => {
    await start()
    const home = await turn()
    const target = other(home)
    const toAccountId = await idOf(target)
    expect((await call('POST', '/api/affinities/move', { keys: await keyOf(home), toAccountId })).status).toBe(200)
    rig.simulator.script(`${target}@example.com`, { kind: 'usage_limit', times: 'always' })
    expect(await turn()).not.toBe(target)
  })

  it('is refused without a known target, or without saying what', async () => {
    await start()
    const home = await turn()
    const [key] = await keyOf(home)
    const toAccountId = await idOf(other(home))
    const move = (body: object) => refused('POST', '/api/affinities/move', body)
    expect(await move({ keys: [key], toAccountId: 'acc_nobody' })).toMatchObject({
      ...{ status: 404, code: 'account_not_found', fields: ['toAccountId'] },
    })
    expect(await move({ keys: [key] })).toMatchObject({ status: 400, fields: ['toAccountId'] })
    expect(await move({ toAccountId })).toMatchObject({ status: 400, fields: ['keys'] })
    expect(await move({ keys: [key], fromAccountId: 'x', toAccountId })).toMatchObject({
      status: 400,
      fields: ['keys'],
    })
    expect(await move({ keys: [], toAccountId })).toMatchObject({ status: 400, fields: ['keys'] })
    expect(await move({ keys: ['T1'], toAccountId })).toMatchObject({ status: 400, fields: ['keys.0'] })
    expect(await turn()).toBe(home)
  })
})

describe('a purge', () => {
  it('makes the next turn choose freely', async () => {
    await start()
    const home = await turn()
    expect(await turn()).toBe(home)
    expect((await call('POST', '/api/affinities/purge', { all: true })).body).toEqual({ purged: 2 })
    expect(await list()).toEqual([])
    expect(await turn()).not.toBe(home)
  })

  it('takes keys, or what is of one account and kind, and stays done after a restart', async () => {
    await start()
    const home = await turn('T1')
    const elsewhere = await turn('T2')
    const keys = await keyOf(home)
    expect((await call('POST', '/api/affinities/purge', { keys })).body).toEqual({ purged: 1 })
    const rest = { all: true, kind: 'session', accountId: await idOf(home) }
    expect((await call('POST', '/api/affinities/purge', rest)).body).toEqual({ purged: 1 })
    await rig.restart()
    expect((await list()).map(({ accountId }) => accountId)).toEqual(Array(2).fill(await idOf(elsewhere)))
    expect(await turn('T2')).toBe(elsewhere)
  })

  it('wants to be told what: all is never meant by nothing', async () => {
    await start()
    await turn()
    for (const body of [{}, { kind: 'thread' }, { all: false }, { keys: ['0'.repeat(32)], all: true }])
      expect(await refused('POST', '/api/affinities/purge', body)).toMatchObject({ status: 400 })
    expect(await refused('POST', '/api/affinities/purge', { keys: ['0'.repeat(32)], kind: 'thread' })).toMatchObject({
      ...{ status: 400, fields: ['keys'] },
    })
    expect(await refused('POST', '/api/affinities/purge', { all: true, everything: 1 })).toMatchObject({
      ...{ status: 400, fields: ['everything'] },
    })
    expect(await list()).toHaveLength(2)
  })

  it('of one key is a DELETE', async () => {
    await start()
    const home = await turn()
    const [key] = await keyOf(home)
    expect(await call('DELETE', `/api/affinities/${key}`)).toMatchObject({ status: 200, body: { status: 'deleted' } })
    for (const gone of [key, 'x', '%00', '__proto__'])
      expect(await refused('DELETE', `/api/affinities/${gone}`)).toMatchObject({
        status: 404,
        code: 'affinity_not_found',
      })
    expect(await refused('DELETE', `/api/affinities/${'x'.repeat(201)}`)).toMatchObject({ status: 400 })
    expect((await list()).map(({ kind }) => kind)).toEqual(['session'])
  })
})

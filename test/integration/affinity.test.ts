import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { turnBody } from '../support/simulator-client.ts'
import { type Rig, startRig } from '../support/start.ts'
import {
  a,
  ask,
  askedOf,
  b,
  c,
  closeClean,
  codexPath,
  expectNoHandles,
  follow,
  post,
  publicPath,
  turnsAt,
} from '../support/turns.ts'

// Who serves what belongs together: a thread stays where it was while that is wise, and what lives on one account is
// asked of that account only.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

/** Accounts that take turns, so that whatever stays does so for a reason. */
async function start() {
  clock = createManualClock()
  const accounts = [a, b, c].map((email) => ({ email, plan: 'plus' }))
  rig = await startRig({ accounts, app: { clock }, env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' } })
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ strategy: 'round_robin' })
  await fetch(`${rig.url}/api/settings`, { method: 'PATCH', headers, body })
}

const thread = { headers: { 'thread-id': 'thread-1', 'session-id': 'session-1' } }
const emailOf = (letter: string) => `${letter}@example.com`
const lastAsked = () => askedOf(rig.simulator).at(-1) ?? ''

async function act(email: string, action: 'pause' | 'reactivate' | 'delete') {
  const { accountId } = await rig.account(email)
  const path = `${rig.url}/api/accounts/${accountId}`
  const answer = await (action === 'delete'
    ? fetch(path, { method: 'DELETE' })
    : fetch(`${path}/${action}`, { method: 'POST' }))
  expect(answer.status).toBe(200)
}

describe('a thread', () => {
  it('stays on its account while others take turns', async () => {
    await start()
    await ask(rig, turnBody('1'), thread)
    const home = lastAsked()
    for (let i = 0; i < 5; i++) {
      await ask(rig, turnBody('somebody else'))
      await ask(rig, turnBody('again'), thread)
      expect(lastAsked()).toBe(home)
    }
    expect(new Set(askedOf(rig.simulator))).toEqual(new Set('abc'))
    expect((await rig.requests()).find(({ threadId }) => threadId === 'thread-1')?.decision.because).toBe('affinity')
  })

  it('is bound when its first answer begins, before that has ended', async () => {
    await start()
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'stall_after_output', ms: 5_000 })
    const running = follow(await post(rig, turnBody('FAKE_EVENTS: 30'), thread))
    const home = lastAsked()
    const second = ask(rig, turnBody('beside it'), thread)
    await eventually('the second turn was sent', async () => turnsAt(rig.simulator).length === 2)
    expect(lastAsked()).toBe(home)
    clock.advance(10_000)
    await Promise.all([running.done, second])
  })

  it('moves when its account is out, and stays where it went', async () => {
    await start()
    await ask(rig, turnBody('1'), thread)
    const home = lastAsked()
    rig.simulator.script(emailOf(home), { kind: 'usage_limit', resetsInSeconds: 600 })
    expect(await ask(rig, turnBody('2'), thread)).toMatchObject({ status: 200 })
    const refuge = lastAsked()
    expect(refuge).not.toBe(home)
    clock.advance(700_000)
    for (let i = 0; i < 4; i++) await ask(rig, turnBody('3'), thread)
    expect(askedOf(rig.simulator)).toBe(home + home + refuge.repeat(5))
  })

  it('yields when its account is nearly used up', async () => {
    await start()
    await ask(rig, turnBody('1'), thread)
    const home = lastAsked()
    rig.simulator.setUsed(emailOf(home), 'short', 97)
    await ask(rig, turnBody('2'), thread)
    expect(lastAsked()).toBe(home)
    // The answer brought the news.
    await ask(rig, turnBody('3'), thread)
    expect(lastAsked()).not.toBe(home)
  })

  it('survives a restart', async () => {
    await start()
    await ask(rig, turnBody('1'), thread)
    const home = lastAsked()
    await rig.restart()
    for (let i = 0; i < 4; i++) await ask(rig, turnBody('2'), thread)
    expect(askedOf(rig.simulator)).toBe(home.repeat(5))
  })

  it('is forgotten half an hour after its last turn', async () => {
    await start()
    await ask(rig, turnBody('1'), thread)
    const home = lastAsked()
    for (let i = 0; i < 3; i++) {
      clock.advance(20 * 60_000)
      await ask(rig, turnBody('2'), thread)
      expect(lastAsked()).toBe(home)
    }
    clock.advance(31 * 60_000)
    await ask(rig, turnBody('3'), thread)
    expect(lastAsked()).not.toBe(home)
  })
})

describe('a previous response', () => {
  /** One turn, and who answered with which id. */
  async function firstResponse(path: string) {
    const told = await ask(rig, turnBody('1'), { path })
    const response = told.events.at(-1)?.response
    return { id: (response as { id: string }).id, owner: lastAsked() }
  }

  it.each([codexPath, publicPath])('is continued by its account on %s, after a restart too', async (path) => {
    await start()
    const { id, owner } = await firstResponse(path)
    for (let i = 0; i < 3; i++) {
      const told = await ask(rig, turnBody('more', { previous_response_id: id }), { path })
      expect(told).toMatchObject({ status: 200 })
    }
    await rig.restart()
    expect(await ask(rig, turnBody('more', { previous_response_id: id }), { path })).toMatchObject({ status: 200 })
    expect(askedOf(rig.simulator)).toBe(owner.repeat(5))
    expect((await rig.requests()).filter(({ decision }) => decision.because === 'owner')).toHaveLength(4)
  })

  it.each(['pause', 'delete'] as const)('whose account is gone (%s) is a clear 400 on /v1', async (action) => {
    await start()
    const { id, owner } = await firstResponse(publicPath)
    await act(emailOf(owner), action)
    const told = await ask(rig, turnBody('more', { previous_response_id: id }), { path: publicPath })
    expect(told).toMatchObject({
      status: 400,
      error: { code: 'previous_response_not_found', param: 'previous_response_id', type: 'invalid_request_error' },
    })
    for (const email of [a, b, c].filter((one) => one !== emailOf(owner)))
      expect(await rig.account(email)).toMatchObject({ status: 'active', blocked: null })
  })

  it('whose account is out of quota is a clear 400 on /v1, and no other account is asked', async () => {
    await start()
    const { id, owner } = await firstResponse(publicPath)
    rig.simulator.script(emailOf(owner), { kind: 'usage_limit' })
    const told = await ask(rig, turnBody('more', { previous_response_id: id }), { path: publicPath })
    expect(told).toMatchObject({ status: 400, error: { code: 'previous_response_not_found' } })
    expect(askedOf(rig.simulator)).toBe(owner + owner)
  })

  it('whose account is gone makes Codex send everything again: no 400 for it', async () => {
    await start()
    const { id, owner } = await firstResponse(codexPath)
    await act(emailOf(owner), 'pause')
    const told = await ask(rig, turnBody('more', { previous_response_id: id }))
    expect(told.status).toBe(502)
    expect(told.error.message).toContain('send the whole conversation again')
  })

  it('that nobody knows is a clear 400 on /v1', async () => {
    await start()
    const told = await ask(rig, turnBody('more', { previous_response_id: 'resp_made_up' }), { path: publicPath })
    expect(told).toMatchObject({ status: 400, error: { code: 'previous_response_not_found' } })
    expect(turnsAt(rig.simulator)).toHaveLength(1)
  })
})

describe('a turn state', () => {
  const withState = (state: string) => ({ headers: { ...thread.headers, 'x-codex-turn-state': state } })

  it('returns to its issuer, and is left out when the turn has to move', async () => {
    await start()
    const state = (await ask(rig, turnBody('1'), thread)).headers.get('x-codex-turn-state') ?? ''
    const issuer = lastAsked()
    await ask(rig, turnBody('2'), withState(state))
    expect(lastAsked()).toBe(issuer)
    expect(turnsAt(rig.simulator).at(-1)?.headers['x-codex-turn-state']).toBe(state)
    rig.simulator.script(emailOf(issuer), { kind: 'usage_limit' })
    const moved = await ask(rig, turnBody('3'), withState(state))
    expect(moved).toMatchObject({ status: 200 })
    expect(lastAsked()).not.toBe(issuer)
    expect(turnsAt(rig.simulator).at(-1)?.headers['x-codex-turn-state']).toBeUndefined()
    // The new account issues its own, which the client takes from now on.
    expect(moved.headers.get('x-codex-turn-state')).not.toBe(state)
  })

  it('of nobody we know is left out', async () => {
    await start()
    expect(await ask(rig, turnBody('1'), withState('sim-turn-from-elsewhere'))).toMatchObject({ status: 200 })
    expect(turnsAt(rig.simulator)[0]?.headers['x-codex-turn-state']).toBeUndefined()
  })
})

describe('a server that stops', () => {
  it('gives a stream that does not end the drain time and a proper ending', async () => {
    clock = createManualClock()
    rig = await startRig({
      accounts: [{ email: a, plan: 'plus' }],
      app: { clock },
      env: { CODEX_LB_DRAIN_SECONDS: '1' },
    })
    rig.simulator.script(a, { kind: 'stall_after_output' })
    const stream = follow(await post(rig, turnBody('FAKE_EVENTS: 30')))
    await eventually('output came', async () => stream.text().includes('.delta'))
    const restarted = rig.restart()
    await stream.done
    expect(stream.text()).toContain('event: response.failed')
    await restarted
    expect((await rig.requests())[0]).toMatchObject({ status: 'error', errorCode: 'shutting_down' })
  })
})

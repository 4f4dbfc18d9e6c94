import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addControlRoutes } from '../../src/proxy/pass/control.ts'
import { createManualClock } from '../support/clock.ts'
import { a, askedOf, b, c, type PassRig, startPassRig } from '../support/pass-rig.ts'
import { system } from '../support/principal.ts'
import { jsonOf, until } from '../support/simulator-client.ts'

let rig: PassRig
beforeEach(async () => {
  rig = await startPassRig(addControlRoutes)
})
afterEach(() => rig.close())

const codex = '/backend-api/codex'
const post = (path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  fetch(rig.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
const thread = (id: string) => ({ 'thread-id': id, 'session-id': 's1' })

describe('the goal of a thread', { timeout: 30_000 }, () => {
  it('is set, read and cleared on one account, whichever the next choice would be', async () => {
    expect((await post(`${codex}/thread/goal/set`, { objective: 'Ship it.' }, thread('t1'))).status).toBe(200)
    await rig.parts.settingsKeeper.change({ strategy: 'round_robin' }, system)
    for (const method of ['GET', 'POST']) {
      const body = method === 'POST' ? { body: '{}' } : {}
      const answer = await fetch(`${rig.url}${codex}/thread/goal/get`, { method, headers: thread('t1'), ...body })
      expect(await jsonOf(answer)).toMatchObject({ goal: { objective: 'Ship it.' } })
    }
    expect(await jsonOf(await post(`${codex}/thread/goal/clear`, {}, thread('t1')))).toEqual({ cleared: true })
    expect(askedOf(rig, `${codex}/thread/goal`)).toBe('aaaa')
  })

  it('is looked for where the turns of its thread go', async () => {
    rig.parts.affinity.bind([{ kind: 'thread', id: 't2' }], rig.idOf(c))
    await post(`${codex}/thread/goal/set`, { objective: 'x' }, thread('t2'))
    await post(`${codex}/thread/goal/get`, {}, thread('t3'))
    await post(`${codex}/thread/goal/get`, {}, thread('t2'))
    expect(askedOf(rig, `${codex}/thread/goal`)).toBe('cac')
    expect((await rig.requests())[0]).toMatchObject({ threadId: 't2', sessionId: 's1' })
  })

  it('is looked for elsewhere when that account is out', async () => {
    rig.parts.affinity.bind([{ kind: 'thread', id: 't2' }], rig.idOf(c))
    rig.parts.pool.report(rig.idOf(c), { kind: 'paused' })
    expect((await post(`${codex}/thread/goal/get`, {}, thread('t2'))).status).toBe(200)
    expect(askedOf(rig, `${codex}/thread/goal`)).toBe('a')
  })

  it('comes with its query', async () => {
    await fetch(`${rig.url}${codex}/thread/goal/get/?thread_id=t%201&x=1`)
    expect(rig.simulator.requests.at(-1)?.path).toBe(`${codex}/thread/goal/get?thread_id=t%201&x=1`)
  })
})

describe('a control call', { timeout: 30_000 }, () => {
  it.each([
    ['analytics-events/events', 204],
    ['memories/trace_summarize', 200],
    ['safety/arc', 200],
    ['alpha/search', 200],
  ])('%s goes through as it is', async (path, status) => {
    const body = { commands: [{ q: 'ü' }], input: 'long '.repeat(100) }
    const answer = await post(`${codex}/${path}`, body, {
      'x-codex-window-id': 'w1',
      'user-agent': 'codex_cli_rs/0.169.0',
    })
    expect(answer.status).toBe(status)
    const seen = rig.simulator.requests.at(-1)
    expect(seen?.body).toEqual(body)
    expect(seen?.headers).toMatchObject({ 'x-codex-window-id': 'w1', 'user-agent': 'codex_cli_rs/0.169.0' })
    expect(seen?.headers.authorization).toMatch(/^Bearer /)
  })

  it('keeps the headers that mean something, and no others', async () => {
    const answer = await fetch(`${rig.url}${codex}/agent-identities/jwks`)
    const headers = Object.fromEntries(answer.headers)
    expect(headers).toMatchObject({
      'cache-control': 'public, max-age=300',
      'openai-processing-ms': '7',
      'content-type': 'application/json',
      etag: expect.stringMatching(/^"[0-9a-f]{16}"$/),
      'x-request-id': expect.stringMatching(/^req_/),
    })
    expect(headers.server).toBeUndefined()
    expect((await jsonOf(answer)).keys).toHaveLength(1)
  })

  it('of the other base address goes to that one', async () => {
    const path = '/backend-api/wham/agent-identities/jwks'
    expect((await fetch(rig.url + path)).status).toBe(200)
    expect(askedOf(rig, path)).toBe('a')
  })

  it.each([
    ['zstd', zstdCompressSync],
    ['gzip', gzipSync],
  ])('may be packed with %s; the upstream gets it plain', async (encoding, pack) => {
    const answer = await fetch(`${rig.url}${codex}/alpha/search`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': encoding },
      body: new Uint8Array(pack(JSON.stringify({ commands: 1 }))),
    })
    expect(answer.status).toBe(200)
    expect(rig.simulator.requests.at(-1)).toMatchObject({ body: { commands: 1 } })
  })

  it('gives a turn state to the account that issued it only', async () => {
    rig.parts.affinity.own({ kind: 'turn_state', id: 'state-b' }, rig.idOf(b))
    rig.parts.affinity.bind([{ kind: 'thread', id: 't2' }], rig.idOf(b))
    const headers = { 'x-codex-turn-state': 'state-b', originator: 'codex_cli_rs' }
    await post(`${codex}/safety/arc`, {}, { ...headers, ...thread('t2') })
    await post(`${codex}/safety/arc`, {}, headers)
    const states = rig.simulator.requests.slice(-2).map((one) => one.headers['x-codex-turn-state'])
    expect(states).toEqual(['state-b', undefined])
  })

  it('refused by the upstream is told so as it was said', async () => {
    rig.simulator.script(a, { kind: 'status', status: 404, body: 'detail', message: 'No such thing.', path: 'control' })
    const answer = await post(`${codex}/safety/arc`)
    expect([answer.status, await answer.text()]).toEqual([404, '{"detail":"No such thing."}'])
    expect(askedOf(rig, `${codex}/safety`)).toBe('a')
  })

  it('throttled on one account goes to the next, and turns on the first are not kept up by it', async () => {
    rig.simulator.script(a, { kind: 'rate_limit', path: 'control' })
    expect((await post(`${codex}/alpha/search`)).status).toBe(200)
    expect(askedOf(rig, `${codex}/alpha`)).toBe('ab')
    expect(rig.parts.pool.get(rig.idOf(a))?.health.blocks).toEqual([])
  })

  it('moves on from an account whose sign-in has ended, and says so of the account', async () => {
    rig.simulator.script(a, { kind: 'account_deactivated', path: 'control' })
    expect((await post(`${codex}/alpha/search`)).status).toBe(200)
    expect(rig.parts.pool.get(rig.idOf(a))?.health.signIn).toBe('deactivated')
  })

  it('with everybody spent says when there is room again', async () => {
    for (const email of [a, b, c])
      rig.simulator.script(email, { kind: 'usage_limit', resetsInSeconds: 600, path: 'control' })
    const answer = await post(`${codex}/alpha/search`)
    expect(answer.status).toBe(429)
    expect((await jsonOf(answer)).error).toMatchObject({ type: 'usage_limit_reached' })
  })

  it('is ended with the client that asked', async () => {
    rig.simulator.script(a, { kind: 'hang', path: 'control' })
    const leaving = new AbortController()
    const body = '{}'
    const asked = fetch(`${rig.url}${codex}/alpha/search`, { method: 'POST', body, signal: leaving.signal })
    asked.catch(() => {})
    await until(() => askedOf(rig, `${codex}/alpha`) === 'a')
    leaving.abort()
    await until(() => rig.simulator.requests.at(-1)?.outcome === 'client_gone')
    await until(() => rig.running.entries().length === 0)
    expect((await rig.requests())[0]).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' })
    expect(rig.parts.pool.get(rig.idOf(a))?.inFlight).toBe(0)
  })

  it('is ended by a server that stops', async () => {
    rig.simulator.script(a, { kind: 'hang', path: 'control' })
    const asked = post(`${codex}/alpha/search`)
    await until(() => rig.simulator.requests.some(({ path }) => path.includes('alpha')))
    for (const ending of rig.running.entries()) ending.abort(new Error('shutting_down'))
    const answer = await asked
    expect([answer.status, (await jsonOf(answer)).error.code]).toEqual([503, 'shutting_down'])
  })

  it('that is not known stays a 404', async () => {
    const answer = await post(`${codex}/thread/goal/steal`)
    expect([answer.status, (await jsonOf(answer)).error.code]).toEqual([404, 'not_found'])
    expect(rig.simulator.requests.filter(({ path }) => path.includes('goal'))).toEqual([])
  })

  it('in the log has its route, and nothing of what it said', async () => {
    await post(`${codex}/alpha/search?secret=query`, { commands: 'secret words' })
    expect((await rig.requests())[0]).toMatchObject({ route: `${codex}/alpha/search`, model: null, usage: null })
    expect(JSON.stringify(await rig.requests()) + rig.logged()).not.toContain('secret')
  })
})

describe('a control call that takes too long', { timeout: 30_000 }, () => {
  it('ends after its time, and the client is told', async () => {
    const clock = createManualClock(Date.now())
    const slow = await startPassRig(addControlRoutes, { clock })
    try {
      slow.simulator.script(a, { kind: 'hang', path: 'control' })
      const asked = fetch(`${slow.url}${codex}/alpha/search`, { method: 'POST', body: '{}' })
      await until(() => askedOf(slow, `${codex}/alpha`) === 'a')
      clock.advance(599_000)
      clock.advance(2_000)
      const answer = await asked
      expect([answer.status, (await jsonOf(answer)).error.code]).toEqual([504, 'upstream_timeout'])
    } finally {
      await slow.close()
    }
  })
})

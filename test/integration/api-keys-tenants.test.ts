import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { bearer, createKey } from '../support/keys.ts'
import { turnBody, userMessage } from '../support/simulator-client.ts'
import { openSocket, refusedSocket } from '../support/socket-client.ts'
import type { Rig } from '../support/start.ts'
import { ask, askedOf, closeClean, codexPath, expectNoHandles, publicPath, startPool } from '../support/turns.ts'
import type { Untyped } from '../support/untyped.ts'

// What one key has made is not there for another one, nor for this machine without a key; and the other way round.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
/** By name: what each sends. */
let tenants: Record<string, Record<string, string>>
beforeEach(async () => {
  clock = createManualClock()
  rig = await startPool({ app: { clock }, env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' } })
  const [mine, theirs] = [await createKey(rig), await createKey(rig)]
  tenants = { mine: bearer(mine.key), theirs: bearer(theirs.key), 'no key': {} }
})
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

async function call(who: string, method: string, path: string, body?: unknown) {
  const answer = await fetch(rig.url + path, {
    method,
    headers: { 'content-type': 'application/json', ...tenants[who] },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await answer.text()
  const told = (text.startsWith('{') ? JSON.parse(text) : null) as Untyped
  return { status: answer.status, body: told, code: told?.error?.code ?? null, headers: answer.headers }
}
const model = 'gpt-5.5'
const others = (maker: string) => Object.keys(tenants).filter((name) => name !== maker)
const makers = ['mine', 'no key']

describe.each(makers)('what was made with %s', (maker) => {
  it('as a kept response is nobody else’s on any of its routes', async () => {
    const { body: made } = await call(maker, 'POST', publicPath, { model, input: 'remember', store: true })
    for (const other of others(maker)) {
      const routes: [string, string][] = [
        ['GET', ''],
        ['GET', '?stream=true'],
        ['GET', '/input_items'],
        ['POST', '/cancel'],
        ['DELETE', ''],
      ]
      for (const [method, rest] of routes) {
        const told = await call(other, method, `${publicPath}/${made.id}${rest}`)
        expect([told.status, told.code], `${other} ${method} ${rest}`).toEqual([404, 'response_not_found'])
      }
      const next = { model, input: 'go on', previous_response_id: made.id }
      for (const path of [publicPath, `${publicPath}/input_tokens`]) {
        expect(await call(other, 'POST', path, next), other).toMatchObject({ code: 'previous_response_not_found' })
      }
      const item = { type: 'item_reference', id: made.output[0].id }
      const named = await call(other, 'POST', publicPath, { model, input: [item, userMessage('go on')] })
      expect([named.status, named.body.error.param]).toEqual([400, 'input[0].id'])
    }
    expect((await call(maker, 'GET', `${publicPath}/${made.id}`)).body).toEqual(made)
    expect(
      (await call(maker, 'POST', publicPath, { model, input: 'go on', previous_response_id: made.id })).status,
    ).toBe(200)
    expect((await call(maker, 'DELETE', `${publicPath}/${made.id}`)).status).toBe(200)
  })

  it('in the background is nobody else’s to follow or cancel', async () => {
    const { body: made } = await call(maker, 'POST', publicPath, {
      model,
      input: 'work',
      store: true,
      background: true,
    })
    for (const other of others(maker)) {
      for (const rest of ['', '?stream=true&starting_after=0'])
        expect((await call(other, 'GET', `${publicPath}/${made.id}${rest}`)).code, other).toBe('response_not_found')
      expect((await call(other, 'POST', `${publicPath}/${made.id}/cancel`)).code, other).toBe('response_not_found')
    }
    await eventually('it is done', async () => {
      return (await call(maker, 'GET', `${publicPath}/${made.id}`)).body.status === 'completed'
    })
  })

  it('as a kept chat completion is nobody else’s on any of its routes, nor in their lists', async () => {
    const path = '/v1/chat/completions'
    const messages = [{ role: 'user', content: 'hi' }]
    const { body: made } = await call(maker, 'POST', path, { model, messages, store: true })
    await eventually('it is kept', async () => (await call(maker, 'GET', `${path}/${made.id}`)).status === 200)
    for (const other of others(maker)) {
      const routes: [string, string, object?][] = [
        ['GET', ''],
        ['GET', '/messages'],
        ['POST', '', { metadata: { a: 'b' } }],
        ['DELETE', ''],
      ]
      for (const [method, rest, body] of routes) {
        const told = await call(other, method, `${path}/${made.id}${rest}`, body)
        expect(told.status, `${other} ${method} ${rest}`).toBe(404)
      }
      expect((await call(other, 'GET', path)).body.data).toEqual([])
    }
    expect((await call(maker, 'GET', path)).body.data).toHaveLength(1)
  })

  it('as a file is nobody else’s to finish or to name in a turn', async () => {
    const file = { file_name: 'a.txt', file_size: 3, use_case: 'codex' }
    const { body: made } = await call(maker, 'POST', '/backend-api/files', file)
    const content = [{ type: 'input_file', file_id: made.file_id }]
    const named = turnBody('', { input: [{ type: 'message', role: 'user', content }] })
    const asked = askedOf(rig.simulator)
    for (const other of others(maker)) {
      const finished = await call(other, 'POST', `/backend-api/files/${made.file_id}/uploaded`, {})
      expect([finished.status, finished.code], other).toEqual([404, 'file_not_found'])
      for (const path of [codexPath, publicPath]) {
        const told = await ask(rig, named, { path, ...(tenants[other] ? { headers: tenants[other] } : {}) })
        expect([told.status, told.error.code], `${other} ${path}`).toEqual([404, 'file_not_found'])
      }
    }
    expect(askedOf(rig.simulator)).toBe(asked)
    expect((await call(maker, 'POST', `/backend-api/files/${made.file_id}/uploaded`, {})).status).toBe(200)
    expect((await ask(rig, named, { headers: tenants[maker] ?? {} })).status).toBe(200)
  })

  it('as a conversation of an account is nobody else’s to go on with', async () => {
    const conversation = 'conv_1'
    const turn = turnBody('hello', { conversation })
    expect((await ask(rig, turn, { headers: tenants[maker] ?? {} })).status).toBe(200)
    for (const other of others(maker)) {
      const told = await ask(rig, turn, { headers: tenants[other] ?? {} })
      expect([told.status, told.error.code], other).toEqual([404, 'conversation_not_found'])
    }
    expect((await ask(rig, turn, { headers: tenants[maker] ?? {} })).status).toBe(200)
  })

  it('as a call is nobody else’s to join', async () => {
    const begun = await fetch(`${rig.url}/backend-api/codex/realtime/calls`, {
      method: 'POST',
      headers: { 'content-type': 'application/sdp', ...tenants[maker] },
      body: 'v=0 offer',
    })
    const id = begun.headers.get('location')?.split('/').at(-1) ?? ''
    for (const path of [`/backend-api/codex/${id}`, `/v1/live/${id}`, `/v1/realtime?call_id=${id}`]) {
      for (const other of others(maker)) {
        const refused = await refusedSocket(rig.url + path, tenants[other])
        expect([refused.status, JSON.parse(refused.text).error.code], `${other} ${path}`).toEqual([
          404,
          'call_not_found',
        ])
      }
    }
    await (await openSocket(`${rig.url}/v1/live/${id}`, tenants[maker])).close()
  })

  it('counts on nobody else’s usage', async () => {
    await ask(rig, turnBody('hello'), { headers: tenants[maker] ?? {} })
    for (const other of others(maker)) expect((await call(other, 'GET', '/v1/usage')).body.request_count, other).toBe(0)
    expect((await call(maker, 'GET', '/v1/usage')).body.request_count).toBe(1)
  })
})

it('a thread that two keys call the same is two threads', async () => {
  await fetch(`${rig.url}/api/settings`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ strategy: 'round_robin' }),
  })
  const headers = { 'thread-id': 'T1', 'session-id': 'S1' }
  const names = ['mine', 'theirs', 'no key']
  const served: string[] = []
  for (const who of [...names, ...names]) {
    await ask(rig, turnBody('go on', { prompt_cache_key: 'default' }), { headers: { ...headers, ...tenants[who] } })
    served.push(askedOf(rig.simulator).slice(-1))
  }
  expect(new Set(served.slice(0, 3)).size).toBe(3)
  expect(served.slice(3)).toEqual(served.slice(0, 3))
  const { items } = (await (await fetch(`${rig.url}/api/affinities?kind=thread`)).json()) as Untyped
  expect(items).toHaveLength(3)
})

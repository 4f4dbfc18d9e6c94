import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import Anthropic, { APIError as AnthropicError } from '@anthropic-ai/sdk'
import type { FastifyInstance } from 'fastify'
import OpenAI, { APIError } from 'openai'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import WebSocket from 'ws'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { bearer, changeKey, createKey } from '../support/keys.ts'
import { turnBody } from '../support/simulator-client.ts'
import { openSocket, refusedSocket } from '../support/socket-client.ts'
import type { Rig } from '../support/start.ts'
import { closeClean, codexPath, expectNoHandles, startPool, turnsAt } from '../support/turns.ts'
import type { Untyped } from '../support/untyped.ts'

// Who is let in to the pool: this machine, and whoever has a key.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

type Seen = { method: string; url: string; access: unknown }

let rig: Rig
let clock: ManualClock
let routes: Seen[] = []
const onServer = (message: unknown) => {
  const { fastify } = message as { fastify: FastifyInstance }
  fastify.addHook('onRoute', ({ method, url, config }) => {
    for (const one of [method].flat()) routes.push({ method: one, url, access: config?.access })
  })
}
beforeEach(async () => {
  clock = createManualClock()
  routes = []
  subscribe('fastify.initialization', onServer)
  rig = await startPool({ app: { clock }, env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' } })
  unsubscribe('fastify.initialization', onServer)
})
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

/** Makes a request one of another machine: no proxy is trusted here. */
const elsewhere = { 'x-forwarded-for': '203.0.113.9' }
const model = 'gpt-5.5'

async function ask(method: string, path: string, headers: Record<string, string>) {
  const init = { method, headers: { 'content-type': 'application/json', ...headers } }
  const answer = await fetch(rig.url + path, method === 'POST' ? { ...init, body: '{}' } : init)
  const text = await answer.text()
  const error = (text.startsWith('{') ? JSON.parse(text) : {}).error as Untyped
  return { status: answer.status, code: error?.code ?? null, message: String(error?.message ?? '') }
}

it('one gate stands before every route for clients: no key and wrong ones are refused, a right one is let through', async () => {
  const { key } = await createKey(rig)
  const guarded = routes.filter(
    ({ access, method }) => access === 'client' && method !== 'HEAD' && method !== 'OPTIONS',
  )
  expect(guarded.length).toBeGreaterThan(50)
  for (const path of ['/v1/models', '/v1/usage', '/backend-api/files', '/v1/audio/transcriptions', '/v1/images/edits'])
    expect(guarded.map(({ url }) => url)).toContain(path)
  for (const { method, url } of guarded) {
    const path = url.replace('*', 'x').replace(/:\w+/g, 'x')
    const what = `${method} ${path}`
    const [none, wrong, right] = [
      await ask(method, path, elsewhere),
      await ask(method, path, { ...elsewhere, ...bearer(`${key}x`) }),
      await ask(method, path, { ...elsewhere, ...bearer(key) }),
    ]
    const isAnthropic = path.startsWith('/v1/messages')
    expect(none, what).toMatchObject({ status: 401, ...(isAnthropic ? {} : { code: 'authentication_required' }) })
    expect(wrong, what).toMatchObject({ status: 401, ...(isAnthropic ? {} : { code: 'invalid_api_key' }) })
    expect([401, 403], what).not.toContain(right.status)
    clock.advance(3_000)
  }
  expect(await ask('GET', '/v1/nothing', elsewhere)).toMatchObject({ status: 401 })
  expect(await ask('GET', '/v1/nothing', { ...elsewhere, ...bearer(key) })).toMatchObject({ status: 404 })
})

describe('a client', () => {
  it('from elsewhere is told to make the first key, and then to send one', async () => {
    expect((await ask('GET', '/v1/models', elsewhere)).message).toContain('there is none yet: create one')
    await createKey(rig)
    expect((await ask('GET', '/v1/models', elsewhere)).message).toContain('send it as "Authorization: Bearer sk-clb-…"')
  })

  it('of this machine needs none, until it is asked for one', async () => {
    const { key } = await createKey(rig)
    const codex = bearer('eyJhbGciOiJub25lIn0.e30.')
    expect(await ask('GET', '/v1/models', codex)).toMatchObject({ status: 200 })
    const change = (requireApiKeys: boolean) =>
      fetch(`${rig.url}/api/settings`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ requireApiKeys }),
      })
    expect((await change(true)).status).toBe(200)
    expect(await ask('GET', '/v1/models', codex)).toMatchObject({ status: 401, code: 'invalid_api_key' })
    expect(await ask('GET', '/v1/models', {})).toMatchObject({ status: 401, code: 'authentication_required' })
    expect(await ask('GET', '/v1/models', bearer(key))).toMatchObject({ status: 200 })
    expect((await fetch(`${rig.url}/api/accounts`)).status).toBe(200)
    await change(false)
    expect(await ask('GET', '/v1/models', codex)).toMatchObject({ status: 200 })
  })

  it('is refused the moment its key is changed, renewed, over or gone', async () => {
    const { id, key } = await createKey(rig)
    const models = () => ask('GET', '/v1/models', bearer(key))
    expect(await models()).toMatchObject({ status: 200 })
    await changeKey(rig, id, { isActive: false })
    expect(await models()).toMatchObject({ status: 401, code: 'api_key_inactive' })
    await changeKey(rig, id, { isActive: true, allowedAddresses: ['10.0.0.0/8'] })
    expect(await models()).toMatchObject({ status: 403, code: 'address_not_allowed' })
    await changeKey(rig, id, { allowedAddresses: null, expiresAt: new Date(clock.now() + 1_000).toISOString() })
    expect(await models()).toMatchObject({ status: 200 })
    clock.advance(1_000)
    expect(await models()).toMatchObject({ status: 401, code: 'api_key_expired' })
    await changeKey(rig, id, { expiresAt: null })
    const renewed = (await (
      await fetch(`${rig.url}/api/api-keys/${id}/regenerate`, { method: 'POST' })
    ).json()) as Untyped
    expect(await models()).toMatchObject({ status: 401, code: 'invalid_api_key' })
    expect(await ask('GET', '/v1/models', bearer(renewed.key))).toMatchObject({ status: 200 })
    await fetch(`${rig.url}/api/api-keys/${id}`, { method: 'DELETE' })
    expect(await ask('GET', '/v1/models', bearer(renewed.key))).toMatchObject({ status: 401, code: 'invalid_api_key' })
  })

  it('stands in the log with its key and its address, and the key shows what it has taken and when', async () => {
    const { id, key } = await createKey(rig)
    const answer = await fetch(rig.url + codexPath, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(key) },
      body: JSON.stringify(turnBody('hello')),
    })
    await answer.text()
    await eventually('it is logged', async () => (await rig.requests()).length === 1)
    const [row] = await rig.requests()
    expect(row).toMatchObject({ keyId: id, status: 'success' })
    const shown = (await (await fetch(`${rig.url}/api/api-keys/${id}`)).json()) as Untyped
    expect(shown.lastUsedAt).toBe(new Date(clock.now()).toISOString())
    const taken = { requests: 1, totalTokens: row?.usage.input + row?.usage.output }
    expect(shown.usage).toMatchObject({ lifetime: taken, sevenDays: taken })
    const usage = (await (await fetch(`${rig.url}/v1/usage`, { headers: bearer(key) })).json()) as Untyped
    expect(usage).toMatchObject({ key: id, request_count: 1, total_tokens: taken.totalTokens })
    const [sent] = turnsAt(rig.simulator)
    expect(JSON.stringify(sent?.headers)).not.toContain('sk-clb-')
    await rig.restart()
    const again = (await (await fetch(`${rig.url}/api/api-keys/${id}`)).json()) as Untyped
    expect(again).toEqual(shown)
  })

  it('of Codex does not send its key to the upstream, in whichever header', async () => {
    const { key } = await createKey(rig)
    await (
      await fetch(rig.url + codexPath, {
        method: 'POST',
        headers: { 'user-agent': 'codex_exec/0.169.0', 'x-api-key': key },
        body: JSON.stringify(turnBody('hello')),
      })
    ).text()
    expect(JSON.stringify(turnsAt(rig.simulator).map(({ headers }) => headers))).not.toContain('sk-clb-')
  })

  it('is the OpenAI SDK, or Anthropic’s, with the key where they put it', async () => {
    const { key } = await createKey(rig)
    const options = { maxRetries: 0, defaultHeaders: elsewhere }
    const openai = (apiKey: string) => new OpenAI({ baseURL: `${rig.url}/v1`, apiKey, ...options })
    const anthropic = (apiKey: string) => new Anthropic({ baseURL: rig.url, apiKey, authToken: null, ...options })
    const message = { model: 'claude-opus-4-8', max_tokens: 100, messages: [{ role: 'user' as const, content: 'hi' }] }
    const answer = await openai(key).responses.create({ model, input: 'FAKE_TEXT: good morning' })
    expect(answer.output_text).toBe('good morning')
    expect((await anthropic(key).messages.create(message)).type).toBe('message')
    const refused = await openai('sk-clb-wrong')
      .models.list()
      .catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(APIError)
    expect(refused).toMatchObject({ status: 401, code: 'invalid_api_key', message: expect.stringContaining('Keys') })
    const told = await anthropic('sk-clb-wrong')
      .messages.create(message)
      .catch((error: unknown) => error)
    expect(told).toBeInstanceOf(AnthropicError)
    expect(told).toMatchObject({ status: 401, error: { error: { type: 'authentication_error' } } })
  })
})

describe('a socket', () => {
  it.each<[string, (id: string) => Promise<unknown>, string]>([
    ['switched off', (id) => changeKey(rig, id, { isActive: false }), 'api_key_inactive'],
    ['deleted', (id) => fetch(`${rig.url}/api/api-keys/${id}`, { method: 'DELETE' }), 'invalid_api_key'],
    ['renewed', (id) => fetch(`${rig.url}/api/api-keys/${id}/regenerate`, { method: 'POST' }), 'invalid_api_key'],
  ])('ends before its next turn when its key is %s', async (_how, end, code) => {
    const { id, key } = await createKey(rig)
    const socket = await openSocket(rig.url + codexPath, { ...elsewhere, ...bearer(key) })
    expect((await socket.turn(turnBody('hello'))).at(-1)).toMatchObject({ type: 'response.completed' })
    await eventually('it is logged', async () => (await rig.requests()).length === 1)
    expect((await rig.requests())[0]).toMatchObject({ keyId: id, transport: 'ws' })
    await end(id)
    expect((await socket.turn(turnBody('again'))).at(-1)).toMatchObject({ type: 'error', status: 401, error: { code } })
    expect(await socket.closed).toEqual({ code: 1008, reason: code })
    expect(turnsAt(rig.simulator)).toHaveLength(1)
  })

  it('is refused by its handshake without a key', async () => {
    await createKey(rig)
    const refused = await refusedSocket(rig.url + codexPath, elsewhere)
    expect([refused.status, JSON.parse(refused.text).error.code]).toEqual([401, 'authentication_required'])
  })

  it('of a call ends with the first word that is said after its key has ended', async () => {
    const { id, key } = await createKey(rig)
    const begun = await fetch(`${rig.url}/backend-api/codex/realtime/calls`, {
      method: 'POST',
      headers: { 'content-type': 'application/sdp', ...bearer(key) },
      body: 'v=0 offer',
    })
    const call = begun.headers.get('location')?.split('/').at(-1) ?? ''
    const socket = await openSocket(`${rig.url}/v1/live/${call}`, bearer(key))
    await socket.nextText()
    socket.send('{"type":"session.update"}')
    expect(await socket.nextText()).toBe('{"type":"session.update"}')
    await changeKey(rig, id, { isActive: false })
    socket.send('{"type":"session.update"}')
    expect(await socket.closed).toEqual({ code: 1008, reason: 'The API key has ended.' })
    await eventually('it is logged', async () => (await rig.requests())[0]?.errorCode === 'api_key_ended')
  })

  it('of a browser gives its key among the protocols, and does not get it back', async () => {
    const { key } = await createKey(rig)
    const protocols = [`openai-insecure-api-key.${key}`, 'realtime']
    const open = async (given: string[]) => {
      const socket = new WebSocket(rig.url.replace('http', 'ws') + codexPath, given, { headers: elsewhere })
      socket.on('error', () => {})
      const [how] = await Promise.race([once(socket, 'open').then(() => ['open']), once(socket, 'unexpected-response')])
      const { protocol } = socket
      socket.terminate()
      return [how === 'open' ? 'open' : 'refused', protocol]
    }
    expect(await open(protocols)).toEqual(['open', 'realtime'])
    expect(await open(['openai-insecure-api-key.sk-clb-wrong', 'realtime'])).toEqual(['refused', ''])
  })
})

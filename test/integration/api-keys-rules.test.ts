import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { bearer, changeKey, createKey } from '../support/keys.ts'
import { turnBody } from '../support/simulator-client.ts'
import { openSocket } from '../support/socket-client.ts'
import type { Rig } from '../support/start.ts'
import {
  a,
  ask,
  askedOf,
  b,
  c,
  closeClean,
  codexPath,
  expectNoHandles,
  hurry,
  publicPath,
  startPool,
  turnsAt,
} from '../support/turns.ts'
import type { Untyped } from '../support/untyped.ts'

// What keys may ask for, and which accounts serve them.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
beforeEach(async () => {
  clock = createManualClock()
  rig = await startPool({ app: { clock }, env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' } })
})
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

const idOf = async (email: string): Promise<string> => (await rig.account(email)).accountId
const sent = () => (turnsAt(rig.simulator).at(-1)?.body ?? {}) as Untyped
const get = async (path: string, key: string) =>
  (await (await fetch(rig.url + path, { headers: bearer(key) })).json()) as Untyped
const elsewhere = { 'x-forwarded-for': '203.0.113.9' }

describe('a key with models and efforts', () => {
  it('is refused before any account is asked, on every route for turns', async () => {
    const { key } = await createKey(rig, { allowedModels: ['gpt-5.4'], allowedEfforts: ['low'] })
    const bodies: [string, object][] = [
      [codexPath, turnBody('hello')],
      [publicPath, { model: 'gpt-5.5', input: 'hello' }],
      ['/v1/responses/compact', { model: 'gpt-5.5', input: 'hello' }],
      ['/v1/chat/completions', { model: 'gpt-5.5', messages: [{ role: 'user', content: 'hello' }] }],
      ['/v1/completions', { model: 'gpt-5.5', prompt: 'hello' }],
    ]
    for (const [path, body] of bodies) {
      const told = await ask(rig, body, { path, headers: bearer(key) })
      expect([told.status, told.error.code, told.error.param], path).toEqual([403, 'model_not_allowed', 'model'])
      expect(told.error.message).toContain('"gpt-5.5"')
    }
    const effort = { model: 'gpt-5.4', input: 'hello', reasoning: { effort: 'high' } }
    const told = await ask(rig, effort, { path: publicPath, headers: bearer(key) })
    expect([told.status, told.error.code]).toEqual([403, 'effort_not_allowed'])
    const recording = new FormData()
    recording.append('file', new Blob(['RIFF']), 'a.wav')
    recording.append('model', 'gpt-4o-transcribe')
    const audio = await fetch(`${rig.url}/v1/audio/transcriptions`, {
      ...{ method: 'POST', headers: bearer(key), body: recording },
    })
    expect(((await audio.json()) as Untyped).error.code).toBe('model_not_allowed')
    expect(askedOf(rig.simulator)).toBe('')
    await eventually('all are logged', async () => (await rig.requests()).length === 7)
  })

  it('asks for what is enforced, by HTTP and by WebSocket, whatever its client says', async () => {
    const rules = { enforcedModel: 'gpt-5.4', enforcedEffort: 'low', enforcedServiceTier: 'priority' }
    const { id, key } = await createKey(rig, rules)
    const enforced = { model: 'gpt-5.4', reasoning: { effort: 'low' }, service_tier: 'priority' }
    const native = turnBody('hello', { reasoning: { effort: 'xhigh' }, client_metadata: { a: 1 } })
    expect((await ask(rig, native, { headers: bearer(key) })).status).toBe(200)
    expect(sent()).toEqual({ ...native, ...enforced })
    const openai = new OpenAI({ baseURL: `${rig.url}/v1`, apiKey: key, maxRetries: 0, defaultHeaders: elsewhere })
    await openai.chat.completions.create({ model: 'gpt-5.5', messages: [{ role: 'user', content: 'hi' }] })
    expect(sent()).toMatchObject(enforced)
    const anthropic = new Anthropic({ baseURL: rig.url, apiKey: key, maxRetries: 0 })
    await anthropic.messages.create({
      ...{ model: 'claude-opus-4-8', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] },
    })
    expect(sent()).toMatchObject(enforced)
    const socket = await openSocket(rig.url + codexPath, { ...elsewhere, ...bearer(key) })
    await socket.turn(turnBody('hello'))
    expect(sent()).toMatchObject({ ...enforced, type: 'response.create' })
    await changeKey(rig, id, { enforcedModel: null, allowedModels: ['gpt-5.4'] })
    expect((await socket.turn(turnBody('hello'))).at(-1)).toMatchObject({
      ...{ type: 'error', status: 403, error: { code: 'model_not_allowed' } },
    })
    await socket.turn(turnBody('hello', { model: 'gpt-5.4' }))
    expect(sent()).toMatchObject(enforced)
    await socket.close()
    await eventually('all are logged', async () => (await rig.requests()).length === 6)
    expect((await rig.requests()).at(-1)).toMatchObject({ model: 'gpt-5.4', effort: 'low', keyId: id })
  })

  it('lets a native request pass as its own bytes when nothing is to change', async () => {
    const { key } = await createKey(rig, { allowedModels: ['gpt-5.5'] })
    const text = `{"model":"gpt-5.5","instructions":"","input":[ {"type":"message","role":"user","content":[]} ],"store":false,"stream":true}`
    await ask(rig, new TextEncoder().encode(text), { headers: bearer(key) })
    expect(turnsAt(rig.simulator).at(-1)?.bodyBytes).toBe(text.length)
  })

  it('is shown its models only, in every form of the list', async () => {
    const { key } = await createKey(rig, { allowedModels: ['gpt-5.4', 'none-such'] })
    const names = (list: Untyped) => list.data.map((one: { id: string }) => one.id)
    expect(names(await get('/v1/models', key))).toEqual(['gpt-5.4'])
    const codex = await get('/backend-api/codex/models?client_version=0.200.0', key)
    expect(codex.models.map((one: { slug: string }) => one.slug)).toEqual(['gpt-5.4'])
    expect((await get('/v1/models/gpt-5.5', key)).error.code).toBe('model_not_found')
    expect((await get('/v1/models/gpt-5.4', key)).id).toBe('gpt-5.4')
    expect(names((await (await fetch(`${rig.url}/v1/models`)).json()) as Untyped)).toContain('gpt-5.5')
    const etag = async (headers: Record<string, string>) =>
      (await fetch(`${rig.url}/backend-api/codex/models?client_version=0.200.0`, { headers })).headers.get('etag')
    expect(await etag(bearer(key))).not.toBe(await etag({}))
  })

  it('gets another model of Claude’s map, and another host of images, where it may not use the usual one', async () => {
    const { key } = await createKey(rig, { allowedModels: ['gpt-5.4'] })
    const anthropic = new Anthropic({ baseURL: rig.url, apiKey: key, maxRetries: 0 })
    await anthropic.messages.create({
      ...{ model: 'claude-haiku-4-5', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] },
    })
    expect(sent().model).toBe('gpt-5.4')
    const image = { model: 'gpt-image-1', prompt: 'a cat' }
    const { status } = await ask(rig, image, { path: '/v1/images/generations', headers: bearer(key) })
    expect([status, sent().model]).toEqual([200, 'gpt-5.4'])
  })
})

describe('a key with accounts', () => {
  it('is served by those only, and the log says why not by the others', async () => {
    const { key } = await createKey(rig, { accountIds: [await idOf(b)] })
    await ask(rig, turnBody('hello'), { headers: bearer(key) })
    expect(askedOf(rig.simulator)).toBe('b')
    await eventually('it is logged', async () => (await rig.requests()).length === 1)
    const [{ requestId } = {} as Untyped] = await rig.requests()
    const list = (await (await fetch(`${rig.url}/api/request-logs?search=${requestId}`)).json()) as Untyped
    const one = (await (await fetch(`${rig.url}/api/request-logs/${list.items[0].id}`)).json()) as Untyped
    const reasons = one.decision.excluded.map(({ exclusion }: Untyped) => exclusion.reason)
    expect(reasons).toEqual(['not_in_scope', 'not_in_scope'])
  })

  it('has the accounts of its tags, as they are tagged now', async () => {
    const { key } = await createKey(rig, { tags: ['team'] })
    const refused = await ask(rig, turnBody('hello'), { headers: bearer(key) })
    expect([refused.status, refused.error.code]).toEqual([503, 'no_accounts'])
    expect(refused.error.message).toContain('None of the accounts that the API key may use')
    await fetch(`${rig.url}/api/accounts/${await idOf(c)}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tags: ['team'] }),
    })
    await ask(rig, turnBody('hello'), { headers: bearer(key) })
    expect(askedOf(rig.simulator)).toBe('c')
  })

  it('sees its own accounts as the pool: windows, headers, side calls', async () => {
    const { key } = await createKey(rig, { accountIds: [await idOf(c)] })
    const used = async (headers: Record<string, string>) =>
      ((await (await fetch(`${rig.url}/api/codex/usage`, { headers })).json()) as Untyped).rate_limit.primary_window
        .used_percent
    expect([await used(bearer(key)), await used({})]).toEqual([20, 40])
    expect((await get('/v1/usage', key)).account_pool_usage.primary.used_percent).toBe(20)
    const { headers } = await ask(rig, turnBody('hello'), { headers: bearer(key) })
    expect(Math.round(Number(headers.get('x-codex-primary-used-percent')))).toBe(20)
    const credits = async (given: Record<string, string>) =>
      ((await (await fetch(`${rig.url}/api/codex/rate-limit-reset-credits`, { headers: given })).json()) as Untyped)
        .available_count
    expect(await credits(bearer(key))).toBeLessThanOrEqual(await credits({}))
  })

  it('is told of the others nothing when its own are used up', async () => {
    const { key } = await createKey(rig, { accountIds: [await idOf(a)] })
    rig.simulator.script(a, { kind: 'usage_limit', times: 'always' })
    const told = await hurry(clock, ask(rig, turnBody('hello'), { headers: bearer(key) }))
    expect([told.status, told.error.code]).toEqual([429, 'usage_limit_reached'])
    expect(askedOf(rig.simulator)).toBe('a')
  })

  it('that names a file of an account which it may not use any more is told so', async () => {
    const { id, key } = await createKey(rig, { accountIds: [await idOf(a)] })
    const file = { file_name: 'a.txt', file_size: 3, use_case: 'codex' }
    const made = await fetch(`${rig.url}/backend-api/files`, {
      ...{ method: 'POST', headers: bearer(key), body: JSON.stringify(file) },
    })
    const { file_id } = (await made.json()) as Untyped
    await changeKey(rig, id, { accountIds: [await idOf(b)] })
    const content = [{ type: 'input_file', file_id }]
    const named = turnBody('', { input: [{ type: 'message', role: 'user', content }] })
    const told = await ask(rig, named, { headers: bearer(key) })
    expect([told.status, told.error.code]).toEqual([503, 'owner_unavailable'])
    expect(told.error.message).toContain('not among those that the API key may use')
  })
})

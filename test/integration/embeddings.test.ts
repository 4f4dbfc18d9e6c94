import OpenAI from 'openai'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { bearer, createKey } from '../support/keys.ts'
import { jsonOf } from '../support/simulator-client.ts'
import { cheap, type SourceRig, startSourceRig } from '../support/source-rig.ts'

// Embeddings come from model sources; the SDK is the real one.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let stage: SourceRig
let client: OpenAI
beforeEach(async () => {
  stage = await startSourceRig(false)
  client = new OpenAI({ baseURL: `${stage.rig.url}/v1`, apiKey: 'x', maxRetries: 0, timeout: 20_000 })
})
afterEach(() => stage.close())

const model = 'text-embedding-3-small'
const add = (given: object = {}) =>
  stage.add({
    ...{ use: ['missing_models'], supports: { embeddings: true } },
    models: [{ model, ...cheap, outputUsdPerMillion: 0 }],
    ...given,
  })
const embed = (body: object) => stage.api('POST', '/v1/embeddings', body)

describe('embeddings', () => {
  it('reach the SDK, in its own base64, with tokens and cost in the log', async () => {
    const spare = await add()
    const { data, response } = await client.embeddings
      .create({ model, input: ['one', 'two'], dimensions: 4, user: 'me' })
      .withResponse()
    expect(data.data.map(({ embedding }) => [...embedding])).toEqual(Array(2).fill([0.25, 0.5, 0.75, 1]))
    expect(response.headers.get('x-codex-lb-source')).toBe('Spare')
    const [call] = stage.provider.asked('/v1/embeddings')
    expect(call?.body).toEqual({ model, input: ['one', 'two'], dimensions: 4, user: 'me', encoding_format: 'base64' })
    expect(call?.headers['user-agent']).toMatch(/^codex-lb\//)
    const line = await stage.newest()
    expect(line).toMatchObject({
      ...{ route: '/v1/embeddings', model, sourceId: spare.id, status: 'success', costUsd: 0.000_016 },
      usage: { input: 16, cached: 0, output: 0 },
      decision: { because: 'source_model', source: { name: 'Spare' } },
    })
    expect((await stage.api('GET', `/api/model-sources/${spare.id}`)).body.spent.usdToday).toBe(0.000_016)
  })

  it('may be asked for as numbers, by another name, for one text or for tokens', async () => {
    await add({ models: [{ model: 'emb-*', upstreamModel: model, ...cheap }] })
    const { body } = await embed({ model: 'emb-1', input: 'one', encoding_format: 'float' })
    expect(body.data).toEqual([{ object: 'embedding', index: 0, embedding: [0.25, 0.5, 0.75] }])
    expect((await embed({ model: 'emb-1', input: [1, 2, 3] })).status).toBe(200)
    expect(stage.provider.calls.map((call) => call.body.model)).toEqual([model, model])
  })

  it('need a source, and the answer says where to set one up', async () => {
    await stage.add()
    const none = await embed({ model, input: 'one' })
    expect([none.status, none.body.error.code]).toEqual([400, 'model_unavailable'])
    expect(none.body.error.message).toContain('Settings → Model sources')
    await add({ name: 'Maker' })
    const other = await embed({ model: 'another', input: 'one' })
    expect(other.body.error.message).toBe(
      'No model source makes embeddings with "another"; name it at one of them: Maker.',
    )
    expect((await stage.newest(2)).errorCode).toBe('model_unavailable')
    expect(stage.provider.calls).toEqual([])
  })

  it.each([[{}], [{ model }], [{ model, input: '' }], [{ model, input: [] }], [{ model: 5, input: 'x' }]])(
    'refuse %o by naming the field',
    async (body) => {
      await add()
      const { status, body: told } = await embed(body)
      expect([status, told.error.code]).toEqual([400, 'invalid_request'])
      expect(told.error.param).toMatch(/^(model|input)$/)
    },
  )

  it('go on to the next source when one fails, and an error of the request comes back as it was said', async () => {
    const first = await add({ name: 'First' })
    await add({ name: 'Second' })
    stage.provider.fail('/v1/embeddings', { kind: 'status', status: 500 })
    expect((await embed({ model, input: 'one' })).status).toBe(200)
    expect((await stage.newest()).attempts).toMatchObject([
      { sourceId: first.id, verdict: 'source_failed', scope: 'source', status: 500 },
      { verdict: 'relay' },
    ])
    const refused = { error: { message: 'Too many dimensions.', code: 'bad_dimensions' } }
    const fault = { kind: 'status', status: 400, body: refused } as const
    stage.provider.fail('/v1/embeddings', fault, fault)
    const { status, body } = await embed({ model, input: 'one', dimensions: 9_999 })
    expect([status, body.error.message]).toEqual([400, 'Too many dimensions.'])
    stage.provider.fail('/v1/embeddings', { kind: 'html' }, { kind: 'reset' })
    const down = await embed({ model, input: 'one' })
    expect([down.status, down.body.error.code]).toEqual([503, 'source_unavailable'])
  })

  it('count for the limits of the key that asks', async () => {
    const spare = await add()
    const limits = [{ kind: 'input_tokens', period: 'day', isCalendar: true, max: 8 }]
    const { key } = await createKey(stage.rig, { limits })
    const embedded = () =>
      fetch(`${stage.rig.url}/v1/embeddings`, {
        ...{ method: 'POST', body: JSON.stringify({ model, input: 'one' }), headers: bearer(key) },
      })
    expect((await embedded()).status).toBe(200)
    expect(await stage.newest()).toMatchObject({ sourceId: spare.id, keyId: expect.any(String) })
    const over = await embedded()
    expect([over.status, (await jsonOf(over)).error.code]).toEqual([429, 'key_limit_reached'])
    expect(stage.provider.calls).toHaveLength(1)
  })

  it('respect the budget', async () => {
    await add({ budget: { usdPerDay: 0.000_001 } })
    const { status, body } = await embed({ model, input: 'one' })
    expect([status, body.error.code]).toEqual([429, 'source_budget_spent'])
  })
})

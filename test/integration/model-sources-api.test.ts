import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { providerKey } from '../support/provider.ts'
import { cheap, type SourceRig, startSourceRig } from '../support/source-rig.ts'

// What an operator does with model sources.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let stage: SourceRig
beforeEach(async () => {
  stage = await startSourceRig(false)
})
afterEach(() => stage.close())

const path = '/api/model-sources'
const definition = () => ({
  ...{ name: 'Spare', baseUrl: `${stage.provider.baseUrl}/`, apiKey: providerKey, allowPrivateAddress: true },
  ...{ use: ['last_resort'], supports: { chat: true }, models: [{ model: 'gpt-5.5', ...cheap }] },
})
const faultsOf = async (given: object) => {
  const { status, body } = await stage.api('POST', path, { ...definition(), ...given })
  expect(status).toBe(400)
  return body.error.details.map(({ path: at }: { path: string }) => at)
}

describe('model sources', () => {
  it('are added, listed, changed and removed, and their key never comes back', async () => {
    const { api, provider } = stage
    const made = await api('POST', path, definition())
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({
      ...{ name: 'Spare', baseUrl: provider.baseUrl, hasApiKey: true, isActive: true, inFlight: 0 },
      ...{ supports: { responses: false, chat: true, embeddings: false }, timeoutSeconds: 60, maxConcurrency: null },
      models: [{ model: 'gpt-5.5', upstreamModel: null, contextWindow: null, ...cheap }],
      budget: { usdPerDay: null, usdPerMonth: null },
      spent: { usdToday: 0, usdThisMonth: 0 },
      health: { status: 'unknown', lastOkAt: null, failures: 0 },
    })
    const { id } = made.body
    expect((await api('GET', path)).body).toEqual({ items: [made.body], nextCursor: null })
    const change = { is_active: false, supports: { responses: true }, budget: { usd_per_day: 5 }, apiKey: null }
    const changed = await api('PATCH', `${path}/${id}`, change)
    expect(changed.body).toMatchObject({
      ...{ isActive: false, hasApiKey: false, name: 'Spare', budget: { usdPerDay: 5, usdPerMonth: null } },
      supports: { responses: true, chat: true, embeddings: false },
    })
    expect((await api('PATCH', `${path}/${id}`, { budget: { usdPerDay: null } })).body.budget.usdPerDay).toBeNull()
    expect((await api('DELETE', `${path}/${id}`)).status).toBe(204)
    for (const [method, rest] of [
      ['GET', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ['POST', '/test'],
      ['GET', '/models'],
    ])
      expect((await api(method ?? '', `${path}/${id}${rest}`, method === 'PATCH' ? {} : undefined)).status).toBe(404)
    const log = JSON.stringify((await api('GET', '/api/audit-logs')).body)
    for (const action of ['create', 'change', 'delete']) expect(log).toContain(`model_source.${action}`)
    expect(log).not.toContain(providerKey)
  })

  it('outlive a restart, key and all', async () => {
    const { api, rig, provider } = stage
    const { body } = await api('POST', path, definition())
    await rig.restart()
    expect((await api('POST', `${path}/${body.id}/test`)).body.ok).toBe(true)
    expect(provider.calls.at(-1)?.headers.authorization).toBe(`Bearer ${providerKey}`)
    expect((await api('GET', `${path}/${body.id}`)).body.health).toMatchObject({ status: 'ok' })
    await rig.restart()
    expect((await api('GET', `${path}/${body.id}`)).body.health).toMatchObject({ status: 'ok' })
  })

  it('name each field that cannot be', async () => {
    expect(await faultsOf({ baseUrl: 'ftp://example.com' })).toEqual(['baseUrl'])
    expect(await faultsOf({ baseUrl: 'https://me:secret@example.com/v1' })).toEqual(['baseUrl'])
    expect(await faultsOf({ baseUrl: 'https://example.com/v1?key=1' })).toEqual(['baseUrl'])
    expect(await faultsOf({ allowPrivateAddress: false })).toEqual(['baseUrl'])
    expect(await faultsOf({ baseUrl: 'http://localhost:1234/v1', allowPrivateAddress: false })).toEqual(['baseUrl'])
    expect(await faultsOf({ baseUrl: 'http://169.254.169.254/v1' })).toEqual(['baseUrl'])
    expect(await faultsOf({ name: 'Ä\r\nx: y' })).toEqual(['name'])
    expect(await faultsOf({ supports: {} })).toEqual(['supports'])
    expect(await faultsOf({ supports: { embeddings: true } })).toEqual(['use'])
    expect(await faultsOf({ use: [] })).toEqual(['use'])
    expect(await faultsOf({ models: [] })).toEqual(['models'])
    expect(await faultsOf({ models: [{ model: 'a*b', ...cheap }] })).toEqual(['models.0.model'])
    expect(await faultsOf({ models: [cheap, { model: 'x', ...cheap, inputUsdPerMillion: -1 }] })).toEqual([
      'models.0.model',
      'models.1.inputUsdPerMillion',
    ])
    expect(await faultsOf({ apiKey: 'two words' })).toEqual(['apiKey'])
    expect(await faultsOf({ budget: { usdPerDay: 0 } })).toEqual(['budget.usdPerDay'])
    expect((await stage.api('POST', path, { ...definition(), color: 'red' })).status).toBe(400)
  })

  it('have names of their own', async () => {
    const { api, add } = stage
    await add()
    const other = await add({ name: 'Other' })
    const twice = await api('POST', path, { ...definition(), name: 'spare' })
    expect([twice.status, twice.body.error.code]).toEqual([409, 'model_source_name_taken'])
    expect((await api('PATCH', `${path}/${other.id}`, { name: 'SPARE' })).status).toBe(409)
    expect((await api('PATCH', `${path}/${other.id}`, { name: 'OTHER' })).status).toBe(200)
  })

  it('stand in the order that is given', async () => {
    const { api, add } = stage
    const [one, two] = [await add({ name: 'One' }), await add({ name: 'Two' })]
    const ordered = await api('POST', `${path}/order`, { ids: [two.id, one.id] })
    expect(ordered.body.items.map(({ name }: { name: string }) => name)).toEqual(['Two', 'One'])
    expect((await api('POST', `${path}/order`, { ids: [two.id] })).status).toBe(400)
  })

  it('do not take their key along to another server', async () => {
    const { api, add } = stage
    const { id } = await add()
    const moved = await api('PATCH', `${path}/${id}`, { baseUrl: 'https://evil.example/v1' })
    expect([moved.status, moved.body.error.details[0].path]).toEqual([400, 'apiKey'])
    expect((await api('PATCH', `${path}/${id}`, { baseUrl: `${stage.provider.url}/v2` })).status).toBe(200)
    expect((await api('PATCH', `${path}/${id}`, { baseUrl: 'https://good.example/v1', apiKey: null })).status).toBe(200)
  })
})

describe('the test of a model source', () => {
  const test = async (given: object = {}) => {
    const { id } = await stage.add(given)
    return (await stage.api('POST', `${path}/${id}/test`)).body
  }

  it('lists the models, and names those that the source does not have', async () => {
    const models = [
      { model: 'gpt-5.5', ...cheap },
      { model: 'mini', upstreamModel: 'not-there', ...cheap },
      { model: 'any-*', ...cheap },
    ]
    const told = await test({ models })
    expect(told).toMatchObject({ ok: true, status: 200, code: null, missingModels: ['not-there'] })
    expect(told.message).toBe(
      'The source answers and lists 2 models. It does not list not-there: check the names of these.',
    )
    const { body } = await stage.api('GET', path)
    const listed = await stage.api('GET', `${path}/${body.items[0].id}/models`)
    expect(listed.body.items).toEqual(['gpt-5.5', 'local-1'])
  })

  it('says what is wrong in words', async () => {
    const { provider, api } = stage
    expect(await test({ name: 'A', apiKey: 'wrong' })).toMatchObject({
      ...{ ok: false, code: 'source_key_refused', status: 401 },
      message: 'The source refuses the API key (401). It says: Incorrect API key provided.',
    })
    expect((await test({ name: 'B', apiKey: null })).message).toMatch(/^The source wants an API key\./)
    expect(await test({ name: 'C', baseUrl: provider.url })).toMatchObject({ ok: false, code: 'source_not_found' })
    expect(await test({ name: 'D', baseUrl: 'http://127.0.0.1:9/v1' })).toMatchObject({
      ...{ ok: false, status: null, code: 'source_unreachable' },
      message: 'Nothing listens there (connection refused).',
    })
    provider.fail('/v1/models', { kind: 'html' })
    expect(await test({ name: 'E' })).toMatchObject({ ok: false, code: 'source_no_api' })
    provider.fail('/v1/models', { kind: 'status', status: 302, headers: { location: 'http://elsewhere.example' } })
    expect(await test({ name: 'F' })).toMatchObject({ ok: false, code: 'source_moved', status: 302 })
    const { body } = await api('GET', path)
    expect(body.items.map(({ health }: { health: { status: string } }) => health.status)).toEqual(
      Array(6).fill('failing'),
    )
    const models = await api('GET', `${path}/${body.items[3].id}/models`)
    expect([models.status, models.body.error.code]).toEqual([503, 'source_unavailable'])
  })

  it('asks for two words where there is no list of models', async () => {
    const { provider } = stage
    provider.fail('/v1/models', { kind: 'status', status: 404 })
    const models = [{ model: 'gpt-5.5', upstreamModel: 'theirs', ...cheap }]
    const told = await test({ models })
    expect(told).toMatchObject({ ok: true, message: 'The source answers with theirs. It has no list of models.' })
    expect(provider.asked('/v1/responses')[0]?.body).toMatchObject({ model: 'theirs', max_output_tokens: 16 })
  })
})

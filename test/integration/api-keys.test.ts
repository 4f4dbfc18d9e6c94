import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiKeyList, ApiKeyView } from '../../src/contract/api-keys.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { refusalIn } from '../support/refusals.ts'
import { type Rig, startRig } from '../support/start.ts'
import type { Untyped } from '../support/untyped.ts'

// Keys as the dashboard makes, changes and ends them.

let rig: Rig
let clock: ManualClock
beforeAll(async () => {
  clock = createManualClock()
  rig = await startRig({ app: { clock }, env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' } })
})
afterAll(() => rig.close())

async function call(method: string, path: string, body?: object) {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(rig.url + path, {
    method,
    ...(body === undefined ? {} : { headers, body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { answer, status: answer.status, text, body: (text === '' ? null : JSON.parse(text)) as Untyped }
}

const create = async (body: object) => {
  const made = await call('POST', '/api/api-keys', body)
  expect(made.status, made.text).toBe(201)
  return made.body
}
/** The fields that are refused. */
async function faults(method: string, path: string, body: object): Promise<string[]> {
  const { answer, text, body: told } = await call(method, path, body)
  expect(refusalIn(path, answer, text)).toMatchObject({ status: 400, code: 'invalid_request' })
  return told.error.details.map(({ path: field }: { path: string }) => field)
}
const audited = async () => (await call('GET', '/api/audit-logs?action=api_key')).body.items as Untyped[]
const soon = (minutes: number) => new Date(clock.now() + minutes * 60_000).toISOString()

describe('an API key', () => {
  it('is told once, and known by its first characters from then on', async () => {
    const { answer, body: made } = await call('POST', '/api/api-keys', { name: ' Laptop ' })
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(made.key).toMatch(/^sk-clb-[\w-]{43}$/)
    const { key, ...view } = made
    expect(view).toEqual(ApiKeyView.parse(view))
    expect(view).toMatchObject({
      ...{ name: 'Laptop', prefix: key.slice(0, 15), status: 'active', isActive: true, notes: null },
      ...{ allowedModels: null, accountIds: null, accountsInScope: null, limits: [], expiresAt: null },
      usage: { lifetime: { requests: 0, costUsd: 0 }, sevenDays: { totalTokens: 0 } },
    })
    expect((await call('GET', `/api/api-keys/${view.id}`)).body).toEqual(view)
    const list = await call('GET', '/api/api-keys')
    expect(list.body).toEqual(ApiKeyList.parse(list.body))
    expect(list.body.items).toContainEqual(view)
    expect(list.text).not.toContain(key)
  })

  it('takes every rule, in either case, and shows them in the same shape everywhere', async () => {
    const { accountId } = await rig.account('a@example.com')
    const made = await create({
      ...{
        name: 'Full',
        notes: 'for CI',
        allowed_models: ['gpt-5.5', 'gpt-5.5', 'gpt-5.4'],
        enforced_model: 'gpt-5.5',
      },
      ...{
        allowedEfforts: ['low', 'medium'],
        enforced_service_tier: 'fast',
        accountIds: [accountId],
        tags: [' Team '],
      },
      ...{ allowed_addresses: ['10.0.0.0/8', '::1'], poolSharePercent: 20, expiresAt: soon(60) },
      limits: [
        { kind: 'cost_micro_usd', period: 'month', is_calendar: true, max: 5_000_000 },
        { kind: 'requests', period: 'minute', max: 5, model: 'gpt-5.5' },
      ],
    })
    expect(made).toMatchObject({
      ...{ allowedModels: ['gpt-5.5', 'gpt-5.4'], enforcedServiceTier: 'priority', tags: ['team'], accountsInScope: 1 },
      limits: [
        { kind: 'cost_micro_usd', period: 'month', isCalendar: true, max: 5_000_000, model: null },
        { kind: 'requests', period: 'minute', isCalendar: false, max: 5, model: 'gpt-5.5' },
      ],
    })
    const changed = await call('PATCH', `/api/api-keys/${made.id}`, { allowed_efforts: null, enforcedEffort: 'high' })
    expect(changed.body).toMatchObject({ allowedEfforts: null, enforcedEffort: 'high', notes: 'for CI' })
    expect(Object.keys(changed.body).toSorted()).toEqual(
      Object.keys(made)
        .filter((name) => name !== 'key')
        .toSorted(),
    )
  })

  it('keeps the ids of its limits when they are edited, and those of the ones that stay', async () => {
    const day = { kind: 'requests', period: 'day', max: 10 }
    const made = await create({ name: 'Limited', limits: [day, { kind: 'requests', period: 'week', max: 50 }] })
    const [first, second] = made.limits as { id: string }[]
    const edit = async (limits: object[]) =>
      (await call('PATCH', `/api/api-keys/${made.id}`, { limits })).body.limits as Untyped[]
    expect(
      await edit([
        { ...day, max: 20 },
        { ...first, period: 'month' },
      ]),
    ).toMatchObject([
      { id: expect.not.stringMatching(first?.id ?? ''), period: 'day', max: 20 },
      { id: first?.id, period: 'month', max: 10 },
    ])
    const [added, moved] = await edit([{ kind: 'requests', period: 'month', max: 7 }])
    expect([added?.id, moved]).toEqual([first?.id, undefined])
    expect(await faults('PATCH', `/api/api-keys/${made.id}`, { limits: [{ ...second }] })).toEqual(['limits.0.id'])
  })

  it('is refused with each wrong field by its name', async () => {
    const post = (body: object) => faults('POST', '/api/api-keys', { name: 'x', ...body })
    expect(await post({ name: ' ' })).toEqual(['name'])
    expect(await post({ name: 'n'.repeat(129) })).toEqual(['name'])
    expect(await post({ accountIds: ['acc_none'] })).toEqual(['accountIds.0'])
    expect(await post({ accountIds: [] })).toEqual(['accountIds'])
    expect(await post({ allowedModels: [] })).toEqual(['allowedModels'])
    expect(await post({ allowedModels: ['gpt-5.4'], enforcedModel: 'gpt-5.5' })).toEqual(['enforcedModel'])
    expect(await post({ enforcedEffort: 'low', allowedEfforts: ['low'] })).toEqual(['enforcedEffort'])
    expect(await post({ enforcedEffort: 'huge' })).toEqual(['enforcedEffort'])
    expect(await post({ expiresAt: soon(-1) })).toEqual(['expiresAt'])
    expect(await post({ poolSharePercent: 0 })).toEqual(['poolSharePercent'])
    expect(await post({ allowedAddresses: ['10.0.0.1', '10.0.0.0/33', 'here'] })).toEqual([
      ...['allowedAddresses.1', 'allowedAddresses.2'],
    ])
    const limit = { kind: 'requests', period: 'day', max: 1 }
    expect(await post({ limits: [limit, { ...limit, max: 2 }] })).toEqual(['limits.1'])
    expect(await post({ limits: [{ ...limit, max: 0 }] })).toEqual(['limits.0.max'])
    expect(await post({ limits: [{ ...limit, id: 'lim_none' }] })).toEqual(['limits.0.id'])
    expect(await post({ secret: 'mine' })).toEqual(['secret'])
    const { id } = await create({ name: 'Rules', allowedEfforts: ['low'], enforcedModel: 'gpt-5.5' })
    expect(await faults('PATCH', `/api/api-keys/${id}`, { enforcedEffort: 'low' })).toEqual(['enforcedEffort'])
    expect(await faults('PATCH', `/api/api-keys/${id}`, { allowedModels: ['gpt-5.4'] })).toEqual(['allowedModels'])
  })

  it('keeps accounts that are gone: it is for nobody then, and can still be edited', async () => {
    const other = await startRig()
    const ask = async (method: string, path: string, body?: object) => {
      const headers = { 'content-type': 'application/json' }
      const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) }
      const answer = await fetch(other.url + path, init)
      return (await answer.json()) as Untyped
    }
    try {
      const { accountId } = await other.account('a@example.com')
      const { id } = await ask('POST', '/api/api-keys', { name: 'Scoped', accountIds: [accountId] })
      await ask('DELETE', `/api/accounts/${accountId}`)
      const scope = { accountIds: [accountId], accountsInScope: 0 }
      expect(await ask('GET', `/api/api-keys/${id}`)).toMatchObject(scope)
      const changed = await ask('PATCH', `/api/api-keys/${id}`, { accountIds: [accountId], name: 'Still' })
      expect(changed).toMatchObject({ name: 'Still', ...scope })
    } finally {
      await other.close()
    }
  })

  it('gets another secret, ends by itself, by hand, and for good', async () => {
    const made = await create({ name: 'Short', expiresAt: soon(1) })
    const path = `/api/api-keys/${made.id}`
    const renewed = await call('POST', `${path}/regenerate`)
    expect(renewed.status).toBe(200)
    expect(renewed.body.key).toMatch(/^sk-clb-[\w-]{43}$/)
    expect(renewed.body.key).not.toBe(made.key)
    expect(renewed.body).toMatchObject({ id: made.id, prefix: renewed.body.key.slice(0, 15) })
    clock.advance(60_000)
    expect((await call('GET', path)).body.status).toBe('expired')
    expect((await call('PATCH', path, { expiresAt: null })).body.status).toBe('active')
    expect((await call('PATCH', path, { is_active: false })).body.status).toBe('inactive')
    const gone = await call('DELETE', path)
    expect([gone.status, gone.text]).toEqual([204, ''])
    for (const [method, where, body] of [
      ...[
        ['GET', path],
        ['DELETE', path],
        ['POST', `${path}/regenerate`],
      ],
      ['PATCH', path, { name: 'x' }],
    ] as [string, string, object?][]) {
      const { answer, text } = await call(method, where, body)
      expect(refusalIn(where, answer, text)).toMatchObject({ status: 404, code: 'api_key_not_found' })
    }
  })

  it('leaves a trace of each change in the audit log, without its secret', async () => {
    const made = await create({ name: 'Traced', notes: 'old' })
    clock.advance(1)
    await call('PATCH', `/api/api-keys/${made.id}`, { notes: 'new', name: 'Traced' })
    clock.advance(1)
    const renewed = await call('POST', `/api/api-keys/${made.id}/regenerate`)
    clock.advance(1)
    await call('DELETE', `/api/api-keys/${made.id}`)
    const entries = (await audited()).filter(({ target }) => target.id === made.id).toReversed()
    expect(entries).toMatchObject([
      { action: 'api_key.create', before: null, after: { name: 'Traced', notes: 'old', prefix: made.prefix } },
      { action: 'api_key.change', before: { notes: 'old' }, after: { notes: 'new' } },
      { action: 'api_key.regenerate', before: { prefix: made.prefix }, after: { prefix: renewed.body.prefix } },
      { action: 'api_key.delete', before: { name: 'Traced', notes: 'new' }, after: null },
    ])
    expect(Object.keys(entries[1]?.after)).toEqual(['notes'])
    const told = JSON.stringify(entries)
    for (const secret of [made.key, renewed.body.key]) expect(told).not.toContain(secret)
    expect(told).not.toContain('secretHash')
  })

  it('is changed by two at once without one undoing the other', async () => {
    const { id } = await create({ name: 'Shared' })
    await Promise.all([
      call('PATCH', `/api/api-keys/${id}`, { notes: 'mine' }),
      call('PATCH', `/api/api-keys/${id}`, { tags: ['theirs'] }),
    ])
    expect((await call('GET', `/api/api-keys/${id}`)).body).toMatchObject({ notes: 'mine', tags: ['theirs'] })
  })

  it('outlives a restart', async () => {
    const { key: _key, ...view } = await create({ name: 'Lasting', poolSharePercent: 5 })
    await rig.restart()
    expect((await call('GET', `/api/api-keys/${view.id}`)).body).toEqual(view)
  })
})

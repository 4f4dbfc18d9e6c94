import pino from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { startApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { createManualClock } from '../support/clock.ts'
import { type Rig, startRig } from '../support/start.ts'
import type { Untyped } from '../support/untyped.ts'

let rig: Rig
afterEach(() => rig.close())

async function ask(
  method: string,
  path: string,
  body?: object,
  url = rig.url,
): Promise<{ status: number; json: Untyped }> {
  const sent = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const answer = await fetch(url + path, { method, ...sent })
  return { status: answer.status, json: await answer.json() }
}
const groups = '/api/settings/groups'

describe('groups of settings', { timeout: 30_000 }, () => {
  it('tell version, author, values, units and defaults', async () => {
    rig = await startRig({ accounts: [], importAll: false })
    await ask('PATCH', '/api/settings', { affinityMinutes: 7 })
    const { json } = await ask('GET', groups)
    expect(json.items.map(({ group }: Untyped) => group)).toEqual([
      ...['routing', 'limits', 'clients', 'retention', 'security', 'notifications'],
    ])
    expect(json.nextCursor).toBeNull()
    const [routing, limits] = json.items
    expect(routing).toMatchObject({
      version: 1,
      updatedBy: { kind: 'local', name: null },
      values: { affinityMinutes: 7 },
    })
    expect(routing.updatedAt).toMatch(/T.*\.\d{3}Z$/)
    expect(routing.fields).toContainEqual({
      ...{ name: 'affinityMinutes', unit: 'min', default: 30, isDefault: false, isNullable: false },
    })
    expect(routing.fields).toContainEqual({
      ...{ name: 'singleAccountId', unit: null, default: null, isDefault: true, isNullable: true },
    })
    expect(limits).toMatchObject({ group: 'limits', version: 0, updatedAt: null, updatedBy: null })
    expect(Object.keys(limits.values)).not.toContain('affinityMinutes')
    expect((await ask('GET', `${groups}/routing`)).json).toEqual(routing)
    expect(Object.keys((await ask('GET', '/api/settings')).json).length).toBe(
      json.items.reduce((sum: number, { values }: Untyped) => sum + Object.keys(values).length, 0),
    )
  })

  it('are changed one by one, and whoever saw an older version is told what is now', async () => {
    rig = await startRig({ accounts: [], importAll: false })
    const first = await ask('PATCH', `${groups}/limits`, { expected_version: 0, max_streams: 5 })
    expect(first).toMatchObject({ status: 200, json: { version: 1, values: { maxStreams: 5 } } })
    const stale = await ask('PATCH', `${groups}/limits`, { expectedVersion: 0, maxStreams: 9 })
    expect(stale).toMatchObject({
      status: 409,
      json: { error: { code: 'settings_conflict', current: { version: 1, values: { maxStreams: 5 } } } },
    })
    expect((await ask('GET', '/api/settings')).json.maxStreams).toBe(5)
    expect((await ask('PATCH', `${groups}/limits`, { maxStreams: 9 })).json.version).toBe(2)
    expect((await ask('PATCH', `${groups}/limits`, { maxStreams: 9 })).json.version).toBe(2)
    const { json: log } = await ask('GET', '/api/audit-logs?action=settings')
    expect(log.items.map(({ target, before, after }: Untyped) => ({ target, before, after }))).toContainEqual({
      target: { kind: 'settings', id: 'limits' },
      before: { maxStreams: 5 },
      after: { maxStreams: 9 },
    })
    // A refusal has changed nothing, and is no entry.
    expect(log.items.length).toBe(3)
  })

  it('go back to their defaults with null, unless null is a value of theirs', async () => {
    rig = await startRig()
    const { accountId } = await rig.account('a@example.com')
    await ask('PATCH', '/api/settings', { affinityMinutes: 7, singleAccountId: accountId, onlyTags: ['x'] })
    const { json } = await ask('PATCH', `${groups}/routing`, {
      affinityMinutes: null,
      singleAccountId: null,
      onlyTags: null,
    })
    expect(json.values).toMatchObject({ affinityMinutes: 30, singleAccountId: null, onlyTags: [] })
    await ask('PATCH', '/api/settings', { affinityMinutes: 8 })
    expect((await ask('PATCH', '/api/settings', { affinityMinutes: null })).json.affinityMinutes).toBe(30)
  })

  it('refuse what is of another group, unknown or not valid, naming it, and change nothing', async () => {
    rig = await startRig({ accounts: [], importAll: false })
    const refused = async (body: object) => {
      const { status, json } = await ask('PATCH', `${groups}/routing`, body)
      return [status, json.error.code, json.error.details?.map(({ path }: Untyped) => path)]
    }
    expect(await refused({ maxStreams: 3, affinityMinutes: 4 })).toEqual([400, 'invalid_request', ['maxStreams']])
    expect(await refused({ nonsense: 3 })).toEqual([400, 'invalid_request', ['nonsense']])
    expect(await refused({ affinityMinutes: 1e9 })).toEqual([400, 'invalid_request', ['affinityMinutes']])
    expect(await refused({ expectedVersion: -1 })).toEqual([400, 'invalid_request', ['expectedVersion']])
    expect(await refused({ drainOrder: ['nobody'] })).toEqual([400, 'invalid_request', ['drainOrder.0']])
    expect((await ask('GET', `${groups}/nope`)).json.error.code).toBe('settings_group_not_found')
    expect(await ask('PATCH', `${groups}/nope`, {})).toMatchObject({ status: 404 })
    expect((await ask('GET', `${groups}/routing`)).json.version).toBe(0)
  })

  it('reach another process on the same database within seconds', async () => {
    const clock = createManualClock()
    rig = await startRig({ accounts: [], importAll: false })
    const env = { CODEX_LB_PORT: '0', CODEX_LB_DATA_DIR: rig.dataDir }
    const other = await startApp(readConfig(env, rig.dataDir).config, pino({ level: 'silent' }), { clock })
    try {
      await ask('PATCH', '/api/settings', { affinityMinutes: 7 })
      await ask('PATCH', `${groups}/limits`, { maxStreams: 5 })
      expect((await ask('GET', '/api/settings', undefined, other.url)).json.affinityMinutes).toBe(30)
      clock.advance(2_100)
      await expect
        .poll(async () => (await ask('GET', '/api/settings', undefined, other.url)).json)
        .toMatchObject({ affinityMinutes: 7, maxStreams: 5 })
      // And what it changes does not undo what it had not seen.
      await ask('PATCH', `${groups}/limits`, { maxStreams: 6 })
      await ask('PATCH', '/api/settings', { relativeTopK: 3 }, other.url)
      expect((await ask('GET', '/api/settings', undefined, other.url)).json).toMatchObject({
        ...{ affinityMinutes: 7, relativeTopK: 3, maxStreams: 6 },
      })
    } finally {
      await other.close()
    }
  })
})

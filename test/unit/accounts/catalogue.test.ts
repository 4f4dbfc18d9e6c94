import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { AccountCalls } from '../../../src/accounts/account-calls.ts'
import { createCatalogue } from '../../../src/accounts/catalogue.ts'
import type { Pool } from '../../../src/accounts/pool.ts'
import { staticModels } from '../../../src/accounts/static-models.ts'
import type { CatalogueModel } from '../../../src/domain/catalogue.ts'
import { dayMs, hourMs, minuteMs } from '../../../src/domain/quota.ts'
import type { CatalogueRow, Store } from '../../../src/store/store.ts'
import { poolRig } from '../../support/pool-rig.ts'
import { imported } from '../../support/stores.ts'

const rig = poolRig()
const base = { slug: 'base', priority: 1 }
const extra = { slug: 'extra', priority: 2 }
const codex = (version: string) => ({ 'user-agent': `codex_exec/${version} (Debian)` })
const slugsOf = (models: Iterable<{ slug: string }>) => [...models].map(({ slug }) => slug)

type Says = unknown[] | 'fails' | { status: number; json?: unknown }

/** An upstream that answers each account as told, with the ETag of what it says. */
function upstream(says: Record<string, Says>) {
  const asked: { id: string; version: string; etag: string | null }[] = []
  let running = 0
  let most = 0
  const calls: AccountCalls = {
    ...({} as AccountCalls),
    async get(id, path, deadlineMs, knownEtag = null) {
      const version = /^\/codex\/models\?client_version=(.*)$/.exec(path)?.[1]
      if (version === undefined) throw new Error(path)
      expect(deadlineMs).toBe(15_000)
      asked.push({ id, version, etag: knownEtag })
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      const said = says[id] ?? 'fails'
      if (said === 'fails') throw new Error(`no answer for ${id}`)
      const { status, json } = Array.isArray(said) ? { status: 200, json: { models: said } } : { json: null, ...said }
      const text = JSON.stringify(json)
      const etag = `W/"${createHash('sha256').update(text).digest('hex')}"`
      if (knownEtag === etag) return { status: 304, etag, json: null, text: '' }
      return { status, etag, json, text }
    },
  }
  return { says, asked, calls, most: () => most }
}

function catalogueOf(pool: Pool, { calls }: { calls: AccountCalls }, store: Store = rig.store) {
  const errors: [string | null, string][] = []
  const onError = (id: string | null, error: unknown) => void errors.push([id, String(error)])
  return { ...createCatalogue({ store, pool, calls, clock: rig.clock, onError }), errors }
}

const row = (plan: string, models: CatalogueModel[], given: Partial<CatalogueRow> = {}): CatalogueRow => ({
  ...{ plan, models, clientVersion: '0.169.0', etag: null, fetchedAtMs: rig.clock.now() },
  ...given,
})

describe('the lists of the accounts', () => {
  it('become one list, and tell routing who has what with one object for equal lists', async () => {
    const c = (await imported(rig.store, 'c')).id
    const pool = await rig.loaded()
    const up = upstream({ [rig.a]: [base, extra], [rig.b]: [base], [c]: [extra, base] })
    const catalogue = catalogueOf(pool, up)
    await catalogue.refresh()
    expect((await catalogue.models()).models).toEqual([base, extra])
    expect(pool.get(rig.b)?.models).toEqual(new Set(['base']))
    expect(pool.get(rig.a)?.models).toEqual(new Set(['base', 'extra']))
    expect(pool.get(c)?.models).toBe(pool.get(rig.a)?.models)
    expect(catalogue.holders('base')).toEqual({ plans: ['plus'], accounts: 3 })
    expect(catalogue.holders('extra')).toEqual({ plans: ['plus'], accounts: 2 })
    expect(catalogue.holders('none')).toEqual({ plans: [], accounts: 0 })
    expect(catalogue.errors).toEqual([])
  })

  it('are asked for with the ETag of the last answer, and change nothing when they are the same', async () => {
    const told: string[] = []
    const pool = await rig.loaded({ onChange: (id) => told.push(id) })
    const up = upstream({ [rig.a]: [base], [rig.b]: [base, extra] })
    const catalogue = catalogueOf(pool, up)
    await catalogue.refresh()
    const before = await catalogue.models()
    told.length = 0
    rig.clock.advance(5 * minuteMs)
    await catalogue.refresh()
    expect(up.asked.map(({ etag }) => etag === null)).toEqual([true, true, false, false])
    expect(up.asked[2]?.etag).not.toBe(up.asked[3]?.etag)
    expect(told).toEqual([])
    expect(await catalogue.models()).toBe(before)
    up.says[rig.a] = [base, extra]
    await catalogue.refresh()
    expect(told).toEqual([rig.a])
    expect(pool.get(rig.a)?.models).toBe(pool.get(rig.b)?.models)
  })

  it('keep the newest entry, untouched, with the tiers of all', async () => {
    const pool = await rig.loaded()
    const up = upstream({
      [rig.a]: [{ ...base, note: 1, service_tiers: [{ id: 'priority' }] }],
      [rig.b]: [{ ...base, note: 2, odd: { x: [null] }, service_tiers: [] }],
    })
    const catalogue = catalogueOf(pool, up)
    await catalogue.refresh()
    rig.clock.advance(1)
    up.says[rig.b] = [{ ...base, note: 3, odd: { x: [null] }, service_tiers: [] }]
    await catalogue.refresh()
    const newest = [{ ...base, note: 3, odd: { x: [null] }, service_tiers: [{ id: 'priority' }] }]
    expect((await catalogue.models()).models).toEqual(newest)
    rig.clock.advance(1)
    up.says[rig.a] = [{ ...base, note: 1, service_tiers: [{ id: 'priority' }], reordered: true }]
    await catalogue.refresh()
    expect((await catalogue.models()).models).toMatchObject([{ note: 1, reordered: true }])
  })

  it('of the highest plan win', async () => {
    const pro = (await imported(rig.store, 'pro', { plan: 'pro' })).id
    const pool = await rig.loaded()
    const up = upstream({ [rig.a]: [{ ...base, of: 'plus', additional_speed_tiers: ['fast'] }], [rig.b]: [extra] })
    const catalogue = catalogueOf(pool, up)
    await catalogue.refresh()
    rig.clock.advance(minuteMs)
    up.says[pro] = [{ ...base, of: 'pro', additional_speed_tiers: ['turbo'] }]
    await catalogue.refresh()
    expect((await catalogue.models()).models).toEqual([
      { ...base, of: 'pro', additional_speed_tiers: ['turbo', 'fast'] },
      extra,
    ])
    expect(catalogue.holders('base')).toEqual({ plans: ['pro', 'plus'], accounts: 2 })
  })

  it.each<[string, Says]>([
    ['an error', 'fails'],
    ['a refusal', { status: 403, json: { detail: 'no' } }],
    ['a page', { status: 200, json: '<html>' }],
    ['an empty list', []],
    ['entries without a name', [{ priority: 1 }, null, 'base', { slug: '' }, { slug: 7 }]],
    ['a 304 that nobody asked for', { status: 304 }],
  ])('stay as they were after %s, and other accounts are not concerned', async (_, failure) => {
    const pool = await rig.loaded()
    const up = upstream({ [rig.a]: [extra], [rig.b]: [base] })
    const catalogue = catalogueOf(pool, up)
    await catalogue.refresh()
    const models = pool.get(rig.a)?.models
    up.says[rig.a] = failure
    up.says[rig.b] = [base, { slug: 'newer', priority: 3 }]
    await catalogue.refresh()
    expect(pool.get(rig.a)?.models).toBe(models)
    expect(slugsOf((await catalogue.models()).models)).toEqual(['base', 'extra', 'newer'])
    expect(catalogue.errors.map(([id]) => id)).toEqual(failure === 'fails' ? [rig.a] : [])
  })

  it('do without entries that have no name', async () => {
    const pool = await rig.loaded()
    const catalogue = catalogueOf(pool, upstream({ [rig.a]: [null, base, { slug: 3 }] }))
    await catalogue.refresh()
    expect((await catalogue.models()).models).toEqual([base])
  })

  it('are not asked of paused and signed-out accounts, and of removed ones they are forgotten', async () => {
    const pool = await rig.loaded()
    const up = upstream({ [rig.a]: [base], [rig.b]: [extra] })
    const catalogue = catalogueOf(pool, up)
    await catalogue.refresh()
    pool.report(rig.a, { kind: 'paused' })
    pool.report(rig.b, { kind: 'sign_in_lost', as: 'reauth_required', code: 'token_revoked' })
    await catalogue.refresh()
    expect(up.asked).toHaveLength(2)
    expect(slugsOf((await catalogue.models()).models)).toEqual(['base', 'extra'])
    await pool.flush()
    await rig.store.accounts.remove(rig.b)
    await pool.refresh()
    expect(slugsOf((await catalogue.models()).models)).toEqual(['base'])
  })

  it('are asked for four at a time, and once for whoever waits for the same', async () => {
    for (let i = 0; i < 10; i++) await imported(rig.store, `more${i}`)
    const pool = await rig.loaded()
    const up = upstream(Object.fromEntries(pool.accounts().map(({ id }) => [id, [base]])))
    const catalogue = catalogueOf(pool, up)
    await Promise.all([catalogue.refresh(), catalogue.refresh()])
    await catalogue.refresh([])
    expect(up.most()).toBe(4)
    expect(up.asked).toHaveLength(12)
    expect(new Set(up.asked.map(({ id }) => id)).size).toBe(12)
  })
})

describe('the version of the client that lists are asked for with', () => {
  it('follows the newest real Codex, without the ETag of an older version', async () => {
    const pool = await rig.loaded()
    const up = upstream({ [rig.a]: [base], [rig.b]: [base] })
    const catalogue = catalogueOf(pool, up)
    await catalogue.refresh()
    up.says[rig.a] = [base, extra]
    catalogue.seen(codex('0.170.1'))
    expect(slugsOf((await catalogue.models('0.170.1')).models)).toEqual(['base', 'extra'])
    expect(up.asked.slice(2)).toEqual(
      expect.arrayContaining([rig.a, rig.b].map((id) => ({ id, version: '0.170.1', etag: null }))),
    )
    expect(up.asked).toHaveLength(4)
    catalogue.seen(codex('0.170.0'))
    await catalogue.refresh()
    expect(up.asked.map(({ version }) => version).slice(4)).toEqual(['0.170.1', '0.170.1'])
  })

  it('is remembered over a restart', async () => {
    const up = upstream({ [rig.a]: [base], [rig.b]: [base] })
    const first = catalogueOf(await rig.loaded(), up)
    first.seen(codex('0.171.0'))
    await first.refresh()
    const second = catalogueOf(await rig.loaded(), up)
    await second.load()
    await second.refresh()
    expect(up.asked.at(-1)).toMatchObject({ version: '0.171.0' })
  })
})

describe('after a restart', () => {
  it('the stored list tells at once who has what, and is only confirmed when nothing has changed', async () => {
    const up = upstream({ [rig.a]: [base, extra], [rig.b]: [base, extra] })
    const first = catalogueOf(await rig.loaded(), up)
    await first.refresh()
    const { etag } = await first.models()
    const asked = up.asked.length
    rig.clock.advance(hourMs)
    const pool = await rig.loaded()
    const second = catalogueOf(pool, up)
    await second.load()
    expect(pool.get(rig.a)?.models).toEqual(new Set(['base', 'extra']))
    expect(pool.get(rig.b)?.models).toBe(pool.get(rig.a)?.models)
    expect((await second.models()).etag).toBe(etag)
    expect(up.asked).toHaveLength(asked)
    await second.refresh()
    expect(up.asked.slice(asked).map((one) => one.etag)).toEqual([expect.any(String), expect.any(String)])
    expect((await rig.store.catalogues.load())[0]?.fetchedAtMs).toBe(rig.clock.now())
  })

  it('accounts whose lists differ are asked afresh, and each gets its own', async () => {
    const up = upstream({ [rig.a]: [base], [rig.b]: [base, extra] })
    await catalogueOf(await rig.loaded(), up).refresh()
    const pool = await rig.loaded()
    const second = catalogueOf(pool, up)
    await second.load()
    expect(pool.get(rig.a)?.models).toEqual(new Set(['base', 'extra']))
    await second.refresh()
    expect(up.asked.slice(2).map(({ etag }) => etag)).toEqual([null, null])
    expect(pool.get(rig.a)?.models).toEqual(new Set(['base']))
  })

  it('a plan keeps its stored list while one of its accounts has not answered, and then no longer', async () => {
    await rig.store.catalogues.save(row('plus', [base, extra]))
    const pool = await rig.loaded()
    const up = upstream({ [rig.a]: [base] })
    const catalogue = catalogueOf(pool, up)
    await catalogue.load()
    await catalogue.refresh()
    expect(slugsOf((await catalogue.models()).models)).toEqual(['base', 'extra'])
    up.says[rig.b] = [base]
    await catalogue.refresh()
    expect(slugsOf((await catalogue.models()).models)).toEqual(['base'])
    expect((await rig.store.catalogues.load())[0]?.models).toEqual([base])
  })

  it('a list of yesterday is still shown, but tells routing nothing', async () => {
    await rig.store.catalogues.save(row('plus', [base], { fetchedAtMs: rig.clock.now() - dayMs }))
    const pool = await rig.loaded()
    const catalogue = catalogueOf(pool, upstream({}))
    await catalogue.load()
    expect((await catalogue.models()).models).toEqual([base])
    expect(pool.get(rig.a)?.models).toBeNull()
    expect(catalogue.holders('base')).toEqual({ plans: [], accounts: 0 })
    await catalogue.refresh()
    expect((await catalogue.models()).models).toEqual([base])
    expect(pool.get(rig.a)?.models).toBeNull()
  })

  it('lists of plans that no account has are left out', async () => {
    await rig.store.catalogues.save(row('pro', [extra]))
    await rig.store.catalogues.save(row('plus', [base]))
    const catalogue = catalogueOf(await rig.loaded(), upstream({}))
    await catalogue.load()
    expect((await catalogue.models()).models).toEqual([base])
  })

  it('an account that comes later has the list of its plan before it was asked', async () => {
    const pool = await rig.loaded()
    const up = upstream({ [rig.a]: [base, extra], [rig.b]: [base, extra] })
    const catalogue = catalogueOf(pool, up)
    await catalogue.refresh()
    const c = (await imported(rig.store, 'c')).id
    await pool.refresh()
    expect(pool.get(c)?.models).toBeNull()
    const refreshed = catalogue.refresh([c])
    expect(pool.get(c)?.models).toBe(pool.get(rig.a)?.models)
    await refreshed
    expect(up.asked.map(({ id }) => id).slice(2)).toEqual([c])
  })
})

describe('where nothing is known', () => {
  it('there is a fixed list, which excludes nobody', async () => {
    const pool = await rig.loaded()
    const catalogue = catalogueOf(pool, upstream({}))
    await catalogue.load()
    expect((await catalogue.models()).models).toBe(staticModels)
    expect(pool.accounts().map(({ models }) => models)).toEqual([null, null])
    expect(slugsOf((await catalogue.models('0.143.0')).models)).toEqual([
      ...['gpt-5.5', 'gpt-5.4', 'gpt-5.4-mini', 'gpt-5.3-codex', 'gpt-5.3-codex-spark', 'gpt-5.2', 'codex-auto-review'],
    ])
  })

  it('the first question for it waits for the accounts, the next do not', async () => {
    const up = upstream({})
    const catalogue = catalogueOf(await rig.loaded(), up)
    await catalogue.load()
    await Promise.all([catalogue.models(), catalogue.models()])
    expect(up.asked).toHaveLength(2)
    await catalogue.models()
    expect(up.asked).toHaveLength(2)
    up.says[rig.a] = [base]
    await catalogue.refresh()
    expect((await catalogue.models()).models).toEqual([base])
  })

  it('an upstream that does not answer keeps nobody waiting for long', async () => {
    const calls = { get: () => new Promise(() => {}) } as unknown as AccountCalls
    const catalogue = catalogueOf(await rig.loaded(), { calls })
    const listing = catalogue.models()
    await new Promise((resolve) => setImmediate(resolve))
    rig.clock.advance(4_000)
    expect((await listing).models).toBe(staticModels)
  })

  it('its entries have all that some version of Codex needs', () => {
    const needed = [
      ...['slug', 'display_name', 'supported_reasoning_levels', 'shell_type', 'visibility', 'supported_in_api'],
      ...['priority', 'support_verbosity', 'truncation_policy', 'experimental_supported_tools', 'base_instructions'],
      ...['supports_reasoning_summaries', 'supports_parallel_tool_calls', 'max_context_window'],
    ]
    for (const model of staticModels) expect(Object.keys(model)).toEqual(expect.arrayContaining(needed))
    expect(new Set(slugsOf(staticModels)).size).toBe(staticModels.length)
    expect(staticModels.map(({ priority }) => priority)).toEqual(staticModels.map((_, i) => i))
  })
})

describe('a list for a client', () => {
  it('holds back newer models, and has an ETag of its own that does not move', async () => {
    const pool = await rig.loaded()
    const newer = { ...extra, minimal_client_version: '0.150.0' }
    const up = upstream({ [rig.a]: [base, newer] })
    const catalogue = catalogueOf(pool, up)
    await catalogue.refresh()
    const [all, old, new_] = [
      await catalogue.models(),
      await catalogue.models('0.142.2'),
      await catalogue.models('0.150.0'),
    ]
    expect([all, old, new_].map(({ models }) => slugsOf(models))).toEqual([
      ['base', 'extra'],
      ['base'],
      ['base', 'extra'],
    ])
    expect(new_).toBe(all)
    expect(old.etag).not.toBe(all.etag)
    expect(all.etag).toMatch(/^"[0-9a-f]{32}"$/)
    expect(await catalogue.models('0.142.2')).toBe(old)
    // Another account that says the same in other words is no news.
    up.says[rig.b] = [newer, base]
    await catalogue.refresh()
    expect((await catalogue.models()).etag).toBe(all.etag)
  })
})

describe('a store that fails', () => {
  it('is reported, and nothing else stops', async () => {
    const broken = async () => {
      throw new Error('disk full')
    }
    const store = { ...rig.store, catalogues: { load: broken, save: broken } }
    const pool = await rig.loaded()
    const catalogue = catalogueOf(pool, upstream({ [rig.a]: [base], [rig.b]: [base] }), store)
    await catalogue.load()
    await catalogue.refresh()
    expect((await catalogue.models()).models).toEqual([base])
    expect(pool.get(rig.a)?.models).toEqual(new Set(['base']))
    expect(catalogue.errors).toEqual([
      [null, 'Error: disk full'],
      [null, 'Error: disk full'],
    ])
  })

  it('is not written to when nothing has changed, but once an hour', async () => {
    const saves: CatalogueRow[] = []
    const { load } = rig.store.catalogues
    const store = { ...rig.store, catalogues: { load, save: async (one: CatalogueRow) => void saves.push(one) } }
    const up = upstream({ [rig.a]: [base], [rig.b]: [base] })
    const catalogue = catalogueOf(await rig.loaded(), up, store)
    for (let minutes = 0; minutes < 60; minutes += 5) {
      await catalogue.refresh()
      rig.clock.advance(5 * minuteMs)
    }
    expect(saves).toHaveLength(1)
    await catalogue.refresh()
    expect(saves).toHaveLength(2)
    up.says[rig.a] = 'fails'
    up.says[rig.b] = 'fails'
    rig.clock.advance(2 * hourMs)
    await catalogue.refresh()
    expect(saves).toHaveLength(2)
  })
})

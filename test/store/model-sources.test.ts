import { expect, it } from 'vitest'
import type { SourceDefinition } from '../../src/domain/model-source.ts'
import { Secret } from '../../src/lib/secrets.ts'
import { onEveryEngine } from './suite.ts'

const definition = (given: Partial<SourceDefinition> = {}): SourceDefinition => ({
  ...{ name: 'Spare', baseUrl: 'https://api.example.com/v1', allowPrivateAddress: false, isActive: true },
  ...{ use: ['last_resort'], supports: { responses: true, chat: false, embeddings: false } },
  models: [
    {
      ...{ model: 'gpt-5.5', upstreamModel: null, contextWindow: 400_000 },
      ...{ inputUsdPerMillion: 1.25, cachedUsdPerMillion: 0.125, outputUsdPerMillion: 10 },
    },
  ],
  ...{ timeoutSeconds: 60, maxConcurrency: 4, budget: { usdPerDay: 1, usdPerMonth: 2 } },
  ...given,
})
const noon = Date.UTC(2026, 10, 25, 12)
const nextDay = Date.UTC(2026, 10, 26, 0)
const nextMonth = Date.UTC(2026, 11, 1)

onEveryEngine((context) => {
  const spare = async (given: Partial<SourceDefinition> = {}) => {
    const added = await context.store.modelSources.add('src_1', definition(given), new Secret('sk-1'), noon)
    if (added === null) throw new Error('not added')
    return added
  }
  const reserve = (id: string, microUsd: number, atMs = noon) =>
    context.store.modelSources.reserve({ id, sourceId: 'src_1', microUsd, atMs })

  it('a model source comes back as it was written, with its key', async () => {
    const { modelSources } = context.store
    const before = await modelSources.version()
    await spare()
    const [source] = await modelSources.list()
    expect(source).toMatchObject({ ...definition(), id: 'src_1', position: 0, createdAtMs: noon })
    expect(source?.apiKey?.reveal()).toBe('sk-1')
    expect(await modelSources.version()).toBeGreaterThan(before)
  })

  it('a name is taken once, whatever its case, and a key stays until another one is given', async () => {
    const { modelSources } = context.store
    await spare()
    expect(await modelSources.add('src_2', definition({ name: 'SPARE' }), null, noon)).toBeNull()
    await modelSources.add('src_2', definition({ name: 'Other' }), null, noon)
    expect(await modelSources.change('src_2', definition({ name: 'spare' }))).toBe('name_taken')
    expect(await modelSources.change('src_3', definition({ name: 'None' }))).toBeNull()
    const changed = await modelSources.change('src_1', definition({ isActive: false }))
    expect(changed).toMatchObject({ isActive: false })
    expect((await modelSources.list())[0]?.apiKey?.reveal()).toBe('sk-1')
    await modelSources.change('src_1', definition(), null)
    expect((await modelSources.list())[0]?.apiKey).toBeNull()
  })

  it('sources stand in the order that they are given, if all of them are named', async () => {
    const { modelSources } = context.store
    await spare()
    await modelSources.add('src_2', definition({ name: 'Other' }), null, noon)
    expect(await modelSources.order(['src_2'])).toBe(false)
    expect(await modelSources.order(['src_2', 'src_2'])).toBe(false)
    expect(await modelSources.order(['src_2', 'src_1'])).toBe(true)
    expect((await modelSources.list()).map(({ id }) => id)).toEqual(['src_2', 'src_1'])
  })

  it('reservations at once never hold more than the budget', async () => {
    await spare()
    const held = await Promise.all(Array.from({ length: 8 }, (_, at) => reserve(`r${at}`, 300_000)))
    expect(held.filter((one) => one === 'reserved')).toHaveLength(3)
    expect(held.filter((one) => one === 'day')).toHaveLength(5)
    expect(await context.store.modelSources.spent('src_1', noon)).toEqual({
      dayMicroUsd: 900_000,
      monthMicroUsd: 900_000,
    })
  })

  it('a reservation is settled once, with the real cost or with its own', async () => {
    const { modelSources } = context.store
    await spare()
    await reserve('r1', 300_000)
    await reserve('r2', 300_000)
    expect(await modelSources.settle('r1', 50_000)).toBe(true)
    expect(await modelSources.settle('r1', 50_000)).toBe(false)
    expect(await modelSources.settle('r2', null)).toBe(true)
    expect(await modelSources.spent('src_1', noon)).toEqual({ dayMicroUsd: 350_000, monthMicroUsd: 350_000 })
  })

  it('a day ends the day’s budget, and a month the month’s', async () => {
    const { modelSources } = context.store
    await spare()
    await reserve('r1', 1_000_000)
    await modelSources.settle('r1', 1_000_000)
    expect(await reserve('r2', 1)).toBe('day')
    expect(await reserve('r3', 1_000_000, nextDay)).toBe('reserved')
    expect(await reserve('r4', 1, nextDay + 86_400_000)).toBe('month')
    expect(await reserve('r5', 1_000_000, nextMonth)).toBe('reserved')
    expect(await modelSources.spent('src_1', nextMonth)).toEqual({ dayMicroUsd: 1_000_000, monthMicroUsd: 1_000_000 })
  })

  it('what nobody settles counts as spent', async () => {
    const { modelSources } = context.store
    await spare()
    await reserve('r1', 400_000)
    expect(await modelSources.settleLost(noon, 10)).toBe(0)
    expect(await modelSources.settleLost(noon + 1, 10)).toBe(1)
    expect(await modelSources.settle('r1', 1)).toBe(false)
    expect((await modelSources.spent('src_1', noon)).dayMicroUsd).toBe(400_000)
    expect(await modelSources.prune(nextMonth)).toBe(1)
    expect((await modelSources.spent('src_1', noon)).dayMicroUsd).toBe(0)
  })

  it('goes with what it has cost, and no reservation is given afterwards', async () => {
    const { modelSources } = context.store
    await spare()
    await reserve('r1', 400_000)
    expect(await modelSources.remove('src_1')).toBe(true)
    expect(await modelSources.remove('src_1')).toBe(false)
    expect(await reserve('r2', 1)).toBe('gone')
    expect(await modelSources.settle('r1', 1)).toBe(false)
  })
})

import { builtIn, builtInPrices, createPrices, type Price, type Prices, type StoredPrice } from '../domain/price.ts'
import { isSamePrice, readPriceList } from '../domain/price-list.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { SafeFetchError, safeFetch } from '../lib/safe-fetch.ts'
import type { Store } from '../store/store.ts'

/** `sinceMs` null: since this release. */
export type PriceEntry = {
  model: string
  source: StoredPrice['source'] | 'built_in'
  sinceMs: number | null
  price: Price
}
type PriceChange = { model: string; before: Price | null; after: Price }

/** The prices that count now, in memory: a request in flight never waits for the database. */
export type PriceKeeper = {
  now(): Prices
  /** Each model with the price that counts, by name. */
  list(): PriceEntry[]
  get(model: string): PriceEntry | null
  override(model: string, price: Price): Promise<PriceEntry>
  /** False: there is none. */
  removeOverride(model: string): Promise<boolean>
  /** Takes over what a list says, of the models and tiers that it names. @throws AppError `price_list_unusable` */
  fetch(url: string): Promise<{ changed: PriceChange[]; unchanged: number }>
  load(): Promise<void>
  /** Load only when somebody else has changed a price. */
  refresh(): Promise<void>
}

/** LiteLLM's list has one or two. */
const maxListBytes = 16 * 1024 * 1024
const listTimeoutMs = 20_000

export function createPriceKeeper({
  store,
  clock,
  get = safeFetch,
}: {
  store: Store['prices']
  clock: Clock
  /** Replaced by tests. */
  get?: typeof safeFetch
}): PriceKeeper {
  let prices = builtIn
  let entries = new Map<string, PriceEntry>()
  let stored: StoredPrice[] = []
  let version = -1
  let last: Promise<unknown> = Promise.resolve()

  const load = async () => {
    const before = await store.version()
    stored = await store.list()
    version = before
    entries = new Map(
      Object.entries(builtInPrices).map(([model, price]) => [
        model,
        { model, source: 'built_in' as const, sinceMs: null, price },
      ]),
    )
    for (const source of ['fetched', 'override'] as const) {
      for (const row of stored) if (row.source === source) entries.set(row.model, row)
    }
    prices = createPrices([...entries.values()].map(({ model, price }) => [model, price] as const))
  }
  /** One change after the other: each begins with what the one before has left. */
  const inTurn = <R>(work: () => Promise<R>): Promise<R> => {
    const done = last.then(work)
    last = done.catch(() => {})
    return done
  }
  /** What counts without anybody's word. */
  const listed = (model: string) =>
    stored.find((row) => row.model === model && row.source === 'fetched')?.price ?? builtInPrices[model] ?? null
  const take = async (found: Map<string, Price>) => {
    const changed: PriceChange[] = []
    for (const [model, price] of found) {
      const before = listed(model)
      const after = { ...before, ...price }
      if (before === null || !isSamePrice(before, after)) changed.push({ model, before, after })
    }
    const sinceMs = clock.now()
    if (changed.length > 0) {
      await store.save(changed.map(({ model, after: price }) => ({ model, source: 'fetched', price, sinceMs })))
      await load()
    }
    return { changed, unchanged: found.size - changed.length }
  }
  return {
    now: () => prices,
    list: () => [...entries.values()].sort((a, b) => (a.model < b.model ? -1 : 1)),
    get: (model) => entries.get(model) ?? null,
    override: (model, price) =>
      inTurn(async () => {
        const entry = { model, source: 'override' as const, price, sinceMs: clock.now() }
        await store.save([entry])
        await load()
        return entry
      }),
    removeOverride: (model) =>
      inTurn(async () => {
        const isGone = await store.remove(model, 'override')
        if (isGone) await load()
        return isGone
      }),
    async fetch(url) {
      const found = await fetchList(url, get)
      return inTurn(() => take(found))
    },
    load: () => inTurn(load),
    refresh: () =>
      inTurn(async () => {
        if ((await store.version()) !== version) await load()
      }),
  }
}

/** @throws AppError `price_list_unusable` */
async function fetchList(url: string, get: typeof safeFetch): Promise<Map<string, Price>> {
  const unusable = (why: string, cause?: unknown) =>
    new AppError('price_list_unusable', { message: `The price list cannot be used: ${why}` }, { cause })
  const answer = await get({ url, reach: 'public', maxBytes: maxListBytes, timeoutMs: listTimeoutMs }).catch(
    (error) => {
      throw error instanceof SafeFetchError ? unusable(error.message, error) : error
    },
  )
  if (answer.status !== 200) throw unusable(`its address answers ${answer.status}.`)
  let list: unknown
  try {
    list = JSON.parse(answer.body.toString('utf8'))
  } catch (error) {
    throw unusable('it is not JSON.', error)
  }
  const prices = readPriceList(list)
  if (prices === null) throw unusable('it has no prices of models in the form of LiteLLM.')
  return prices
}

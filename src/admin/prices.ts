import {
  ModelPrice,
  PriceBody,
  PriceList,
  PriceParams,
  PriceRefresh,
  RecomputationView,
  RecomputeBody,
} from '../contract/prices.ts'
import type { Price, Rates } from '../domain/price.ts'
import { AppError } from '../errors.ts'
import type { PriceEntry, PriceKeeper } from '../reports/prices.ts'
import type { Recomputation, Recompute } from '../reports/recompute.ts'
import { iso } from './account-views.ts'
import { route } from './route.ts'

export type PriceDeps = { prices: PriceKeeper; recompute: Recompute; listUrl: () => string | null }

export function priceRoutes({ prices, recompute, listUrl }: PriceDeps) {
  const target = (model: string) => ({ kind: 'price', id: model })
  const shown = (entry: PriceEntry | null) => entry && viewOf(entry)
  return [
    route(
      {
        method: 'GET',
        path: '/api/prices',
        access: 'viewer',
        summary: 'What models cost, in USD per million tokens',
        answer: PriceList,
      },
      async () => {
        const last = recompute.last()
        return { items: prices.list().map(viewOf), nextCursor: null, recomputation: last && recomputationView(last) }
      },
    ),
    route(
      {
        method: 'PUT',
        path: '/api/prices/:model',
        access: 'admin',
        audit: 'price.override',
        summary: 'Say what a model costs from now on',
        params: PriceParams,
        body: PriceBody,
        answer: ModelPrice,
      },
      async ({ params: { model }, body, audit }) => {
        const before = shown(prices.get(model))
        const after = viewOf(await prices.override(model, priceOf(body)))
        audit({ target: target(model), before, after })
        return after
      },
    ),
    route(
      {
        method: 'DELETE',
        path: '/api/prices/:model',
        access: 'admin',
        audit: 'price.reset',
        status: 204,
        summary: 'Take back what was said of a model',
        params: PriceParams,
        answer: undefined,
      },
      async ({ params: { model }, audit }) => {
        const before = shown(prices.get(model))
        if (!(await prices.removeOverride(model))) throw new AppError('price_not_found')
        audit({ target: target(model), before, after: shown(prices.get(model)) })
      },
    ),
    route(
      {
        method: 'POST',
        path: '/api/prices/refresh',
        access: 'admin',
        audit: 'price.refresh',
        summary: 'Take over the price list whose address is in the settings',
        answer: PriceRefresh,
      },
      async ({ audit }) => {
        const url = listUrl()
        if (url === null) throw new AppError('price_list_not_configured')
        const { changed, unchanged } = await prices.fetch(url)
        audit({ after: { changed: changed.map(({ model }) => model).slice(0, 100), unchanged } })
        return {
          changed: changed.map(({ model, before, after }) => ({
            model,
            before: before && tiersOf(before),
            after: tiersOf(after),
          })),
          unchanged,
        }
      },
    ),
    route(
      {
        method: 'POST',
        path: '/api/prices/recompute',
        access: 'admin',
        audit: 'price.recompute',
        status: 202,
        summary: 'Put the prices of now on requests of the past; GET /api/prices tells how it goes',
        body: RecomputeBody,
        answer: RecomputationView,
      },
      async ({ body: { from }, audit }) => {
        const started = recompute.start(Date.parse(from))
        if (started === null) throw new AppError('recomputation_running')
        audit({ after: { from } })
        return recomputationView(started)
      },
    ),
  ]
}

function viewOf({ model, source, sinceMs, price }: PriceEntry): ModelPrice {
  return { model, source, since: sinceMs === null ? null : iso(sinceMs), ...tiersOf(price) }
}

function tiersOf({ standard, priority, flex, long }: Price) {
  const rates = ([input, cachedInput, output]: Rates) => ({ input, cachedInput, output })
  const orNull = (tier: Rates | undefined) => (tier === undefined ? null : rates(tier))
  return { standard: rates(standard), priority: orNull(priority), flex: orNull(flex), long: orNull(long) }
}

function priceOf({ standard, ...tiers }: PriceBody): Price {
  const rates = ({ input, cachedInput, output }: PriceBody['standard']): Rates => [input, cachedInput, output]
  const named = Object.entries(tiers).flatMap(([name, tier]) => (tier === null ? [] : [[name, rates(tier)]]))
  return { standard: rates(standard), ...Object.fromEntries(named) }
}

function recomputationView({ fromMs, untilMs, ...rest }: Recomputation): RecomputationView {
  return { ...rest, from: iso(fromMs), until: iso(untilMs) }
}

import type { Price, PriceSource } from '../../domain/price.ts'
import type { Dialect } from './dialect.ts'

/** Prices of models beside the built-in ones. */
export function priceTables(c: Dialect) {
  const prices = c.table(
    'prices',
    {
      model: c.text().notNull(),
      source: c.text<PriceSource>().notNull(),
      price: c.json<Price>().notNull(),
      /** Since when it is this. */
      sinceMs: c.int().notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.model, t.source] })],
  )
  return { prices }
}

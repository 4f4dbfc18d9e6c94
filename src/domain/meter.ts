import type { QuotaWindow } from './quota.ts'

/**
 * A limit beside the account's ordinary windows that governs certain models only (protocol reference, §9.3). A request
 * for such a model is judged by the meter alone.
 */
export type Meter = {
  /** Normalised name, the identity of the meter. */
  key: string
  /** The upstream's name, for people. */
  name: string
  feature: string | null
  windows: QuotaWindow[]
}

/** Lower case, every run of other characters than letters and digits an underscore. */
export function normalisedName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
}

/** Meters whose names do not say which models they govern (protocol reference, §9.3). */
const known: readonly { key: string; names: readonly string[]; models: readonly string[] }[] = [
  {
    key: 'codex_spark',
    names: ['codex_spark', 'codex_other', 'codex_bengalfox', 'gpt_5_3_codex_spark'],
    models: ['gpt_5_3_codex_spark'],
  },
]

/** The identity of the meter with these names: a known one's key, else its own first name. */
export function meterKey(names: readonly (string | null | undefined)[]): string {
  const normalised = names.flatMap((name) => (name ? [normalisedName(name)] : []))
  return known.find((meter) => meter.names.some((name) => normalised.includes(name)))?.key ?? normalised[0] ?? ''
}

/** The meter that governs a model on an account, or null: then the ordinary windows do. */
export function meterFor(meters: readonly Meter[], model: string): Meter | null {
  if (meters.length === 0) return null
  const slug = normalisedName(model)
  return meters.find((meter) => governs(meter, slug)) ?? null
}

function governs(meter: Meter, slug: string): boolean {
  if (normalisedName(meter.name) === slug) return true
  return known.some(({ key, models }) => key === meter.key && models.includes(slug))
}

import { Settings, strategyNames } from '../../domain/settings.ts'
import type { Row } from './reference-database.ts'
import { number, text, truth } from './values.ts'

/** A setting of ours, the value that the other system has for it, and the one that it begins with there. */
type Carried = {
  [Name in keyof Settings]: { name: Name; value: Settings[Name] | null; initial: unknown }
}[keyof Settings]

/**
 * What a person has changed there, where the same thing exists here. What still has the other system's first value is
 * left to our own.
 */
export function migratedSettings(row: Row, accountIds: ReadonlyMap<string, string>): Partial<Settings> {
  const wanted = strategyNames.find((name) => name === text(row, 'routing_strategy')) ?? null
  const single = text(row, 'single_account_id')
  const singleAccountId = single === null ? null : (accountIds.get(single) ?? null)
  // Alone, but nobody knows which: that would serve nothing.
  const strategy = wanted === 'single_account' && singleAccountId === null ? null : wanted
  const earlier = truth(row, 'prefer_earlier_reset_accounts')
  const preferEarlierReset = !earlier
    ? 'off'
    : text(row, 'prefer_earlier_reset_window') === 'primary'
      ? 'short'
      : 'long'
  const seconds = number(row, 'openai_cache_affinity_max_age_seconds')
  const carried: Carried[] = [
    { name: 'strategy', value: strategy, initial: 'capacity_weighted' },
    { name: 'singleAccountId', value: singleAccountId, initial: null },
    { name: 'relativePower', value: number(row, 'relative_availability_power'), initial: 2 },
    { name: 'relativeTopK', value: number(row, 'relative_availability_top_k'), initial: 5 },
    { name: 'preferEarlierReset', value: preferEarlierReset, initial: 'long' },
    { name: 'affinityMinutes', value: seconds === null ? null : Math.round(seconds / 60), initial: 30 },
    { name: 'edgeShortPercent', value: number(row, 'sticky_reallocation_primary_budget_threshold_pct'), initial: 95 },
    { name: 'edgeLongPercent', value: number(row, 'sticky_reallocation_secondary_budget_threshold_pct'), initial: 100 },
    { name: 'maxStreams', value: number(row, 'proxy_account_stream_limit'), initial: 8 },
    { name: 'maxTurnStarts', value: number(row, 'proxy_account_response_create_limit'), initial: 4 },
    { name: 'requireApiKeys', value: truth(row, 'api_key_auth_enabled'), initial: false },
  ]
  const changed = carried.filter(({ name, value, initial }) => {
    return value !== null && value !== initial && Settings.shape[name].safeParse(value).success
  })
  return Object.fromEntries(changed.map(({ name, value }) => [name, value]))
}

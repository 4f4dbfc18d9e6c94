import { type ApiKey, type Effort, efforts, type ServiceTier, serviceTiers } from '../../domain/api-key.ts'
import type { KeyLimit, LimitKind, LimitPeriod } from '../../domain/limits.ts'
import type { Store } from '../../store/store.ts'
import type { ReferenceDatabase, Row } from './reference-database.ts'
import { number, text, texts, time, truth } from './values.ts'

const kinds: Record<string, LimitKind> = {
  total_tokens: 'total_tokens',
  input_tokens: 'input_tokens',
  output_tokens: 'output_tokens',
  // Counted in millionths of a dollar there too.
  cost_usd: 'cost_micro_usd',
}
const periods: Record<string, LimitPeriod> = {
  '5h': 'five_hours',
  daily: 'day',
  '7d': 'week',
  weekly: 'week',
  monthly: 'month',
}

/** Takes over the keys with their hashes, so that clients go on with the keys they have. A key that is here already stays. */
export async function migrateKeys(
  from: ReferenceDatabase,
  store: Pick<Store, 'keys'>,
  accountIds: ReadonlyMap<string, string>,
): Promise<{ taken: number; known: number }> {
  const limits = Map.groupBy(from.rows('api_key_limits', 'id'), (row) => String(row.api_key_id))
  const scopes = Map.groupBy(from.rows('api_key_accounts', 'api_key_id'), (row) => String(row.api_key_id))
  const done = { taken: 0, known: 0 }
  for (const row of from.rows('api_keys', 'created_at')) {
    const accounts = (scopes.get(String(row.id)) ?? []).map((scope) => String(scope.account_id))
    const key = keyOf(row, limits.get(String(row.id)) ?? [], accounts, accountIds)
    if (key === null) continue
    if (await store.keys.add(key)) done.taken++
    else done.known++
  }
  return done
}

/** Null for a row without a hash, which lets nobody in. */
function keyOf(
  row: Row,
  limits: readonly Row[],
  accounts: readonly string[],
  accountIds: ReadonlyMap<string, string>,
): ApiKey | null {
  const secretHash = text(row, 'key_hash')?.toLowerCase() ?? ''
  if (!/^[0-9a-f]{64}$/.test(secretHash)) return null
  const isScoped = truth(row, 'account_assignment_scope_enabled') || accounts.length > 0
  const allowedModels = texts(row, 'allowed_models')
  const enforcedEffort = effortOf(text(row, 'enforced_reasoning_effort'))
  const allowedEfforts = texts(row, 'allowed_reasoning_efforts')?.flatMap((one) => effortOf(one) ?? [])
  return {
    id: String(row.id),
    name: (text(row, 'name') ?? 'migrated').slice(0, 128),
    notes: null,
    secretHash,
    prefix: text(row, 'key_prefix') ?? '',
    allowedModels: allowedModels?.length ? allowedModels : null,
    enforcedModel: text(row, 'enforced_model'),
    enforcedEffort,
    allowedEfforts: enforcedEffort === null && allowedEfforts?.length ? allowedEfforts : null,
    enforcedServiceTier: tierOf(text(row, 'enforced_service_tier')),
    // An account that stayed behind is not replaced by all the others.
    accountIds: isScoped ? accounts.flatMap((id) => accountIds.get(id) ?? []) : null,
    tags: null,
    allowedAddresses: null,
    limits: limitsOf(limits),
    poolSharePercent: null,
    expiresAtMs: time(row, 'expires_at'),
    isActive: truth(row, 'is_active'),
    createdAtMs: time(row, 'created_at') ?? 0,
    lastUsedAtMs: time(row, 'last_used_at'),
    revision: 1,
  }
}

/** Of two that are the same here (`7d` and `weekly`), the stricter counts. Limits in credits were never counted there. */
function limitsOf(rows: readonly Row[]): KeyLimit[] {
  const byMeaning = new Map<string, KeyLimit>()
  for (const row of rows) {
    const kind = kinds[text(row, 'limit_type') ?? '']
    const period = periods[text(row, 'limit_window') ?? '']
    const max = number(row, 'max_value')
    if (kind === undefined || period === undefined || max === null || max < 1) continue
    const model = text(row, 'model_filter')
    const meaning = JSON.stringify([kind, period, model])
    const known = byMeaning.get(meaning)
    if (known === undefined || max < known.max) {
      byMeaning.set(meaning, { id: `lim_migrated_${row.id}`, kind, period, isCalendar: false, max, model })
    }
  }
  return [...byMeaning.values()]
}

function effortOf(name: string | null): Effort | null {
  return efforts.find((one) => one === name) ?? null
}

function tierOf(name: string | null): ServiceTier | null {
  return serviceTiers.find((one) => one === name) ?? null
}

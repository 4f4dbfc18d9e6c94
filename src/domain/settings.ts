import { z } from 'zod'
import type { Actor } from './access.ts'

export const strategyNames = [
  'cache_value',
  'capacity_weighted',
  'relative_availability',
  'usage_weighted',
  'round_robin',
  'fill_first',
  'sequential_drain',
  'reset_drain',
  'single_account',
] as const
export type StrategyName = (typeof strategyNames)[number]

const accountId = z.string().min(1).max(200)
const credits = z.number().positive().max(1e9).nullable()
export const tag = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,39}$/u, 'A tag has up to 40 letters, digits, spaces, dots, dashes.')

/** Everything a person may change while the server runs. Default, unit and section travel with the type. */
export const Settings = z.object({
  strategy: z.enum(strategyNames).default('cache_value').meta({ section: 'routing' }),
  /** `relative_availability`: how strongly more room is preferred, and among how many. */
  relativePower: z.number().min(0).max(10).default(2).meta({ section: 'routing' }),
  relativeTopK: z.int().min(1).max(20).default(5).meta({ section: 'routing' }),
  /** `single_account`: the one that serves. */
  singleAccountId: accountId.nullable().default(null).meta({ section: 'routing' }),
  /** `sequential_drain`: in this order; accounts that are not named come after, the smallest plan first. */
  drainOrder: z.array(accountId).max(1_000).default([]).meta({ section: 'routing' }),
  /** First the accounts whose window of this kind resets soonest; not for the strategies that give an order of their own. */
  preferEarlierReset: z.enum(['off', 'short', 'long']).default('off').meta({ section: 'routing' }),
  /** Used percent of a window from which an account is spared while others have room. */
  edgeShortPercent: z.number().min(1).max(100).default(95).meta({ section: 'routing', unit: '%' }),
  edgeLongPercent: z.number().min(1).max(100).default(98).meta({ section: 'routing', unit: '%' }),
  /** Only accounts with one of these tags serve; empty: all. */
  onlyTags: z.array(tag).max(50).default([]).meta({ section: 'routing' }),
  /** Nominal sizes of plans in credits, where the built-in ones are wrong; null: the plan has no such window. */
  planCapacities: z
    .record(z.string().min(1).max(60), z.object({ short: credits, weekly: credits, monthly: credits }))
    .default({})
    .meta({ section: 'routing' }),
  /** How long a new or recovered account is given its load step by step. */
  slowStartMinutes: z.int().min(0).max(120).default(5).meta({ section: 'routing', unit: 'min' }),
  /** The way to the upstream of accounts that have none of their own; null: directly. */
  defaultEgress: z
    .object({ kind: z.enum(['proxy', 'pool']), id: z.string().min(1).max(200) })
    .nullable()
    .default(null)
    .meta({ section: 'routing' }),
  affinityMinutes: z.int().min(0).max(1_440).default(30).meta({ section: 'routing', unit: 'min' }),
  maxStreams: z.int().min(1).max(10_000).default(24).meta({ section: 'limits', unit: 'requests' }),
  maxTurnStarts: z.int().min(1).max(10_000).default(12).meta({ section: 'limits', unit: 'requests' }),
  /** How long a request waits for a place on an account, or for a brief rest to end. */
  waitSeconds: z.int().min(0).max(300).default(15).meta({ section: 'limits', unit: 's' }),
  maxWaiting: z.int().min(0).max(10_000).default(256).meta({ section: 'limits', unit: 'requests' }),
  /** Where `POST /api/prices/refresh` finds a price list in the form of LiteLLM's; null: nowhere. */
  priceListUrl: z
    .url({ protocol: /^https?$/, error: 'must be an http or https address.' })
    .max(500)
    .nullable()
    .default(null)
    .meta({ section: 'limits' }),
  /** Whether clients may use WebSockets; without them Codex falls back to HTTP at once. */
  webSockets: z.boolean().default(true).meta({ section: 'clients' }),
  /** Models for Claude's names, beside the built-in map; `*` stands for anything. */
  claudeModels: z
    .record(z.string().min(1).max(100), z.string().min(1).max(100))
    .default({})
    .meta({ section: 'clients' }),
  /** When a reset credit may be used without a person: never, when the whole pool is out, or before it expires unused. */
  resetCreditRule: z.enum(['never', 'pool_out', 'expiring']).default('never').meta({ section: 'limits' }),
  /** Which responses are kept for later requests, with their content: none, those that ask for it, or all but those that forbid it. */
  keepResponses: z.enum(['never', 'asked', 'always']).default('asked').meta({ section: 'retention' }),
  keepResponseDays: z.int().min(1).max(365).default(30).meta({ section: 'retention', unit: 'd' }),
  /** How long the request log is kept; 0: for ever. Sums of it are. */
  requestLogDays: z.int().min(0).max(3_650).default(365).meta({ section: 'retention', unit: 'd' }),
  /** After this time the log has no attempts and decisions any more, which take most of its room; 0: as long as the rest. */
  requestDetailDays: z.int().min(0).max(3_650).default(90).meta({ section: 'retention', unit: 'd' }),
  /** How long hourly figures of accounts' windows are kept; 0: for ever. Forecasts want a month. */
  usageHistoryDays: z
    .int()
    .min(0)
    .max(3_650)
    .refine((days) => days === 0 || days >= 30, 'It is 0, or at least 30.')
    .default(730)
    .meta({ section: 'retention', unit: 'd' }),
  auditDays: z.int().min(0).max(3_650).default(365).meta({ section: 'retention', unit: 'd' }),
  /** Whether clients of this machine need an API key, too. Those from elsewhere always do. */
  requireApiKeys: z.boolean().default(false).meta({ section: 'security' }),
})
export type Settings = z.infer<typeof Settings>

export const defaultSettings: Settings = Settings.parse({})

/** Settings that are shown, versioned and changed together. */
export const settingsGroups = ['routing', 'limits', 'clients', 'retention', 'security', 'notifications'] as const
export type SettingsGroup = (typeof settingsGroups)[number]

type SettingMeta = { group: SettingsGroup; unit: string | null; isNullable: boolean }

/** What is known of each setting beside its type. */
export const settingMeta = Object.fromEntries(
  Object.entries(Settings.shape).map(([name, field]) => {
    const { section, unit } = field.meta() as { section: SettingsGroup; unit?: string }
    return [name, { group: section, unit: unit ?? null, isNullable: field.safeParse(null).success }]
  }),
) as Record<keyof Settings, SettingMeta>

const names = Object.keys(Settings.shape) as (keyof Settings)[]

/** The names of a group's settings, in order. */
export function settingsOf(group: SettingsGroup): (keyof Settings)[] {
  return names.filter((name) => settingMeta[name].group === group)
}

/** The settings that are named, out of all. */
export function pickSettings(from: Settings, which: readonly (keyof Settings)[]): Partial<Settings> {
  return Object.fromEntries(which.map((name) => [name, from[name]]))
}

/** Who changed a group last, and how often it was changed. */
export type GroupState = {
  /** Grows by one with each change; 0: nobody has changed anything yet. */
  version: number
  updatedAtMs: number | null
  updatedBy: Pick<Actor, 'kind' | 'name'> | null
}

/** All settings, and how each group stands. `revision` grows with each change of any group. */
export type SettingsState = { values: Settings; groups: Record<SettingsGroup, GroupState>; revision: number }

import type { WindowKind } from '../quota.ts'
import type { SubjectStates } from './decide.ts'
import type { QuietHours } from './quiet-hours.ts'

export const ruleKinds = [
  'pool_below',
  'pool_out',
  'account_reauth',
  'account_closed',
  'key_limit',
  'error_rate',
  'egress_down',
  'new_version',
] as const
export type RuleKind = (typeof ruleKinds)[number]

/** What a rule watches for. */
export type RuleCondition =
  /** Less than so much of a window is left over the whole pool. */
  | { kind: 'pool_below'; parameters: { window: WindowKind; percent: number } }
  /** A limit of an API key is used up to so much. */
  | { kind: 'key_limit'; parameters: { percent: number } }
  /** More than so many requests of the last minutes failed, if there were at least so many. */
  | { kind: 'error_rate'; parameters: { percent: number; minutes: number; leastRequests: number } }
  /** The version that is found at an address is later than this one. */
  | { kind: 'new_version'; parameters: { url: string; allowPrivateAddress: boolean } }
  | { kind: 'pool_out' | 'account_reauth' | 'account_closed' | 'egress_down'; parameters: Record<string, never> }

/** When to tell whom. */
export type Rule = RuleCondition & {
  id: string
  name: string | null
  channelIds: string[]
  isActive: boolean
  quietHours: QuietHours | null
  /** Between two messages about the beginning of the same thing. */
  minGapMinutes: number
  /** Whether the end is told, too. */
  tellEnd: boolean
  createdAtMs: number
  updatedAtMs: number
}

/** With what it has told so far; `version` grows with each change of either. */
export type StoredRule = Rule & { states: SubjectStates; version: number }

import type { WindowKind } from '../quota.ts'

type AccountNamed = { accountId: string; alias: string | null; email: string | null; plan: string }

/** What a message is about, as figures: texts are made of it, and webhooks get it. Percentages 0 to 100, times epoch ms. */
export type About =
  | { kind: 'pool_below'; window: WindowKind; percent: number; leftPercent: number; resetAtMs: number | null }
  | {
      kind: 'pool_out'
      accounts: number
      serving: number
      usedUp: number
      signedOut: number
      nextAtMs: number | null
    }
  | ({ kind: 'account_reauth' | 'account_closed'; reason: string | null } & AccountNamed)
  | {
      kind: 'key_limit'
      keyId: string
      keyName: string
      limit: string
      percent: number
      usedPercent: number
      resetAtMs: number | null
    }
  | { kind: 'error_rate'; percent: number; minutes: number; leastRequests: number; requests: number; failed: number }
  | { kind: 'egress_down'; egressId: string; name: string; reason: string | null }
  | { kind: 'new_version'; version: string; running: string }

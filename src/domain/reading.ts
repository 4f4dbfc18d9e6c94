import type { Meter } from './meter.ts'
import type { Credits, QuotaWindow } from './quota.ts'

/** Usage figures of one account from one source. `plan` is null where the source does not name it. */
export type Reading = {
  plan: string | null
  windows: QuotaWindow[]
  /** Limits of certain models. Null: the source says nothing about them. */
  meters: Meter[] | null
  credits: Credits | null
  /** The upstream's word for the limit that is reached; null: none is. Undefined: the source says nothing about it. */
  limitReached?: string | null
  /** True when the source names every window and meter that there is. */
  isComplete: boolean
}

import { z } from 'zod'
import { type Settings, strategyNames } from '../domain/settings.ts'
import { moment, percent, word } from './common.ts'
import { SettingsChange } from './settings.ts'

const strategy = z.enum(strategyNames)

/** The settings that a replay can try beside the strategy. */
const tried = {
  ...{ relativePower: true, relativeTopK: true, singleAccountId: true, drainOrder: true, preferEarlierReset: true },
  ...{ edgeShortPercent: true, edgeLongPercent: true, onlyTags: true, slowStartMinutes: true, affinityMinutes: true },
  ...{ maxStreams: true, maxTurnStarts: true, waitSeconds: true, maxWaiting: true, planCapacities: true },
} as const satisfies Partial<Record<keyof Settings, true>>
type Tried = Pick<Settings, keyof typeof tried>

const notTried = 'Only settings of routing and admission can be tried; name strategies in "strategies".'

export const WhatIfAsk = z.strictObject({
  /** A moment, or so many hours ago. At most 30 days back. */
  since: z.union([moment, z.number().min(1).max(720)]).default(168),
  /** All when left out. */
  strategies: z.array(strategy).min(1).max(strategyNames.length).optional(),
  /** Tried with each of the strategies, in place of the present settings. */
  settings: SettingsChange.refine((change) => Object.keys(change).every((name) => Object.hasOwn(tried, name)), notTried)
    .transform((change) => change as Partial<Tried>)
    .optional(),
})

const count = z.int().min(0)

export const WhatIfView = z.object({
  since: moment,
  until: moment,
  /** Turns that were replayed. */
  arrivals: count,
  /** What the answer takes for granted, in sentences. */
  assumptions: z.array(word),
  /** The present settings first. */
  results: z.array(
    z.object({
      strategy,
      isCurrent: z.boolean(),
      turns: count,
      refused: count,
      waited: count,
      windowsHit: count,
      /** How often a thread was served by another account than the turn before. */
      switches: count,
      cachedSharePercent: percent,
      cachedTokens: count,
      inputTokens: count,
      /** Tokens that were not cached because their thread had changed accounts. */
      paidAgainTokens: count,
    }),
  ),
})
export type WhatIfView = z.infer<typeof WhatIfView>

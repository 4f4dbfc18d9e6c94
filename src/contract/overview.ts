import { z } from 'zod'
import { windowKinds } from '../domain/quota.ts'
import { moment, percent, word } from './common.ts'

export const timeframes = {
  '1d': { hours: 24, bucketMinutes: 60 },
  '7d': { hours: 168, bucketMinutes: 360 },
  '30d': { hours: 720, bucketMinutes: 1_440 },
} as const
export type Timeframe = keyof typeof timeframes

export const OverviewQuery = z.object({ timeframe: z.enum(['1d', '7d', '30d']).default('1d') })

/** Sums of a time; `errorRate` in percent of all requests, those that clients cancelled counted as no error. */
const Sums = {
  requestCount: z.int(),
  errorCount: z.int(),
  cancelledCount: z.int(),
  errorRate: percent,
  usageSummary: z.object({
    totalTokens: z.int(),
    inputTokens: z.int(),
    cachedInputTokens: z.int(),
    outputTokens: z.int(),
    /** USD, an estimate at API list prices. */
    totalCost: z.number(),
  }),
}

/** How much of the pool's windows is left, weighted by the size of each account's plan. */
const PoolWindowView = z.object({
  kind: z.enum(windowKinds),
  remainingPercent: percent,
  /** When the first part of it comes back. */
  nextResetAt: moment.nullable(),
  accounts: z.int(),
})

export const Overview = z.object({
  timeframe: z.enum(['1d', '7d', '30d']),
  accountCounts: z.object({
    total: z.int(),
    active: z.int(),
    paused: z.int(),
    rateLimited: z.int(),
    quotaExceeded: z.int(),
    reauthRequired: z.int(),
    deactivated: z.int(),
  }),
  ...Sums,
  windows: z.array(PoolWindowView),
  /** One point per bucket of the timeframe, oldest first, empty buckets included. */
  series: z.array(z.object({ t: moment, requests: z.int(), errors: z.int(), tokens: z.int(), costUsd: z.number() })),
  /** The newest usage figure of any account. */
  lastSyncAt: moment.nullable(),
  /** Nearly all accounts rest after failures: rests are not heeded then, so that the few that are left do not break down too. */
  panic: z.boolean(),
  /** Requests that wait for a place on an account. */
  waiting: z.int(),
  demo: z.boolean(),
})
export type Overview = z.infer<typeof Overview>

export const ModelList = z.object({
  models: z.array(
    z.object({
      id: word,
      name: word,
      supportedReasoningEfforts: z.array(word),
      defaultReasoningEffort: word.nullable(),
      contextWindow: z.int().nullable(),
      /** The plans whose accounts are known to have it, the highest first. */
      plans: z.array(word),
      /** How many accounts are known to have it. */
      accounts: z.int(),
    }),
  ),
})
export type ModelList = z.infer<typeof ModelList>

import { dayMs } from '../../domain/quota.ts'
import type { Standing } from '../standing.ts'
import type { Strategy } from './strategy.ts'

/** The account whose long window resets on the earliest day; within a day the one with most left. */
export const resetDrain: Strategy = {
  hasTiers: false,
  pricesMoves: false,
  rank: (standing, { nowMs }) =>
    -daysToReset(standing, nowMs) - standing.short.usedPercent / 1_000 - standing.long.usedPercent / 1_000_000,
  explain: (standing, { nowMs }) => ({
    days: daysToReset(standing, nowMs),
    shortPercent: standing.short.usedPercent,
    longPercent: standing.long.usedPercent,
  }),
}

/** After any reset that is known. */
const unknownDays = 1_000

function daysToReset({ long }: Standing, nowMs: number): number {
  return long.resetAtMs === null ? unknownDays : Math.floor((long.resetAtMs - nowMs) / dayMs)
}

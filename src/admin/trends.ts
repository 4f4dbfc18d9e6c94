import type { AccountTrends } from '../contract/accounts.ts'
import { dayMs, hourMs, type WindowKind } from '../domain/quota.ts'
import type { Store, UsageSample } from '../store/store.ts'
import { iso } from './account-views.ts'

type Figure = Pick<UsageSample, 'kind' | 'atMs' | 'usedPercent' | 'resetAtMs'>

/** Series of what was left, a point per step. Nothing is made up: no points before the first figure. */
export function trendsOf(
  figures: readonly Figure[],
  fromMs: number,
  toMs: number,
  stepMs: number = hourMs,
): Omit<AccountTrends, 'accountId'> {
  const series = (kind: WindowKind) =>
    evenly(
      figures.filter((figure) => figure.kind === kind),
      { fromMs, toMs, stepMs },
    )
  return { primary: series('short'), secondary: series('weekly'), monthly: series('monthly') }
}

/** A gap carries the last value, until its window's reset has passed: then everything was left again. */
function evenly(figures: readonly Figure[], { fromMs, toMs, stepMs }: Record<'fromMs' | 'toMs' | 'stepMs', number>) {
  const points: AccountTrends['primary'] = []
  let last: Figure | null = null
  let next = 0
  for (let atMs = Math.floor(fromMs / stepMs) * stepMs; atMs <= toMs; atMs += stepMs) {
    for (let one = figures[next]; one && one.atMs < atMs + stepMs; one = figures[++next]) last = one
    if (last === null) continue
    const isOver = last.resetAtMs !== null && last.resetAtMs <= atMs
    points.push({ t: iso(atMs), v: isOver ? 100 : Math.round((100 - last.usedPercent) * 100) / 100 })
  }
  return points
}

const sampleDays = 7

/** The trend of some days: the last week from samples, what is before it from the rollups, in steps that stay readable. */
export async function readTrends(
  usage: Store['usage'],
  accountId: string,
  days: number,
  nowMs: number,
): Promise<AccountTrends> {
  const fromMs = nowMs - days * dayMs
  const samplesMs = nowMs - Math.min(days, sampleDays) * dayMs
  const samples = await usage.hourly(accountId, samplesMs)
  const hours = days > sampleDays ? await usage.hours(fromMs, accountId) : []
  const older = hours.map(({ kind, atMs, lastPercent, resetAtMs }) => ({
    kind,
    atMs,
    usedPercent: lastPercent,
    resetAtMs,
  }))
  const figures = [...older.filter(({ atMs }) => atMs < samplesMs), ...samples]
  return { accountId, ...trendsOf(figures, fromMs, nowMs, stepOf(days)) }
}

function stepOf(days: number): number {
  if (days <= 14) return hourMs
  return days <= 90 ? 6 * hourMs : dayMs
}

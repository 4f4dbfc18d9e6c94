import type { AccountTrends } from '../contract/accounts.ts'
import { hourMs, type WindowKind } from '../domain/quota.ts'
import type { UsageSample } from '../store/store.ts'
import { iso } from './account-views.ts'

/** Hourly series of what was left. Nothing is made up: no points before the first sample. */
export function trendsOf(
  samples: readonly UsageSample[],
  fromMs: number,
  toMs: number,
): Omit<AccountTrends, 'accountId'> {
  const series = (kind: WindowKind) =>
    hourly(
      samples.filter((sample) => sample.kind === kind),
      fromMs,
      toMs,
    )
  return { primary: series('short'), secondary: series('weekly'), monthly: series('monthly') }
}

/** A gap carries the last value, until its window's reset has passed: then everything was left again. */
function hourly(samples: readonly UsageSample[], fromMs: number, toMs: number): AccountTrends['primary'] {
  const points: AccountTrends['primary'] = []
  let last: UsageSample | null = null
  let next = 0
  for (let atMs = Math.floor(fromMs / hourMs) * hourMs; atMs <= toMs; atMs += hourMs) {
    for (let one = samples[next]; one && one.atMs < atMs + hourMs; one = samples[++next]) last = one
    if (last === null) continue
    const isOver = last.resetAtMs !== null && last.resetAtMs <= atMs
    points.push({ t: iso(atMs), v: isOver ? 100 : Math.round((100 - last.usedPercent) * 100) / 100 })
  }
  return points
}

import { capacityOf, hourMs, type PlanCapacities, type WindowKind, windowKinds } from '../../domain/quota.ts'
import type { HourOfUse } from '../../domain/usage-hours.ts'
import { cumulated, type History, historyHours, historyOf, hoursOut, type RowsByKind } from './history.ts'

/** An account's past, as far as the pool's work follows from it. */
export type Worker = { plan: string; createdAtMs: number; rows: RowsByKind }

/** Nominal size of a window; one that the plan is taken not to have, and yet has, counts as the smallest. */
export function creditsOf(plan: string, kind: WindowKind, capacities: PlanCapacities): number {
  return capacityOf(plan, capacities)[kind] ?? capacityOf('plus')[kind] ?? capacityOf('free')[kind] ?? 1
}

/**
 * What the pool did, hour by hour, in credits: what was used up of each account's shortest window, in the size of its
 * plan. Hours in which no account could serve say nothing of what was wanted: they count as those of the day before.
 */
export function poolWork(workers: readonly Worker[], capacities: PlanCapacities, untilMs: number): History {
  const single = workers.flatMap((worker) => {
    const kind = workKind(worker.rows)
    if (kind === null) return []
    const history = historyOf(worker.rows[kind] ?? [], { createdAtMs: worker.createdAtMs, untilMs })
    return [{ history, creditsPerPercent: creditsOf(worker.plan, kind, capacities) / 100 }]
  })
  const hours = single.reduce((most, { history }) => Math.max(most, history.hours), 0)
  const work = new Float64Array(hours)
  for (const { history, creditsPerPercent } of single) {
    const skipped = hours - history.hours
    for (let at = 0; at < history.hours; at++) {
      const burned = (history.cumulative[at + 1] ?? 0) - (history.cumulative[at] ?? 0)
      work[skipped + at] = (work[skipped + at] ?? 0) + burned * creditsPerPercent
    }
  }
  const fromMs = untilMs - hours * hourMs
  for (const atMs of starvedHours(workers, untilMs)) {
    const at = (atMs - fromMs) / hourMs
    if (at >= 24) work[at] = Math.max(work[at] ?? 0, work[at - 24] ?? 0)
  }
  return cumulated(work, untilMs)
}

/** The window that shows the work most finely: the shortest one whose past is not much shorter than that of others. */
function workKind(rows: RowsByKind): WindowKind | null {
  const most = Math.max(...windowKinds.map((kind) => rows[kind]?.length ?? 0))
  return windowKinds.find((kind) => (rows[kind]?.length ?? 0) > 0 && (rows[kind]?.length ?? 0) >= most / 2) ?? null
}

/** Hours in which every account that has figures was out, oldest first. */
function starvedHours(workers: readonly Worker[], untilMs: number): number[] {
  const served = new Set<number>()
  const out = new Set<number>()
  for (const { rows } of workers) {
    const ownOut = hoursOut(rows)
    for (const atMs of ownOut) out.add(atMs)
    for (const { atMs } of rows[workKind(rows) ?? 'short'] ?? []) if (!ownOut.has(atMs)) served.add(atMs)
  }
  const earliestMs = untilMs - historyHours * hourMs
  return [...out]
    .filter((atMs) => !served.has(atMs) && atMs >= earliestMs && atMs < untilMs)
    .sort((one, other) => one - other)
}

/** The nominal relation of two windows counts as much as this many observed percent points. */
const priorPercent = 3

/** How much of a window one credit of work uses up, in percent: the nominal size, corrected by what was seen. */
export function percentPerCredit(
  worker: Worker,
  kind: WindowKind,
  capacities: PlanCapacities,
  untilMs: number,
): number {
  const nominal = 100 / creditsOf(worker.plan, kind, capacities)
  const shortest = workKind(worker.rows)
  if (shortest === null || shortest === kind) return nominal
  const work = worker.rows[shortest] ?? []
  const seen = worker.rows[kind] ?? []
  const fromMs = Math.max(work[0]?.atMs ?? untilMs, seen[0]?.atMs ?? untilMs)
  const sum = (rows: readonly HourOfUse[]) =>
    rows.reduce((total, { atMs, burnedPercent }) => total + (atMs >= fromMs && atMs < untilMs ? burnedPercent : 0), 0)
  const credits = (sum(work) * creditsOf(worker.plan, shortest, capacities)) / 100
  return (sum(seen) + priorPercent) / (credits + priorPercent / nominal)
}

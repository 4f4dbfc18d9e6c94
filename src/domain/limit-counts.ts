import { type Bucket, bucketAt, type KeyLimit, type LimitKind } from './limits.ts'

/** What one request takes of each kind of limit. */
export type Amounts = Record<LimitKind, number>

/** What is counted in a piece of time: `used` is settled, `reserved` is what requests under way have declared. */
export type Count = Bucket & { used: number; reserved: number }

/** How a limit stands. `resetAtMs`: when there is more room than now, whatever happens; null: nothing counts. */
export type Standing = { limit: KeyLimit; used: number; reserved: number; left: number; resetAtMs: number | null }

/** A limit without room. `isHeld`: requests under way have taken what is left, and may give some of it back. */
export type LimitRefusal = Standing & { isHeld: boolean }

export function amountsOf(tokens: { input: number; output: number; costMicroUsd: number | null }): Amounts {
  const { input, output, costMicroUsd } = tokens
  return {
    requests: 1,
    input_tokens: input,
    output_tokens: output,
    total_tokens: input + output,
    cost_micro_usd: costMicroUsd ?? 0,
  }
}

/** Whether a request for this model is counted by the limit. A request without a model is counted by no limit of one. */
export function appliesTo({ model: only }: Pick<KeyLimit, 'model'>, model: string | null): boolean {
  return only === null || only === model
}

/** What has left its window says nothing any more. */
export function stillCounting<C extends Bucket>(counts: readonly C[], nowMs: number): C[] {
  return counts.filter(({ untilMs }) => untilMs > nowMs)
}

/** `counts` in any order. */
export function standingOf(limit: KeyLimit, counts: readonly Count[], nowMs: number): Standing {
  const counting = stillCounting(counts, nowMs)
  const used = sum(counting, 'used')
  const reserved = sum(counting, 'reserved')
  const left = Math.max(0, limit.max - used - reserved)
  return { limit, used, reserved, left, resetAtMs: resetAt(limit, counting, left, nowMs) }
}

/**
 * The limit that keeps a request out, or null: there is some room in each. A request is let in while there is any room
 * at all, so that a limit is passed by no more than what one request has declared. Of several limits the one that will
 * have room last.
 */
export function refusalBy(standings: readonly Standing[]): LimitRefusal | null {
  let worst: LimitRefusal | null = null
  for (const standing of standings) {
    if (standing.left > 0) continue
    const { used, limit } = standing
    // Those under way will have been requests, however they end.
    const refusal = { ...standing, isHeld: limit.kind !== 'requests' && used < limit.max }
    if (worst === null || isLater(refusal, worst)) worst = refusal
  }
  return worst
}

function isLater(one: LimitRefusal, other: LimitRefusal): boolean {
  if (one.isHeld !== other.isHeld) return other.isHeld
  return (one.resetAtMs ?? 0) > (other.resetAtMs ?? 0)
}

/** When time alone gives room back: to a full limit, so much that a request gets in; else the first of it. */
function resetAt(limit: KeyLimit, counting: readonly Count[], left: number, nowMs: number): number | null {
  if (limit.isCalendar) return bucketAt(limit, nowMs).untilMs
  const leaving = counting
    .filter(({ used, reserved }) => used + reserved > 0)
    .toSorted((one, other) => one.untilMs - other.untilMs)
  if (left > 0) return leaving[0]?.untilMs ?? null
  let counted = sum(leaving, 'used') + sum(leaving, 'reserved')
  for (const { untilMs, used, reserved } of leaving) {
    counted -= used + reserved
    if (counted < limit.max) return untilMs
  }
  return null
}

function sum(counts: readonly Count[], part: 'used' | 'reserved'): number {
  return counts.reduce((total, count) => total + count[part], 0)
}

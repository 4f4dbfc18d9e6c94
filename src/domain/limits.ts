import { dayMs, hourMs, minuteMs } from './quota.ts'

/** What a limit counts. Tokens as the upstream reports them; cost at API list prices. */
export const limitKinds = ['requests', 'input_tokens', 'output_tokens', 'total_tokens', 'cost_micro_usd'] as const
export type LimitKind = (typeof limitKinds)[number]

export const limitPeriods = ['minute', 'five_hours', 'day', 'week', 'month'] as const
export type LimitPeriod = (typeof limitPeriods)[number]

/**
 * How much a key may use of one thing in one window. Calendar windows begin at UTC bounds: the minute; 0, 5, 10, 15 and
 * 20 o'clock (the last one is an hour shorter); midnight; Monday; the first of the month. Rolling windows look back from
 * each moment; their month has 30 days.
 */
export type KeyLimit = {
  /** Stays the same while the limit is changed, so that its counts do. */
  id: string
  kind: LimitKind
  period: LimitPeriod
  isCalendar: boolean
  max: number
  /** Only requests for this model count; null: all. */
  model: string | null
}

/** A piece of time whose requests are counted together, and the moment from which they do not count any more. */
export type Bucket = { startMs: number; untilMs: number }

const lengthsMs: Record<LimitPeriod, number> = {
  minute: minuteMs,
  five_hours: 5 * hourMs,
  day: dayMs,
  week: 7 * dayMs,
  month: 30 * dayMs,
}

/** A rolling window is counted in so many pieces, and each leaves it whole, after its last moment has. */
const pieces = 60

/**
 * Where a request of this moment is counted. A calendar window is one piece; a rolling one has sixty, so that a request
 * counts for as long as the window is, and at most a sixtieth longer.
 */
export function bucketAt({ period, isCalendar }: Pick<KeyLimit, 'period' | 'isCalendar'>, atMs: number): Bucket {
  if (isCalendar) return calendarWindow(period, atMs)
  const lengthMs = lengthsMs[period]
  const widthMs = lengthMs / pieces
  const startMs = Math.floor(atMs / widthMs) * widthMs
  return { startMs, untilMs: startMs + widthMs + lengthMs }
}

/** The oldest moment whose requests may still count now. */
export function windowStart(limit: Pick<KeyLimit, 'period' | 'isCalendar'>, nowMs: number): number {
  if (limit.isCalendar) return calendarWindow(limit.period, nowMs).startMs
  const lengthMs = lengthsMs[limit.period]
  return bucketAt(limit, nowMs).startMs - lengthMs
}

/** The window up to now in stretches of which each lies in one piece, and none is longer than a day. */
export function stretchesOf(limit: Pick<KeyLimit, 'period' | 'isCalendar'>, nowMs: number) {
  const stretches: { bucket: Bucket; sinceMs: number; untilMs: number }[] = []
  for (let sinceMs = windowStart(limit, nowMs); sinceMs <= nowMs; ) {
    const bucket = bucketAt(limit, sinceMs)
    const dayEndMs = (Math.floor(sinceMs / dayMs) + 1) * dayMs
    const endMs = limit.isCalendar ? bucket.untilMs : bucket.untilMs - lengthsMs[limit.period]
    const untilMs = Math.min(dayEndMs, endMs)
    stretches.push({ bucket, sinceMs, untilMs })
    sinceMs = untilMs
  }
  return stretches
}

/** Changes when what was counted so far says nothing of the limit any more. */
export function shapeOf({ kind, period, isCalendar, model }: KeyLimit): string {
  return [kind, period, isCalendar ? 'calendar' : 'rolling', ...(model === null ? [] : [model])].join(' ')
}

/** The first Monday after the epoch, which was a Thursday. */
const mondayMs = 4 * dayMs

function calendarWindow(period: LimitPeriod, atMs: number): Bucket {
  const dayStartMs = Math.floor(atMs / dayMs) * dayMs
  switch (period) {
    case 'five_hours': {
      const startMs = dayStartMs + Math.floor((atMs - dayStartMs) / lengthsMs.five_hours) * lengthsMs.five_hours
      return { startMs, untilMs: Math.min(startMs + lengthsMs.five_hours, dayStartMs + dayMs) }
    }
    case 'month': {
      const date = new Date(atMs)
      const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
      return { startMs: Date.UTC(year, month), untilMs: Date.UTC(year, month + 1) }
    }
    default: {
      const lengthMs = lengthsMs[period]
      const originMs = period === 'week' ? mondayMs : 0
      const startMs = originMs + Math.floor((atMs - originMs) / lengthMs) * lengthMs
      return { startMs, untilMs: startMs + lengthMs }
    }
  }
}

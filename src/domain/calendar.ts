import { dayMs, hourMs, minuteMs } from './quota.ts'
import { quarterMs } from './request-sums.ts'

/** Days and hours as the people of a place count them. */
export type Calendar = {
  /** When the hours or days of a time begin, oldest first, its own beginning first; each lasts until the next. */
  beginnings(sinceMs: number, untilMs: number, bucket: Bucket): number[]
  /** When a date, `YYYY-MM-DD`, begins. */
  startOfDate(date: string): number
  /** The date of a moment. */
  dateOf(atMs: number): string
}
export type Bucket = 'hour' | 'day'

/** No place has been further from UTC. */
const maxOffsetMs = 16 * hourMs

/** Null: there is no such time zone. */
export function createCalendar(timeZone: string): Calendar | null {
  const format = formatOf(timeZone)
  if (format === null) return null
  /** Local time as if it were UTC, less UTC. */
  const offsetAt = (atMs: number) => {
    const parts = format.formatToParts(atMs)
    const part = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((one) => one.type === type)?.value)
    const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'))
    return local - Math.floor(atMs / minuteMs) * minuteMs
  }
  const dayNumber = (atMs: number) => Math.floor((atMs + offsetAt(atMs)) / dayMs)
  /** Where clocks have jumped over midnight a day begins later; the first moment of its date is what counts. */
  const startOfDay = (day: number) => {
    let [early, late] = [day * dayMs - maxOffsetMs, day * dayMs + maxOffsetMs]
    const guess = day * dayMs - offsetAt(day * dayMs)
    if (dayNumber(guess) === day && dayNumber(guess - quarterMs) < day) return guess
    while (late - early > quarterMs) {
      const middle = Math.floor((early + late) / 2 / quarterMs) * quarterMs
      if (dayNumber(middle) >= day) late = middle
      else early = middle
    }
    return late
  }
  /** An hour ends where the clock shows another one, and where the clock is put forward or back. */
  const endOfHour = (atMs: number) => {
    const hourAt = (ms: number, offset: number) => Math.floor((ms + offset) / hourMs)
    const offset = offsetAt(atMs)
    for (let end = Math.floor(atMs / quarterMs) * quarterMs + quarterMs; ; end += quarterMs) {
      const next = offsetAt(end)
      if (next !== offset || hourAt(end, next) !== hourAt(atMs, offset)) return end
    }
  }
  return {
    beginnings(sinceMs, untilMs, bucket) {
      const begins: number[] = []
      let atMs = sinceMs
      while (atMs < untilMs) {
        begins.push(atMs)
        if (bucket === 'hour') {
          atMs = endOfHour(atMs)
          continue
        }
        // A date that a place has left out has no beginning of its own.
        const day = dayNumber(atMs)
        let next = startOfDay(day + 1)
        if (next <= atMs) next = startOfDay(day + 2)
        atMs = next
      }
      return begins
    },
    startOfDate: (date) => startOfDay(Math.floor(Date.parse(`${date}T00:00:00Z`) / dayMs)),
    dateOf: (atMs) => new Date(dayNumber(atMs) * dayMs).toISOString().slice(0, 10),
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat | null {
  const fields = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', calendar: 'gregory', ...fields })
  } catch {
    // The one thing that may be wrong here is the zone's name.
    return null
  }
}

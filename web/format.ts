/** Numbers, durations, times and money as people read them. The only place that formats. */

const compactNumber = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const wholeNumber = new Intl.NumberFormat('en')
const figureNumber = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })
const clockTime = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const secondTime = new Intl.DateTimeFormat('en', { timeStyle: 'medium', hourCycle: 'h23' })
const dayTime = new Intl.DateTimeFormat('en', {
  weekday: 'short',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
})
const dayOnly = new Intl.DateTimeFormat('en', { weekday: 'short' })
const monthDay = new Intl.DateTimeFormat('en', { month: 'short', day: 'numeric', timeZone: 'UTC' })
const dateOnly = new Intl.DateTimeFormat('en', { dateStyle: 'medium' })
const fullTime = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'long', hourCycle: 'h23' })

const dayMs = 86_400_000

/** "38.4K" */
export function compact(value: number): string {
  return compactNumber.format(value)
}

/** "1,204" */
export function whole(value: number): string {
  return wholeNumber.format(value)
}

/** "0.0123", "1.24", "1,240": the three digits that matter. */
export function figure(value: number): string {
  return figureNumber.format(value)
}

/** "0.31 %", "12 %": where the small ones matter. */
export function share(value: number): string {
  if (value > 0 && value < 0.01) return '< 0.01 %'
  return `${value >= 10 ? Math.round(value) : figureNumber.format(value)} %`
}

/** Whole percent; what is above 0 never reads 0, what is below 100 never reads 100. */
export function percent(value: number): string {
  const rounded = value > 0 && value < 100 ? Math.min(99, Math.max(1, Math.round(value))) : value
  return `${rounded} %`
}

/** A rate below 10 with one decimal. */
export function rate(value: number): string {
  return value === 0 || value >= 10 ? percent(value) : `${value.toFixed(1)} %`
}

/** "$0.31", "$96"; less than a cent with the figures that matter. */
export function money(usd: number): string {
  if (usd > 0 && usd < 0.01) return `$${Math.max(usd, 0.000_01).toFixed(usd < 0.001 ? 5 : 4)}`
  return `$${usd < 10 ? usd.toFixed(2) : whole(Math.round(usd))}`
}

const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

/** "4 h 12 min", "38 s": at most two units that follow each other. */
export function duration(ms: number): string {
  let rest = Math.max(0, Math.round(ms / 1000))
  const parts: string[] = []
  for (const [unit, seconds] of units) {
    const amount = Math.floor(rest / seconds)
    rest %= seconds
    if (amount > 0) parts.push(`${amount} ${unit}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return parts.length === 0 ? '0 s' : parts.join(' ')
}

/** "640 ms", "1.2 s", "2 min 5 s" */
export function latency(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms)
}

/** "now", "20 s ago", "3 d ago" */
export function age(moment: string, nowMs: number): string {
  const ms = nowMs - Date.parse(moment)
  if (ms < 2_000) return 'now'
  const [largest = '', unit = ''] = duration(ms).split(' ')
  return `${largest} ${unit} ago`
}

/** "12:04:31" today, else with the date. */
export function second(moment: string, nowMs: number): string {
  const isToday = new Date(moment).toDateString() === new Date(nowMs).toDateString()
  return isToday ? secondTime.format(new Date(moment)) : `${dateOnly.format(new Date(moment))}, ${clock(moment)}`
}

/** "14:00" */
export function clock(moment: string | number): string {
  return clockTime.format(new Date(moment))
}

/** A moment to come, or a past one: a clock time within a day, weekday and time within a week, else the date. */
export function when(moment: string, nowMs: number): string {
  const distanceMs = Math.abs(Date.parse(moment) - nowMs)
  if (distanceMs < dayMs) return clock(moment)
  return distanceMs < 7 * dayMs ? dayTime.format(new Date(moment)) : dateOnly.format(new Date(moment))
}

/** What a tooltip says: local time in full, and UTC. */
export function fullMoment(moment: string): string {
  return `${fullTime.format(new Date(moment))} (${moment.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')})`
}

/** "Tue" */
export function dayName(moment: string): string {
  return dayOnly.format(new Date(moment))
}

/** "Nov 3", of a day as YYYY-MM-DD. */
export function day(date: string): string {
  return monthDay.format(new Date(date))
}

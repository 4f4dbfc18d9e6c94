/** Numbers, durations and times as people read them. The only place that formats. */

const compactNumber = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const clockTime = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const fullTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' })

/** "38.4K" */
export function count(value: number): string {
  return compactNumber.format(value)
}

/** Whole percent; what is above 0 never reads 0, what is below 100 never reads 100. */
export function percent(value: number): string {
  const whole = value > 0 && value < 100 ? Math.min(99, Math.max(1, Math.round(value))) : value
  return `${whole} %`
}

const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

/** "4 h 12 min", "38 s": at most two units. */
export function duration(ms: number): string {
  let rest = Math.max(0, Math.round(ms / 1000))
  const parts: string[] = []
  for (const [unit, seconds] of units) {
    const amount = Math.floor(rest / seconds)
    rest %= seconds
    if (amount > 0) parts.push(`${amount} ${unit}`)
    // "2 d 5 s" would be more exact than anybody needs.
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

/** "just now", "20 s ago" */
export function age(moment: string, nowMs: number): string {
  const ms = nowMs - Date.parse(moment)
  return ms < 2_000 ? 'just now' : `${duration(ms)} ago`
}

export function clock(moment: string | number): string {
  return clockTime.format(new Date(moment))
}

export function fullMoment(moment: string): string {
  return fullTime.format(new Date(moment))
}

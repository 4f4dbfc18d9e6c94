/** A time of each day in which nothing is sent; `from` later than `to` spans midnight. `HH:MM` on the clocks of the zone. */
export type QuietHours = { from: string; to: string; timeZone: string }

/** False for a name that is no time zone. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

export function isQuiet({ from, to, timeZone }: QuietHours, nowMs: number): boolean {
  const now = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(nowMs)
  return from <= to ? now >= from && now < to : now >= from || now < to
}

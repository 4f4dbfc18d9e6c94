import { useEffect, useState } from 'react'

/** The time, as it goes on: what is shown as "resets in" and "ago" counts by it. */
export function useNow(everyMs = 1_000): number {
  const [nowMs, setNowMs] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return nowMs
}

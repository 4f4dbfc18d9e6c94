import { LRUCache } from 'lru-cache'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'

/** Limits guesses, per guesser and altogether. A guesser is an address and the kind of secret that it guesses at. */
export type Attempts = {
  /** Counts one guess. @throws AppError `too_many_attempts` with the seconds to wait */
  count(guesser: string, isLocal: boolean): void
  /** A right guess clears its guesser. Who knows one secret gets no more guesses at another. */
  forgive(guesser: string): void
}

type AttemptLimits = {
  perGuesser: number
  /** A guesser with many addresses meets this one. Whoever sits at this machine is not held up by strangers. */
  altogether: number
}

const usual: AttemptLimits = { perGuesser: 8, altogether: 60 }
const windowMs = 60_000

export function createAttempts(clock: Clock, { perGuesser, altogether } = usual): Attempts {
  const guesses = new LRUCache<string, number[]>({ max: 10_000 })
  const recent = (key: string) => (guesses.get(key) ?? []).filter((atMs) => atMs > clock.now() - windowMs)
  const check = (key: string, limit: number) => {
    const times = recent(key)
    const oldest = times[times.length - limit]
    if (oldest === undefined) return
    const retryAfterSeconds = Math.max(1, Math.ceil((oldest + windowMs - clock.now()) / 1000))
    const message = `Too many attempts; try again in ${retryAfterSeconds} s.`
    throw new AppError('too_many_attempts', { message, retryAfterSeconds })
  }
  return {
    count(guesser, isLocal) {
      const everybody = isLocal ? 'here' : 'elsewhere'
      check(guesser, perGuesser)
      check(everybody, altogether)
      for (const key of [guesser, everybody]) guesses.set(key, [...recent(key), clock.now()])
    },
    forgive: (guesser) => void guesses.delete(guesser),
  }
}

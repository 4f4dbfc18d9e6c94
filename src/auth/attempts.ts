import { LRUCache } from 'lru-cache'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'

/** Limits guesses at a secret, per address and altogether. */
export type Attempts = {
  /** Counts one guess. @throws AppError `too_many_attempts` with the seconds to wait */
  count(address: string): void
  /** A right guess clears its address. */
  forgive(address: string): void
}

const perAddress = 8
/** A guesser with many addresses meets this one. */
const altogether = 60
const windowMs = 60_000
const everybody = ''

export function createAttempts(clock: Clock): Attempts {
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
    count(address) {
      check(address, perAddress)
      check(everybody, altogether)
      for (const key of [address, everybody]) guesses.set(key, [...recent(key), clock.now()])
    },
    forgive: (address) => void guesses.delete(address),
  }
}

import { describe, expect, it } from 'vitest'
import { createAttempts } from '../../../src/auth/attempts.ts'
import { AppError } from '../../../src/errors.ts'
import { createManualClock } from '../../support/clock.ts'

function start() {
  const clock = createManualClock()
  const attempts = createAttempts(clock)
  /** Null when the guess may be made, else the seconds to wait. */
  const guess = (guesser: string): number | null => {
    try {
      attempts.count(guesser, false)
      return null
    } catch (error) {
      if (error instanceof AppError && error.code === 'too_many_attempts') return error.details.retryAfterSeconds ?? 0
      throw error
    }
  }
  return { clock, attempts, guess }
}

describe('guesses at a secret', () => {
  it('are eight a minute; the ninth has to wait until the first is a minute old', () => {
    const { clock, guess } = start()
    for (let n = 0; n < 8; n++) {
      expect(guess('a')).toBeNull()
      clock.advance(1_000)
    }
    expect(guess('a')).toBe(52)
    expect(guess('b')).toBeNull()
    clock.advance(51_999)
    expect(guess('a')).toBe(1)
    clock.advance(1)
    expect(guess('a')).toBeNull()
    expect(guess('a')).toBe(1)
  })

  it('that are refused do not make the wait longer', () => {
    const { clock, guess } = start()
    for (let n = 0; n < 100; n++) guess('a')
    clock.advance(60_000)
    expect(guess('a')).toBeNull()
  })

  it('are forgiven after a right one, for this guesser only', () => {
    const { attempts, guess } = start()
    for (let n = 0; n < 8; n++) for (const one of ['a', 'b']) guess(one)
    attempts.forgive('a')
    expect(guess('a')).toBeNull()
    expect(guess('b')).toBe(60)
  })

  it('are sixty a minute from everywhere together, forgiven or not', () => {
    const { clock, attempts, guess } = start()
    for (let n = 0; n < 60; n++) {
      expect(guess(`address ${n}`)).toBeNull()
      attempts.forgive(`address ${n}`)
    }
    expect(guess('one more')).toBe(60)
    clock.advance(60_000)
    expect(guess('one more')).toBeNull()
  })

  it('are counted together even when more addresses guess than are remembered', () => {
    const { clock, guess } = start()
    let allowed = 0
    for (let n = 0; n < 20_000; n++) {
      if (guess(`address ${n}`) === null) allowed++
      if (n % 1_000 === 999) clock.advance(1_000)
    }
    expect(allowed).toBe(60)
  })
})

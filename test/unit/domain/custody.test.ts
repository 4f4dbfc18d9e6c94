import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chanceOf } from '../../../src/balancer/chance.ts'
import { custodyOf, isUsable, restAfter, type TokenFacts } from '../../../src/domain/custody.ts'
import { dayMs, hourMs, minuteMs } from '../../../src/domain/quota.ts'
import { nowMs } from '../../support/accounts.ts'

const facts = (given: Partial<TokenFacts> = {}): TokenFacts => ({
  issuedAtMs: nowMs,
  expiresAtMs: nowMs + 10 * dayMs,
  refreshStartedAtMs: null,
  hasUnsaved: false,
  ...given,
})
/** How long after `nowMs` the tokens are due, which were renewed then. */
const dueAfter = (given: Partial<TokenFacts> = {}, share = 0, refreshedAtMs = nowMs) => {
  const custody = custodyOf(facts(given), refreshedAtMs, share, nowMs)
  if (custody.kind !== 'kept') throw new Error(`They are ${custody.kind}.`)
  return custody.dueAtMs - nowMs
}
const living = (lifeMs: number) => ({ expiresAtMs: nowMs + lifeMs })

describe('tokens are due', () => {
  it.each<[string, number, number]>([
    ['a day before the end of a week', 7 * dayMs, 6 * dayMs],
    ['when a fifth of two days is left', 2 * dayMs, 2 * dayMs * 0.8],
    ['when an hour of three is left', 3 * hourMs, 2 * hourMs],
    ['after half of a very short life', 10 * minuteMs, 5 * minuteMs],
    ['at the end of a life that is none', 0, 0],
  ])('%s', (_when, lifeMs, afterMs) => {
    expect(dueAfter(living(lifeMs))).toBeCloseTo(afterMs, 3)
  })

  it('eight days after the last renewal, however long the access token lives', () => {
    expect(dueAfter(living(10 * dayMs))).toBe(8 * dayMs)
    expect(dueAfter(living(90 * dayMs))).toBe(8 * dayMs)
  })

  it('seven days after the last renewal when the access token names no end', () => {
    expect(dueAfter({ issuedAtMs: null, expiresAtMs: null })).toBe(7 * dayMs)
  })

  it('at once when the last renewal was long ago', () => {
    const issuedAtMs = nowMs - 9 * dayMs
    expect(dueAfter({ issuedAtMs }, 0, issuedAtMs)).toBeLessThan(0)
    expect(dueAfter({ issuedAtMs: null }, 0, issuedAtMs)).toBeLessThan(0)
  })

  it('by the token itself when what is noted beside it is older', () => {
    expect(dueAfter({ issuedAtMs: nowMs }, 0, nowMs - 9 * dayMs)).toBe(8 * dayMs)
  })

  it('as if they were made now when they say that they are of the future', () => {
    expect(dueAfter({ issuedAtMs: nowMs + 9 * dayMs })).toBe(8 * dayMs)
  })

  it('by the last renewal when the access token does not say when it was made', () => {
    expect(dueAfter({ issuedAtMs: null, ...living(2 * dayMs) })).toBeCloseTo(1.6 * dayMs, 3)
  })

  it('at once when renewed ones wait for the store, though a refresh is marked', () => {
    expect(dueAfter({ hasUnsaved: true, refreshStartedAtMs: nowMs - hourMs })).toBe(0)
  })

  it('never later than the lead before the end, nor earlier than one and a half of it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 * dayMs }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (life, share) => {
          const due = dueAfter(living(life), share)
          const latest = dueAfter(living(life), 0)
          expect(due).toBeLessThanOrEqual(latest)
          expect(due).toBeGreaterThanOrEqual(Math.min(life / 4, 7 * dayMs) - 1)
          expect(latest - due).toBeLessThanOrEqual(dayMs + 1)
          // Something is always left to try again in.
          expect(life - latest).toBeGreaterThanOrEqual(Math.min(life / 2, hourMs) - 1)
        },
      ),
    )
  })
})

describe('accounts that were imported together', () => {
  it.each<[string, Partial<TokenFacts>]>([
    ['with ten days each', {}],
    ['with a week each', living(7 * dayMs)],
    ['without a named end', { issuedAtMs: null, expiresAtMs: null }],
  ])('are due at moments of their own, %s', (_which, given) => {
    const hours = new Map<number, number>()
    for (let i = 0; i < 200; i++) {
      const dueMs = dueAfter(given, chanceOf('custody', `acc_${i}`))
      const hour = Math.floor(dueMs / hourMs)
      hours.set(hour, (hours.get(hour) ?? 0) + 1)
    }
    expect(hours.size).toBeGreaterThanOrEqual(11)
    expect(Math.max(...hours.values())).toBeLessThan(40)
  })
})

describe('a refresh that was marked', () => {
  it('is under way for half a minute, and interrupted after that, even if the access token is over', () => {
    const marked = (agoMs: number, given: Partial<TokenFacts> = {}) =>
      custodyOf(facts({ refreshStartedAtMs: nowMs - agoMs, ...given }), nowMs - 20 * dayMs, 0.5, nowMs).kind
    expect(marked(0)).toBe('under_way')
    expect(marked(29_999)).toBe('under_way')
    expect(marked(30_000)).toBe('interrupted')
    expect(marked(30_000, { expiresAtMs: nowMs - dayMs })).toBe('interrupted')
  })
})

describe('an access token', () => {
  it.each<[string, number | null, boolean]>([
    ['that names no end may be sent', null, true],
    ['that ends in a minute may be sent', nowMs + minuteMs, true],
    ['that ends in half a minute may not', nowMs + 30_000, false],
    ['that is over may not', nowMs - 1, false],
  ])('%s', (_which, expiresAtMs, isGood) => {
    expect(isUsable({ expiresAtMs }, nowMs)).toBe(isGood)
  })
})

it('what fails rests five minutes, then twice as long each time, at most an hour', () => {
  expect([1, 2, 3, 4, 5, 50].map((failures) => restAfter(failures) / minuteMs)).toEqual([5, 10, 20, 40, 60, 60])
})

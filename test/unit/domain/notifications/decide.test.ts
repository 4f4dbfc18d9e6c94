import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { About } from '../../../../src/domain/notifications/about.ts'
import { decide, type Observation, type SubjectStates } from '../../../../src/domain/notifications/decide.ts'

const about: About = { kind: 'new_version', version: '2', running: '1' }
const gapMs = 1_000

type Step = { afterMs: number; seen: [string, Observation['phase']][] | null; mayTell: boolean; restart: boolean }

const phase = fc.constantFrom('on', 'between', 'off')
const step = fc.record({
  afterMs: fc.integer({ min: 0, max: 700 }),
  seen: fc.option(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), phase), { maxLength: 4 }), { freq: 6 }),
  mayTell: fc.boolean(),
  restart: fc.boolean(),
}) as fc.Arbitrary<Step>
const steps = fc.array(step, { maxLength: 40 })

/** What is told over the steps. A restart is all that was kept, written down and read again. */
function run(all: readonly Step[], tellEnd = true, restarts = true) {
  let states: SubjectStates = {}
  let nowMs = 1_000_000
  const told: { event: string; subject: string; atMs: number; step: Step }[] = []
  for (const one of all) {
    nowMs += one.afterMs
    if (one.restart && restarts) states = JSON.parse(JSON.stringify(states))
    const observations = one.seen?.map(([subject, phase]) => ({ subject, phase, about })) ?? null
    const result = decide({ observations, states, gapMs, tellEnd, mayTell: one.mayTell, nowMs })
    for (const { event, subject } of result.news) told.push({ event, subject, atMs: nowMs, step: one })
    states = result.states
  }
  return { told, states, nowMs }
}
const of = (told: ReturnType<typeof run>['told'], subject: string) => told.filter((one) => one.subject === subject)

describe('whatever happens', () => {
  it('a beginning is told only while it is on, an end only while it is off, and neither while nothing may be told', () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (all, tellEnd) => {
        for (const { event, subject, step } of run(all, tellEnd).told) {
          const seen = step.seen?.find(([name]) => name === subject)?.[1]
          expect(step.mayTell).toBe(true)
          expect(seen).not.toBeUndefined()
          expect(seen).not.toBe(event === 'begin' ? 'off' : 'on')
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('no beginning is told twice within the gap, and no end without its beginning', () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (all, tellEnd) => {
        for (const subject of ['a', 'b', 'c']) {
          const told = of(run(all, tellEnd).told, subject)
          const begins = told.filter(({ event }) => event === 'begin')
          for (const [at, one] of begins.entries()) {
            if (at > 0) expect(one.atMs - (begins[at - 1]?.atMs ?? 0)).toBeGreaterThanOrEqual(gapMs)
          }
          for (const [at, { event }] of told.entries()) if (event === 'end') expect(told[at - 1]?.event).toBe('begin')
          if (!tellEnd) expect(told.every(({ event }) => event === 'begin')).toBe(true)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('a restart at any moment changes nothing', () => {
    fc.assert(
      fc.property(steps, (all) => {
        expect(run(all)).toEqual(run(all, true, false))
      }),
    )
  })

  it('what stays as it is long enough is what was told last', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom('on', 'off'), (some, end) => {
        // The end of what is gone is not told: here it is always there.
        const all = some.map((one): Step => ({ ...one, seen: one.seen && [...one.seen, ['a', 'between']] }))
        const last: Step[] = [0, gapMs, gapMs].map((afterMs) => ({
          ...{ afterMs, mayTell: true, restart: true },
          seen: [['a', end as 'on' | 'off']],
        }))
        const told = of(run([...all, ...last]).told, 'a')
        expect(told.at(-1)?.event ?? 'end').toBe(end === 'on' ? 'begin' : 'end')
        // And from then on nothing more.
        expect(of(run([...all, ...last, ...last, ...last]).told, 'a')).toHaveLength(told.length)
      }),
      { numRuns: 1_000 },
    )
  })

  it('nothing is remembered that is off, told to its end, and longer ago than the gap', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const calm: Step = { afterMs: gapMs, mayTell: true, restart: false, seen: [] }
        expect(run([...all, calm]).states).toEqual({})
      }),
    )
  })
})

describe('a rule', () => {
  const tick = (phases: Step['seen'], mayTell = true, afterMs = 100): Step => ({
    ...{ afterMs, mayTell, restart: true },
    seen: phases,
  })
  const events = (...all: Step[]) => run(all).told.map(({ event, subject }) => `${event} ${subject}`)

  it('tells when it begins and when it ends', () => {
    expect(events(tick([['a', 'off']]), tick([['a', 'on']]), tick([['a', 'on']]), tick([['a', 'off']]))).toEqual([
      'begin a',
      'end a',
    ])
  })

  it('tells what is on already when it is made', () => {
    expect(events(tick([['a', 'on']]))).toEqual(['begin a'])
  })

  it('tells once of a figure that wavers around its bound', () => {
    expect(
      events(tick([['a', 'on']]), tick([['a', 'between']]), tick([['a', 'on']]), tick([['a', 'between']])),
    ).toEqual(['begin a'])
  })

  it('holds back in quiet hours what still holds after them, and drops what does not', () => {
    expect(events(tick([['a', 'on']], false), tick([['a', 'on']]))).toEqual(['begin a'])
    expect(events(tick([['a', 'on']], false), tick([['a', 'off']], false), tick([['a', 'off']]))).toEqual([])
    expect(events(tick([['a', 'on']]), tick([['a', 'off']], false), tick([['a', 'off']]))).toEqual(['begin a', 'end a'])
  })

  it('forgets without a word what is gone', () => {
    expect(events(tick([['a', 'on']]), tick([]), tick([], true, gapMs))).toEqual(['begin a'])
  })

  it('keeps still while it does not know', () => {
    expect(events(tick([['a', 'on']]), tick(null), tick([['a', 'on']]))).toEqual(['begin a'])
  })

  it('is not silenced by a clock that was put back', () => {
    const at = (nowMs: number, states: SubjectStates, phase: Observation['phase']) =>
      decide({ observations: [{ subject: 'a', phase, about }], states, gapMs, tellEnd: true, mayTell: true, nowMs })
    const told = at(9e12, {}, 'on')
    const ended = at(1_000, told.states, 'off')
    expect(at(1_001, ended.states, 'on').news).toMatchObject([{ event: 'begin' }])
  })
})

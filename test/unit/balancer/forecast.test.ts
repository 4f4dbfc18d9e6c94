import { describe, expect, it } from 'vitest'
import { historyOf } from '../../../src/balancer/forecast/history.ts'
import type { Range } from '../../../src/balancer/forecast/range.ts'
import { forecastWindow, type OpenWindow, usedLater } from '../../../src/balancer/forecast/window.ts'
import { accuracyOf, type ForecastAccount, forecastAccounts, forecastPool } from '../../../src/balancer/forecast.ts'
import { dayMs, hourMs, minuteMs, type WindowKind } from '../../../src/domain/quota.ts'
import { nowMs, seededRandom } from '../../support/accounts.ts'
import { type Demand, demands, pastOf } from '../../support/usage-past.ts'

const lengthMs: Record<WindowKind, number> = { short: 5 * hourMs, weekly: 7 * dayMs, monthly: 30 * dayMs }
const inHours = (hours: number) => nowMs + hours * hourMs

/** A history of so many hours before now. */
function history(demand: Demand, hours: number) {
  const burns = Array.from({ length: hours }, (_, n) => {
    const atMs = nowMs - (hours - n) * hourMs
    return { atMs, burnedPercent: demand((atMs / hourMs) % 24) }
  })
  return historyOf(burns, { createdAtMs: 0, untilMs: nowMs })
}

function weekly(usedPercent: number, resetInHours: number | null = 100): OpenWindow {
  return { usedPercent, lengthMs: lengthMs.weekly, resetAtMs: resetInHours === null ? null : inHours(resetInHours) }
}

const seeds = [1, 2, 3, 4, 5, 6, 7, 8]
const forecast = (window: OpenWindow, demand: Demand, hours = 28 * 24, atMs = nowMs) =>
  forecastWindow(window, history(demand, hours), { paths: 200, seed: 7, nowMs: atMs })

describe('the forecast of a window', () => {
  it('of a constant pace is exact', () => {
    const seen = forecast(weekly(40), () => 2)
    expect(seen?.runsOutAtMs).toEqual({ p10: inHours(30), p50: inHours(30), p90: inHours(30) })
    expect(seen?.runsOutProbability).toBe(1)
  })

  it('goes by this moment, not by the full hour', () => {
    const seen = forecast(weekly(40), () => 2, 28 * 24, nowMs + 30 * minuteMs)
    expect(seen?.runsOutAtMs.p50).toBe(inHours(30.5))
  })

  it('lasts where the reset comes first, and says how much is used by then', () => {
    const seen = forecast(weekly(40, 20), () => 2)
    expect(seen?.runsOutAtMs).toEqual({ p10: null, p50: null, p90: null })
    expect(seen?.runsOutProbability).toBe(0)
    expect(seen?.endsAtPercent.p50).toBeCloseTo(80, 9)
  })

  it('of an idle account never runs out, however much is used', () => {
    for (const hours of [1, 5, 12, 100, 28 * 24]) {
      const seen = forecast(weekly(99.9), () => 0, hours)
      expect(seen).toMatchObject({ runsOutProbability: 0, runsOutAtMs: { p10: null, p90: null } })
      expect(seen?.endsAtPercent).toEqual({ p10: 99.9, p50: 99.9, p90: 99.9 })
    }
  })

  it('of a full window is now', () => {
    expect(forecast(weekly(100), () => 0)?.runsOutAtMs).toEqual({ p10: nowMs, p50: nowMs, p90: nowMs })
  })

  it('is none without any history', () => {
    expect(forecast(weekly(50), () => 3, 0)).toBeNull()
  })

  it('knows that nights are quiet', () => {
    // It is noon. Eight hours of daylight use up forty points, the night nothing, the rest follows tomorrow.
    const seen = forecast(weekly(50), (hour) => (hour >= 8 && hour < 20 ? 5 : 0))
    expect(seen?.runsOutAtMs.p50).toBe(inHours(22))
    const allUp = forecast(weekly(59.9), (hour) => (hour >= 8 && hour < 20 ? 5 : 0))
    expect(allUp?.runsOutAtMs.p90).toBeLessThanOrEqual(inHours(21.1))
    expect(allUp?.runsOutAtMs.p50).toBeGreaterThanOrEqual(inHours(8))
  })

  it('is wide with a few hours of history, narrower with days, and narrow with weeks', () => {
    const widths = [3, 24, 4 * 24, 28 * 24].map((hours) => {
      const seen = forecast(weekly(0, 12), demands.noisy(3), hours)
      return (seen?.endsAtPercent.p90 ?? 0) - (seen?.endsAtPercent.p10 ?? 0)
    })
    expect(widths).toEqual(widths.toSorted((a, b) => b - a))
    expect(widths[0]).toBeGreaterThan(2 * (widths[3] ?? 0))
  })

  it.each(seeds)('is ordered, not before now, the same again, and comes sooner the more is used (seed %i)', (seed) => {
    const { below, next, pick } = seededRandom(seed)
    const demand = pick(Object.values(demands))(seed)
    const past = history(demand, 1 + below(30 * 24))
    const atMs = nowMs + below(hourMs)
    const reset = next() < 0.2 ? null : inHours(1.5 + below(160))
    let before = Number.NEGATIVE_INFINITY
    let soonest = Number.POSITIVE_INFINITY
    for (const usedPercent of [0, 10, 35, 60, 85, 99, 100]) {
      const window = { usedPercent, lengthMs: lengthMs.weekly, resetAtMs: reset }
      const options = { paths: 200, seed, nowMs: atMs }
      const seen = forecastWindow(window, past, options)
      expect(forecastWindow(window, past, options)).toEqual(seen)
      if (seen === null) throw new Error('There is a history.')
      const { runsOutProbability: chance, runsOutAtMs, endsAtPercent } = seen
      const times = [runsOutAtMs.p10, runsOutAtMs.p50, runsOutAtMs.p90].map((time) => time ?? Number.POSITIVE_INFINITY)
      const ends = [endsAtPercent.p10, endsAtPercent.p50, endsAtPercent.p90]
      expect(times).toEqual(times.toSorted((a, b) => a - b))
      expect(ends).toEqual(ends.toSorted((a, b) => a - b))
      expect([...times, ...ends, chance].some(Number.isNaN)).toBe(false)
      expect(Math.min(...times)).toBeGreaterThanOrEqual(atMs)
      for (const time of times)
        if (Number.isFinite(time)) expect(time).toBeLessThanOrEqual((reset ?? atMs + lengthMs.weekly) + 1)
      expect(Math.min(...ends)).toBeGreaterThanOrEqual(usedPercent)
      expect(Math.max(...ends)).toBeLessThanOrEqual(100)
      expect(chance).toBeGreaterThanOrEqual(before)
      expect(times[1]).toBeLessThanOrEqual(soonest)
      before = chance
      soonest = times[1] ?? 0
    }
  })
})

describe('the range of a forecast', () => {
  const horizons = [5, 24, 96]
  const runs = 250

  /** How many of the true sums lie within the range, and how many above its middle, both in percent. */
  function coverage(demandOf: (seed: number) => Demand, days: number, horizon: number) {
    let within = 0
    let above = 0
    for (let seed = 1; seed <= runs; seed++) {
      const demand = demandOf(seed * 7919 + days)
      // A hundredth, so that the window is never full and the whole sum shows.
      const past = history((hour) => demand(hour) / 100, days * 24)
      const window = { usedPercent: 0, lengthMs: lengthMs.monthly, resetAtMs: null }
      const range = usedLater(window, past, seed, horizon) as Range
      let truth = 0
      for (let hour = 0; hour < horizon; hour++) truth += demand((nowMs / hourMs + hour) % 24) / 100
      if (truth >= range.p10 - 1e-9 && truth <= range.p90 + 1e-9) within++
      if (truth > range.p50) above++
    }
    return { withinPercent: (100 * within) / runs, abovePercent: (100 * above) / runs }
  }

  it.each([
    ['noisy', demands.noisy],
    ['by day and night', demands.dayAndNight],
    ['bursty', demands.bursty],
    ['bursty by day', demands.burstyByDay],
  ] as const)('holds four of five futures of what is %s, and its middle is in the middle', (_name, demandOf) => {
    for (const days of [28, 12]) {
      for (const horizon of horizons) {
        const { withinPercent, abovePercent } = coverage(demandOf, days, horizon)
        const where = `${days} days, ${horizon} hours`
        expect(withinPercent, where).toBeGreaterThanOrEqual(70)
        expect(withinPercent, where).toBeLessThanOrEqual(90)
        expect(abovePercent, where).toBeGreaterThanOrEqual(38)
        expect(abovePercent, where).toBeLessThanOrEqual(62)
      }
    }
  })

  it.each([
    ['by day and night', demands.dayAndNight],
    ['bursty', demands.bursty],
    ['bursty by day', demands.burstyByDay],
  ] as const)('holds four of five of the times at which a window runs out, of what is %s', (_name, demandOf) => {
    let within = 0
    let later = 0
    for (let seed = 1; seed <= runs; seed++) {
      const demand = demandOf(seed * 104_729)
      const past = history(demand, 28 * 24)
      const window = { usedPercent: 5 + (seed % 90), lengthMs: lengthMs.weekly, resetAtMs: inHours(48) }
      const seen = forecastWindow(window, past, { paths: 200, seed, nowMs })
      let left = 100 - window.usedPercent
      let truth = Number.POSITIVE_INFINITY
      for (let hour = 0; hour < 48 && truth === Number.POSITIVE_INFINITY; hour++) {
        const burned = demand((nowMs / hourMs + hour) % 24)
        if (burned >= left) truth = inHours(hour + left / burned)
        left -= burned
      }
      const [p10, p50, p90] = (['p10', 'p50', 'p90'] as const).map(
        (at) => seen?.runsOutAtMs[at] ?? Number.POSITIVE_INFINITY,
      )
      if (truth >= (p10 ?? 0) - 1 && truth <= (p90 ?? 0) + 1) within++
      if (truth > (p50 ?? 0) + 1) later++
    }
    expect((100 * within) / runs).toBeGreaterThanOrEqual(70)
    expect((100 * within) / runs).toBeLessThanOrEqual(90)
    expect((100 * later) / runs).toBeGreaterThanOrEqual(36)
    expect((100 * later) / runs).toBeLessThanOrEqual(62)
  })
})

/** An account whose windows were used as wanted, and stand where that has led. */
function account(
  id: string,
  demand: (seed: number) => Demand,
  given: Partial<ForecastAccount> & { seed?: number; hours?: number } = {},
): ForecastAccount {
  const { seed = 1, hours = 28 * 24, ...rest } = given
  const past = (kind: WindowKind, share: number) =>
    pastOf(demand(seed), { kind, hours, untilMs: nowMs, share, accountId: id })
  const rows = { short: past('short', 1), weekly: past('weekly', 0.1) }
  const windows = (['short', 'weekly'] as const).map((kind) => {
    const last = rows[kind].at(-1)
    const isOver = last?.resetAtMs != null && last.resetAtMs <= nowMs
    return {
      kind,
      lengthMs: lengthMs[kind],
      usedPercent: isOver ? 0 : (last?.lastPercent ?? 0),
      resetAtMs: isOver ? null : (last?.resetAtMs ?? null),
    }
  })
  return { id, plan: 'plus', createdAtMs: 0, serves: true, windows, rows, ...rest }
}

const full = (kind: WindowKind, resetInHours: number | null) => ({
  ...{ kind, lengthMs: lengthMs[kind], usedPercent: 100 },
  resetAtMs: resetInHours === null ? null : inHours(resetInHours),
})
const used = (kind: WindowKind, usedPercent: number, resetInHours: number) => ({
  ...{ kind, lengthMs: lengthMs[kind], usedPercent, resetAtMs: inHours(resetInHours) },
})

const poolOf = (accounts: ForecastAccount[]) => forecastPool(accounts, {}, nowMs)

describe('the forecast of an account', () => {
  const [only] = forecastAccounts([account('a', demands.constant)], nowMs)

  it('tells how fast each window is used up', () => {
    const [short, long] = only?.windows ?? []
    expect(short?.pace.perHour).toBeCloseTo(3, 9)
    expect(short?.pace.latestPerHour).toBeCloseTo(3, 9)
    expect(long?.pace.perHour).toBeCloseTo(0.3, 9)
    expect([short?.basis, short?.unknown]).toEqual(['daily_pattern', null])
  })

  it.each([
    [0, 'none'],
    [3, 'little'],
    [6, 'recent'],
    [167, 'recent'],
    [168, 'daily_pattern'],
  ])('with %i hours of history rests on it as %s', (hours, basis) => {
    const windows = [used('short', 10, 2)]
    const [seen] = forecastAccounts([account('a', demands.constant, { hours, windows })], nowMs)
    expect(seen?.windows[0]).toMatchObject({ basis, unknown: hours === 0 ? 'no_history' : null })
  })

  it('is none when the account does not serve, but its figures stay', () => {
    const [seen] = forecastAccounts([account('a', demands.constant, { serves: false })], nowMs)
    expect(seen?.windows.map(({ unknown, forecast }) => [unknown, forecast])).toEqual([
      ['not_serving', null],
      ['not_serving', null],
    ])
    expect(seen?.windows[0]?.pace.perHour).toBeCloseTo(3, 9)
  })

  it('does not take hours for idle in which another window was full', () => {
    const rows = account('a', demands.constant).rows
    const isOut = (atMs: number) => atMs >= nowMs - 30 * hourMs && atMs < nowMs - 10 * hourMs
    const short = (rows.short ?? []).map((row) => (isOut(row.atMs) ? { ...row, burnedPercent: 0 } : row))
    const long = (rows.weekly ?? []).map((row) => (isOut(row.atMs) ? { ...row, minPercent: 100 } : row))
    const pace = (weekly: typeof long) =>
      forecastAccounts([account('a', demands.constant, { rows: { short, weekly } })], nowMs)[0]?.windows[0]?.pace
    expect(pace(long)?.perHour).toBeCloseTo(3, 9)
    expect(pace(rows.weekly as typeof long)?.perHour).toBeLessThan(2.9)
  })

  it('counts hours without figures as idle, and spreads what shows only after them', () => {
    const short = [
      { atMs: nowMs - 40 * hourMs, burnedPercent: 4 },
      { atMs: nowMs - 30 * hourMs, burnedPercent: 20 },
      { atMs: nowMs - 2 * hourMs, burnedPercent: 6 },
    ]
    const { hours, cumulative } = historyOf(short, { createdAtMs: 0, untilMs: nowMs })
    expect(hours).toBe(40)
    const perHour = Array.from({ length: hours }, (_, n) => (cumulative[n + 1] ?? 0) - (cumulative[n] ?? 0))
    expect(perHour.map((value) => Math.round(value * 1e6) / 1e6)).toEqual([
      4,
      ...Array(10).fill(2),
      ...Array(27).fill(0),
      6,
      0,
    ])
  })

  it('leaves out what was before the account', () => {
    const rows = pastOf(() => 1, { kind: 'short', hours: 100, untilMs: nowMs })
    expect(historyOf(rows, { createdAtMs: nowMs - 9.5 * hourMs, untilMs: nowMs }).hours).toBe(9)
  })
})

describe('the forecast of the pool', () => {
  const quiet = (id: string, given: Partial<ForecastAccount> = {}) => account(id, demands.constant, given)

  it('of accounts with room for all that is wanted never runs out', () => {
    const { forecast, unknown } = poolOf([quiet('a'), quiet('b'), quiet('c')])
    expect([unknown, forecast?.runsOutProbability, forecast?.returnsAtMs]).toEqual([null, 0, null])
    expect(forecast?.runsOutAtMs).toEqual({ p10: null, p50: null, p90: null })
  })

  it('ends when the last account is out, which takes what the others did', () => {
    // Two accounts each do 3 % of a short window per hour. Alone with 30 % left, one can go on for five hours.
    const a = quiet('a', { windows: [used('short', 70, 9), used('weekly', 0, 100)] })
    const b = quiet('b', { windows: [full('weekly', 50)] })
    const { forecast } = poolOf([a, b])
    expect(forecast?.runsOutAtMs.p50).toBeCloseTo(inHours(5), -4)
    expect(forecast?.runsOutProbability).toBe(1)
    expect(forecast?.returnsAtMs).toBe(inHours(9))
  })

  it('goes on where a reset comes in time', () => {
    const a = quiet('a', { windows: [used('short', 70, 4), used('weekly', 0, 300)] })
    const b = quiet('b', { windows: [full('weekly', 400)] })
    // The short window is full again every five hours; the long one alone ends it, after a week.
    expect(poolOf([a, b]).forecast?.runsOutAtMs.p10).toBeGreaterThan(inHours(160))
  })

  it('that is out says so, and when the first account is back in all its windows', () => {
    const a = quiet('a', { windows: [full('short', 1), full('weekly', 30)] })
    const b = quiet('b', { windows: [full('short', 4), used('weekly', 50, 90)] })
    for (const accounts of [[a, b], [a, b].map((one) => ({ ...one, rows: {} }))]) {
      const { forecast, unknown } = poolOf(accounts)
      expect(unknown).toBeNull()
      expect(forecast).toMatchObject({ runsOutAtMs: { p10: nowMs, p50: nowMs, p90: nowMs }, runsOutProbability: 1 })
      expect(forecast?.returnsAtMs).toBe(inHours(4))
    }
  })

  it('does not know when capacity returns where no reset is known', () => {
    expect(poolOf([quiet('a', { windows: [full('weekly', null)] })]).forecast?.returnsAtMs).toBeNull()
  })

  it('counts on accounts that serve only, and on what the others did as wanted', () => {
    const taken = quiet('b', { serves: false })
    const both = poolOf([quiet('a', { windows: [used('short', 70, 9), used('weekly', 0, 100)] }), taken])
    expect(both.accounts).toBe(1)
    expect(both.forecast?.runsOutAtMs.p50).toBeCloseTo(inHours(5), -4)
    expect(both.pace.perHour).toBeCloseTo(2 * 0.03 * 225, 6)
  })

  it.each<[string, ForecastAccount[]]>([
    ['no_account', []],
    ['no_account', [quiet('a', { serves: false })]],
    ['no_figures', [quiet('a', { windows: [] })]],
    ['no_history', [quiet('a', { rows: {} })]],
  ])('is none for a reason: %s', (reason, accounts) => {
    expect(poolOf(accounts)).toMatchObject({ unknown: reason, forecast: null })
  })

  it('learns how much of the long window the work takes', () => {
    // A tenth of the percent points: a short window is a tenth of a long one, where the nominal sizes say a thirtieth.
    const a = quiet('a', { windows: [used('short', 0, 5), used('weekly', 90, 160)] })
    const { forecast } = poolOf([a])
    expect(forecast?.runsOutAtMs.p50).toBeGreaterThan(inHours(32))
    expect(forecast?.runsOutAtMs.p50).toBeLessThan(inHours(36))
  })

  it('wants as much as before also of hours in which nobody could serve', () => {
    const a = quiet('a')
    const starve = (row: { atMs: number }) => row.atMs >= nowMs - 12 * hourMs
    const rows = {
      short: a.rows.short?.map((row) => (starve(row) ? { ...row, burnedPercent: 0 } : row)) ?? [],
      weekly: a.rows.weekly?.map((row) => (starve(row) ? { ...row, burnedPercent: 0, minPercent: 100 } : row)) ?? [],
    }
    expect(poolOf([{ ...a, rows }]).pace.perHour).toBeCloseTo(0.03 * 225, 6)
  })

  it('has a point per hour for two days, then every six hours, the first of them now', () => {
    const { forecast } = poolOf([quiet('a')])
    const hours = forecast?.series.map(({ atMs }) => (atMs - nowMs) / hourMs) ?? []
    expect([hours[0], hours[48], hours[49], hours.at(-1), hours.length]).toEqual([0, 48, 54, 336, 97])
    const [first] = forecast?.series ?? []
    expect(first?.long?.p10).toBe(first?.long?.p90)
  })

  it.each(seeds)('is ordered and within bounds, whatever the accounts (seed %i)', (seed) => {
    const { below, next, pick } = seededRandom(seed)
    const accounts = Array.from({ length: 1 + below(8) }, (_, n) => {
      const plan = pick(['plus', 'pro', 'free', 'unheard_of'])
      const window = (kind: WindowKind) => ({
        ...{ kind, lengthMs: lengthMs[kind], usedPercent: next() < 0.2 ? 100 : next() * 100 },
        resetAtMs: next() < 0.2 ? null : inHours(next() * 100),
      })
      const windows = [next() < 0.7 ? [window('short')] : [], [window(pick(['weekly', 'monthly']))]].flat()
      const hours = below(700)
      return account(`a${n}`, pick(Object.values(demands)), {
        plan,
        windows,
        hours,
        seed: seed + n,
        serves: next() < 0.8,
      })
    })
    const pool = forecastPool(accounts, {}, nowMs + below(hourMs))
    expect(poolOf(accounts)).toEqual(poolOf(accounts))
    for (const point of pool.forecast?.series ?? []) {
      for (const range of [point.short, point.long]) {
        if (range === null) continue
        expect(range.p10).toBeGreaterThanOrEqual(0)
        expect(range.p50).toBeGreaterThanOrEqual(range.p10)
        expect(range.p90).toBeGreaterThanOrEqual(range.p50)
        expect(range.p90).toBeLessThanOrEqual(100)
      }
    }
    const { p10, p50, p90 } = pool.forecast?.runsOutAtMs ?? { p10: null, p50: null, p90: null }
    const times = [p10, p50, p90].map((time) => time ?? Number.POSITIVE_INFINITY)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times[0]).toBeGreaterThanOrEqual(nowMs)
  })
})

describe('the record of past forecasts', () => {
  const many = (demand: (seed: number) => Demand, hours = 28 * 24) =>
    Array.from({ length: 12 }, (_, n) => account(`a${n}`, demand, { seed: n + 1, hours }))

  it('of a constant pace is without fault', () => {
    const { short, long } = accuracyOf([account('a', demands.constant)], nowMs)
    expect(long).toMatchObject({ horizonHours: 24, withinRangePercent: 100 })
    expect(long?.meanErrorPercent).toBeCloseTo(0, 6)
    expect(short?.meanErrorPercent).toBeCloseTo(0, 6)
    expect(short?.checks).toBeGreaterThan(60)
  })

  it('of what is noisy finds about four of five within the range', () => {
    const { short, long } = accuracyOf(many(demands.noisy), nowMs)
    for (const one of [short, long]) {
      expect(one?.withinRangePercent).toBeGreaterThan(70)
      expect(one?.withinRangePercent).toBeLessThan(90)
      expect(one?.meanErrorPercent).toBeGreaterThan(0)
    }
  })

  it('shows when things did not go on as before', () => {
    const calm = many(demands.noisy)
    const changed = calm.map((one) => ({
      ...one,
      rows: {
        short: [],
        weekly: pastOf((_hour) => 0.05, { kind: 'weekly', hours: 28 * 24, untilMs: nowMs }).map((row) =>
          row.atMs < nowMs - 36 * hourMs ? row : { ...row, burnedPercent: 3, lastPercent: 90 },
        ),
      },
    }))
    const before = accuracyOf(calm, nowMs).long
    const after = accuracyOf(changed, nowMs).long
    expect(after?.meanErrorPercent).toBeGreaterThan(before?.meanErrorPercent ?? 100)
  })

  it('knows only what was known then: what came later changes nothing', () => {
    const past = historyOf(pastOf(demands.bursty(4), { kind: 'weekly', hours: 500, untilMs: nowMs }), {
      createdAtMs: 0,
      untilMs: nowMs,
    })
    const thenMs = nowMs - 100 * hourMs
    const rows = pastOf(demands.bursty(4), { kind: 'weekly', hours: 500, untilMs: nowMs }).filter(
      ({ atMs }) => atMs < thenMs,
    )
    const then = historyOf(rows, { createdAtMs: 0, untilMs: thenMs })
    const cut = { untilMs: thenMs, hours: 400, cumulative: past.cumulative }
    expect(usedLater(weekly(10, 50), cut, 5, 24)).toEqual(usedLater(weekly(10, 50), then, 5, 24))
  })

  it('says nothing with fewer than ten checks', () => {
    expect(accuracyOf([account('a', demands.constant, { hours: 30 })], nowMs)).toEqual({ short: null, long: null })
    expect(accuracyOf([], nowMs)).toEqual({ short: null, long: null })
  })
})

import { describe, expect, it } from 'vitest'
import { createCalendar } from '../../../src/domain/calendar.ts'

const calendarOf = (zone: string) => {
  const calendar = createCalendar(zone)
  if (calendar === null) throw new Error(`There is no ${zone}.`)
  return calendar
}
const hour = 3_600_000
const lengths = (begins: number[], untilMs: number) =>
  begins.map((begin, at) => ((begins[at + 1] ?? untilMs) - begin) / hour)

describe('days of a place', () => {
  it.each([
    ['UTC', '2026-05-01', '2026-05-01T00:00Z'],
    ['Europe/Berlin', '2026-01-15', '2026-01-14T23:00Z'],
    ['Europe/Berlin', '2026-07-15', '2026-07-14T22:00Z'],
    ['America/New_York', '2026-07-15', '2026-07-15T04:00Z'],
    ['Asia/Kathmandu', '2026-07-15', '2026-07-14T18:15Z'],
    ['Asia/Kolkata', '2026-07-15', '2026-07-14T18:30Z'],
    ['Pacific/Kiritimati', '2026-07-15', '2026-07-14T10:00Z'],
    ['Pacific/Pago_Pago', '2026-07-15', '2026-07-15T11:00Z'],
    // Clocks went from midnight to one: the day begins at one.
    ['America/Sao_Paulo', '2018-11-04', '2018-11-04T03:00Z'],
    // Clocks went from midnight back to eleven in the evening.
    ['America/Sao_Paulo', '2018-02-18', '2018-02-18T03:00Z'],
  ])('%s: %s begins at %s', (zone, date, begins) => {
    const calendar = calendarOf(zone)
    expect(new Date(calendar.startOfDate(date)).toISOString()).toBe(new Date(begins).toISOString())
    expect(calendar.dateOf(Date.parse(begins))).toBe(date)
    expect(calendar.dateOf(Date.parse(begins) - 1)).not.toBe(date)
  })

  it.each([
    ['Europe/Berlin', '2026-03-28', '2026-03-31', [24, 23, 24]],
    ['Europe/Berlin', '2026-10-24', '2026-10-27', [24, 25, 24]],
    ['America/New_York', '2026-11-01', '2026-11-02', [25]],
    ['Australia/Lord_Howe', '2026-10-03', '2026-10-06', [24, 23.5, 24]],
    ['America/Sao_Paulo', '2018-11-03', '2018-11-05', [24, 23]],
    // Samoa left out the 30th of December.
    ['Pacific/Apia', '2011-12-29', '2012-01-01', [24, 24]],
  ])('%s from %s to %s have as many hours as they have', (zone, from, to, hours) => {
    const calendar = calendarOf(zone)
    const untilMs = calendar.startOfDate(to)
    expect(lengths(calendar.beginnings(calendar.startOfDate(from), untilMs, 'day'), untilMs)).toEqual(hours)
  })

  it('a day that is begun has its rest', () => {
    const calendar = calendarOf('Asia/Kathmandu')
    const [sinceMs, untilMs] = [Date.parse('2026-07-14T12:00Z'), Date.parse('2026-07-15T12:00Z')]
    expect(lengths(calendar.beginnings(sinceMs, untilMs, 'day'), untilMs)).toEqual([6.25, 17.75])
  })
})

describe('hours of a place', () => {
  it.each([
    ['Europe/Berlin', '2026-03-29', 23],
    ['Europe/Berlin', '2026-10-25', 25],
    ['Asia/Kathmandu', '2026-10-25', 24],
  ])('%s on %s are %i', (zone, date, count) => {
    const calendar = calendarOf(zone)
    const sinceMs = calendar.startOfDate(date)
    const untilMs = sinceMs + count * hour
    const begins = calendar.beginnings(sinceMs, untilMs, 'hour')
    expect(lengths(begins, untilMs)).toEqual(Array.from({ length: count }, () => 1))
    expect(calendar.dateOf(untilMs)).not.toBe(date)
  })

  it('are short where a clock is moved by half of one', () => {
    const calendar = calendarOf('Australia/Lord_Howe')
    const sinceMs = calendar.startOfDate('2026-04-05')
    const untilMs = calendar.startOfDate('2026-04-06')
    expect(lengths(calendar.beginnings(sinceMs, untilMs, 'hour'), untilMs).slice(0, 4)).toEqual([1, 1, 0.5, 1])
  })
})

it('there is no calendar of a place that does not exist', () => {
  for (const zone of ['Mars/Olympus', '', 'Europe', 'UTC; drop table']) expect(createCalendar(zone)).toBeNull()
})

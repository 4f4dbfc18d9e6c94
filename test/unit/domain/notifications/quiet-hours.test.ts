import { expect, it } from 'vitest'
import { isQuiet, isTimeZone } from '../../../../src/domain/notifications/quiet-hours.ts'

const at = (iso: string) => Date.parse(iso)

it('hours that span midnight are those of the zone, in summer and in winter', () => {
  const night = { from: '22:00', to: '07:00', timeZone: 'Europe/Berlin' }
  expect(isQuiet(night, at('2026-01-10T20:59:00Z'))).toBe(false)
  expect(isQuiet(night, at('2026-01-10T21:00:00Z'))).toBe(true)
  expect(isQuiet(night, at('2026-01-11T05:59:59Z'))).toBe(true)
  expect(isQuiet(night, at('2026-01-11T06:00:00Z'))).toBe(false)
  expect(isQuiet(night, at('2026-07-10T20:00:00Z'))).toBe(true)
  expect(isQuiet(night, at('2026-07-11T05:00:00Z'))).toBe(false)
})

it('hours within a day are quiet from the first minute to the last but one', () => {
  const lunch = { from: '12:00', to: '13:30', timeZone: 'Asia/Kolkata' }
  expect(isQuiet(lunch, at('2026-01-10T06:29:00Z'))).toBe(false)
  expect(isQuiet(lunch, at('2026-01-10T06:30:00Z'))).toBe(true)
  expect(isQuiet(lunch, at('2026-01-10T08:00:00Z'))).toBe(false)
})

it('midnight is 00:00', () => {
  expect(isQuiet({ from: '00:00', to: '01:00', timeZone: 'UTC' }, at('2026-01-10T00:30:00Z'))).toBe(true)
  expect(isQuiet({ from: '23:00', to: '00:00', timeZone: 'UTC' }, at('2026-01-10T00:00:00Z'))).toBe(false)
})

it('knows a time zone from nonsense', () => {
  expect(['UTC', 'Europe/Berlin', 'Mars/Olympus', ''].map(isTimeZone)).toEqual([true, true, false, false])
})

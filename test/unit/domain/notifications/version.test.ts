import { expect, it } from 'vitest'
import { isLaterVersion, readVersion } from '../../../../src/domain/notifications/version.ts'

it.each([
  ['v1.2.3', '1.2.3'],
  [' 1.2.3\n', '1.2.3'],
  ['1.2', '1.2.0'],
  ['1.2.3-rc.1+build.5', '1.2.3-rc.1'],
  ['01.2.3', '1.2.3'],
  ['latest', null],
  ['1', null],
  ['', null],
  ['1.2.3 <script>', null],
  [`1.2.${'9'.repeat(50)}`, null],
])('a version is read: %j', (text, version) => {
  expect(readVersion(text)).toBe(version)
})

it('versions come one after the other as Semantic Versioning has it', () => {
  const order = [
    ...['0.9.0', '0.10.0', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2'],
    ...['1.0.0-beta.11', '1.0.0-rc.1', '1.0.0', '1.0.1', '1.1.0', '2.0.0'],
  ]
  for (const [at, one] of order.entries()) {
    for (const [other, two] of order.entries())
      expect([one, two, isLaterVersion(one, two)]).toEqual([one, two, at > other])
  }
  expect(isLaterVersion('nonsense', '1.0.0')).toBe(false)
})

import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { describe, expect, it } from 'vitest'
import { isWithin, parseAddress, parseRange, shortestRange } from '../../../src/lib/address-ranges.ts'
import { createAddressSet } from '../../../src/lib/address-set.ts'

const rangesOf = (cidrs: string[]) => cidrs.map(parseRange).filter((range) => range !== null)
const setOf = (...cidrs: string[]) => createAddressSet(rangesOf(cidrs))

describe('a set of addresses', () => {
  it('holds ranges of both kinds, and IPv4 that is written inside IPv6', () => {
    const has = setOf('10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1')
    const inside = ['10.0.0.0', '10.255.255.255', '192.0.2.7', '::ffff:10.1.2.3', '2001:db8:ffff::1', '::1']
    const outside = ['11.0.0.0', '9.255.255.255', '192.0.2.8', '2001:db9::', '::2', '::a00:1', 'unknown', '']
    expect(inside.filter((address) => !has(address))).toEqual([])
    expect(outside.filter(has)).toEqual([])
    // What was looked up before is answered the same.
    expect([...inside, ...outside].filter(has)).toEqual(inside)
  })

  it('of everything holds everything of its kind, and an empty one nothing', () => {
    expect(['1.2.3.4', '255.255.255.255'].every(setOf('0.0.0.0/0'))).toBe(true)
    expect(setOf('0.0.0.0/0')('::1')).toBe(false)
    expect(setOf()('127.0.0.1')).toBe(false)
  })

  it('says the same as looking at each range, for any ranges and addresses', () => {
    const v4 = fc.ipV4().map((address) => ({ address, width: 32 }))
    const v6 = fc
      .ipV6()
      .filter((address) => ipaddr.IPv6.isValid(address))
      .map((address) => ({ address, width: 128 }))
    const range = fc
      .oneof(v4, v6)
      .chain(({ address, width }) => fc.integer({ min: 0, max: width }).map((bits) => `${address}/${bits}`))
    fc.assert(
      fc.property(fc.array(range, { maxLength: 20 }), fc.oneof(v4, v6), (cidrs, { address }) => {
        const parsed = parseAddress(address)
        if (parsed === null) return
        expect(setOf(...cidrs)(address)).toBe(isWithin(parsed, rangesOf(cidrs)))
      }),
    )
  })

  it('costs the same for a thousand ranges as for ten', () => {
    const many = Array.from({ length: 1_000 }, (_, at) => `10.${at % 256}.${Math.floor(at / 256)}.0/24`)
    const timeOf = (cidrs: string[]) => {
      const has = setOf(...cidrs)
      const startedAt = performance.now()
      // Ever new addresses: nothing is remembered.
      for (let at = 0; at < 20_000; at++) has(`172.${at % 256}.${(at >> 8) % 256}.1`)
      return performance.now() - startedAt
    }
    timeOf(many)
    const best = (cidrs: string[]) => Math.min(...[1, 2, 3, 4].map(() => timeOf(cidrs)))
    expect(best(many)).toBeLessThan(best(many.slice(0, 10)) * 4)
  })
})

describe('a range', () => {
  it.each([
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['192.0.2.1', '192.0.2.1/32'],
    ['2001:DB8:0:0::1/32', '2001:db8::/32'],
    ['::1', '::1/128'],
    ['::ffff:192.0.2.1', '192.0.2.1/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['10.0.0.0/33', null],
    ['example.org', null],
    ['10.0.0.0/8/8', null],
    ['1', null],
  ])('%s is written %s', (text, expected) => {
    expect(shortestRange(text)).toBe(expected)
  })
})

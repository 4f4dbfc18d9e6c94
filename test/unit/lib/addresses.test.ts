import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { refusalOfAddress } from '../../../src/lib/addresses.ts'

describe('an address given by a person', () => {
  it.each(['93.184.216.34', '8.8.8.8', '2606:4700::1111', '2a00:1450:4001::200e', '64:ff9b::808:808'])(
    'on the internet is called: %s',
    (address) => {
      expect(refusalOfAddress(address, 'public')).toBeNull()
      expect(refusalOfAddress(address, 'private_too')).toBeNull()
    },
  )

  it.each([
    ...['127.0.0.1', '127.9.9.9', '::1', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.20'],
    ...['100.64.0.1', '100.127.255.255', 'fc00::1', 'fd12:3456::1'],
  ])('on this machine or its network is called only where that is allowed: %s', (address) => {
    expect(refusalOfAddress(address, 'public')).not.toBeNull()
    expect(refusalOfAddress(address, 'private_too')).toBeNull()
  })

  it.each([
    ...['169.254.169.254', '169.254.0.1', 'fe80::1', 'fe80::1%eth0', 'febf::1'],
    ...['100.100.100.200', '168.63.129.16', '192.0.0.192', 'fd00:ec2::254', 'FD00:EC2:0::254', 'fd20:ce::254'],
    ...['0.0.0.0', '0.1.2.3', '::', '224.0.0.1', '239.255.255.250', 'ff02::1', '255.255.255.255', '240.0.0.1'],
    ...['::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:0:8.8.8.8', '::127.0.0.1', '::7f00:1'],
    ...['64:ff9b::7f00:1', '64:ff9b::a00:1', '64:ff9b::a9fe:a9fe', '2002:7f00:1::', '2001::7f00:1'],
    ...['2001:db8::1', '192.0.2.1', '198.51.100.1', '198.18.0.1', 'fec0::1', '100::1', '4000::1'],
    ...['', 'localhost', '127.1x', '1.2.3.4.5'],
  ])('of no use to anybody, or of too much, is never called: %s', (address) => {
    expect(refusalOfAddress(address, 'public')).not.toBeNull()
    expect(refusalOfAddress(address, 'private_too')).not.toBeNull()
  })

  it('is judged the same in every way of writing it', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const whole = URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1) ?? text
        expect(refusalOfAddress(text, 'public')).toBe(refusalOfAddress(whole, 'public'))
      }),
    )
  })
})

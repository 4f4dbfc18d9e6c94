import ipaddr from 'ipaddr.js'

/** How far a call may go that a person has pointed somewhere: to the internet, or also to this machine and its network. */
export type Reach = 'public' | 'private_too'

/** What clouds answer at with the credentials of the machine, where that is not link-local anyway. */
const metadata = new Set(['168.63.129.16', '100.100.100.200', '192.0.0.192', 'fd00:ec2::254', 'fd20:ce::254'])

const nearby: Record<string, string> = {
  loopback: 'this machine',
  private: 'a private address',
  uniqueLocal: 'a private address',
  carrierGradeNat: "an address inside a provider's network",
}

const globalV6 = ipaddr.parseCIDR('2000::/3')

/**
 * Why no call may go to an IP address, as the end of "it is …"; null: it may. Nothing reaches link-local addresses (where
 * clouds hand out credentials), multicast, or an IPv4 address in the dress of IPv6.
 */
export function refusalOfAddress(address: string, reach: Reach): string | null {
  if (!ipaddr.isValid(address)) return 'no IP address'
  const parsed = ipaddr.parse(address)
  if (metadata.has(parsed.toString()) || metadata.has(parsed.toNormalizedString()))
    return 'a metadata address of a cloud'
  const range = parsed.range()
  // A network without IPv4 reaches the IPv4 internet through such addresses; what counts is the one inside.
  if (parsed instanceof ipaddr.IPv6 && range === 'rfc6052') return refusalOfAddress(embeddedV4(parsed), 'public')
  if (range === 'unicast') {
    const isGlobal = parsed instanceof ipaddr.IPv4 || parsed.match(globalV6)
    return isGlobal ? null : 'not an address of the internet'
  }
  const near = nearby[range]
  if (near !== undefined) return reach === 'private_too' ? null : near
  if (range === 'linkLocal') return 'a link-local address'
  return range === 'multicast' || range === 'broadcast' ? `a ${range} address` : 'not an address of the internet'
}

function embeddedV4(address: ipaddr.IPv6): string {
  return address.toByteArray().slice(12).join('.')
}

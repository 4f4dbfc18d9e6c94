import ipaddr from 'ipaddr.js'

export type Address = ipaddr.IPv4 | ipaddr.IPv6
/** The addresses that have their first bits in common with this one. */
export type AddressRange = readonly [Address, number]

/** IPv4 inside IPv6 counts as the IPv4 that it is. Null: it is no address. */
export function parseAddress(text: string | undefined): Address | null {
  return text !== undefined && ipaddr.isValid(text) ? ipaddr.process(text) : null
}

/** An address, or a range in CIDR notation. Null: it is neither. */
export function parseRange(text: string): AddressRange | null {
  const [address = '', bits, ...more] = text.split('/')
  const isAddress = ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address)
  if (!isAddress || address.includes('%') || more.length > 0) return null
  const parsed = ipaddr.parse(address)
  const width = parsed.kind() === 'ipv4' ? 32 : 128
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > width)) return null
  const length = bits === undefined ? width : Number(bits)
  const isMapped = parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress() && length >= 96
  return isMapped ? [parsed.toIPv4Address(), length - 96] : [parsed, length]
}

export function isWithin(address: Address, ranges: readonly AddressRange[]): boolean {
  return ranges.some(
    ([range, bits]) => range.kind() === address.kind() && address.match([range, bits] as [ipaddr.IPv4, number]),
  )
}

/** A range as it is written shortest, with nothing beyond its length: `10.1.2.3/8` is `10.0.0.0/8`. Null: it is none. */
export function shortestRange(text: string): string | null {
  const range = parseRange(text)
  if (range === null) return null
  const [address, bits] = range
  const kind = address.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6
  return `${kind.networkAddressFromCIDR(`${address}/${bits}`)}/${bits}`
}

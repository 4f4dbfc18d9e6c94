import { LRUCache } from 'lru-cache'
import { type Address, type AddressRange, parseAddress } from './address-ranges.ts'

/** Addresses that were looked up before. */
const remembered = 10_000

/**
 * Whether an address is in one of many ranges. Looking it up costs the same however many there are: one step for each
 * length of range that occurs, and none for an address that was there a moment ago.
 */
export function createAddressSet(ranges: readonly AddressRange[]): (address: string) => boolean {
  const byLength = { ipv4: new Map<number, Set<bigint>>(), ipv6: new Map<number, Set<bigint>>() }
  for (const [address, bits] of ranges) {
    const lengths = byLength[address.kind()]
    const starts = lengths.get(bits) ?? new Set()
    lengths.set(bits, starts.add(startOf(address, bits)))
  }
  const known = new LRUCache<string, boolean>({ max: remembered })
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const address = parseAddress(text)
    const isIn =
      address !== null && [...byLength[address.kind()]].some(([bits, starts]) => starts.has(startOf(address, bits)))
    known.set(text, isIn)
    return isIn
  }
}

/** The first bits as a number. */
function startOf(address: Address, bits: number): bigint {
  const bytes = address.toByteArray()
  const whole = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  return whole >> BigInt(bytes.length * 8 - bits)
}

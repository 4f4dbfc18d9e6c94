import type { IncomingMessage } from 'node:http'
import type { Vouched } from '../auth/door.ts'
import { type GateRules, isTrustedPeer } from '../gate.ts'

/** What a header may say: visible text, of a length that a log bears. */
const sane = /^[\p{L}\p{N}\p{P}\p{S} ]{1,200}$/u

/**
 * Whom a trusted proxy vouches for; null: nobody, or nobody who has access. A header that comes twice may have been added
 * by whoever is behind the proxy, and counts for nothing.
 */
export function vouchedFor(request: IncomingMessage, rules: GateRules): Vouched | null {
  const { vouching } = rules
  const visitor = { peer: request.socket.remoteAddress, headers: request.headers }
  if (!vouching || !isTrustedPeer(visitor, rules)) return null
  const name = single(request, vouching.userHeader)
  if (name === null || !sane.test(name)) return null
  const { groups } = vouching
  if (groups === null) return { name, role: 'admin' }
  const member = (single(request, groups.header) ?? '').split(/[,;|]/).map((one) => one.trim())
  if (member.includes(groups.admin)) return { name, role: 'admin' }
  return groups.viewer !== null && member.includes(groups.viewer) ? { name, role: 'viewer' } : null
}

/** The header's value when it came exactly once. */
function single({ rawHeaders }: IncomingMessage, name: string): string | null {
  const values = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name)
  const [only] = values
  if (only === undefined || values.length > 1) return null
  // Node reads headers as Latin-1; proxies send UTF-8.
  const text = Buffer.from(only, 'latin1').toString('utf8').trim()
  return text === '' ? null : text
}

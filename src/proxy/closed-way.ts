import type { Decision } from '../balancer/choose.ts'
import type { EgressDown } from '../domain/egress.ts'
import { AppError } from '../errors.ts'
import type { Fault } from './refusal.ts'

const retrySeconds = 5

/** The account's way out was closed: nothing has reached the upstream. */
export function isClosedWay(fault: Fault): boolean {
  return fault.kind === 'try_another' && fault.error.code.startsWith('egress_')
}

/** What to tell the client when accounts are left that could serve if their way out were open; null: there are none. */
export function closedWayError({ excluded }: Decision, last: Fault | null): AppError | null {
  if (last !== null && !isClosedWay(last)) return null
  for (const { accountId, exclusion } of excluded) {
    if (exclusion.reason !== 'egress_down') continue
    const message = `The account ${accountId} cannot be used: ${wordsOf(exclusion)}.`
    return new AppError('egress_unavailable', { message, retryAfterSeconds: retrySeconds })
  }
  if (last === null) return null
  return new AppError('egress_unavailable', { message: last.error.message, retryAfterSeconds: retrySeconds })
}

/** Why nobody goes this way, for whoever reads an error. */
function wordsOf({ kind, name, code, sinceMs }: EgressDown): string {
  const way = name === null ? `its way out, a ${kind}` : `its way out, ${kind} ${name}`
  if (code === 'missing') return `${way}, is not there any more`
  if (code === 'off') return `${way}, is switched off`
  if (code === 'empty') return `${way}, has no members`
  if (code === 'probing') return `${way}, is being tried by one request after a rest`
  const since = sinceMs === null ? '' : ` since ${new Date(sinceMs).toISOString()}`
  return `${way}, is down${since} (${code})`
}

import type { EgressFault } from '../domain/egress.ts'

/** A proxy gave no way to the upstream; nothing was sent there. The message goes on after the proxy's name. */
export class EgressError extends Error {
  readonly fault: EgressFault
  readonly code: string
  constructor(fault: EgressFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EgressError'
    this.fault = fault
    this.code = `egress_${fault}`
  }
}

const unreachable = new Set(['ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL'])
const unknownName = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL'])

/** What the system says of a connection to a proxy, or through it. */
export function egressErrorOf(error: Error): EgressError {
  if (error instanceof EgressError) return error
  const last = error instanceof AggregateError && error.errors.length > 0 ? (error.errors.at(-1) as Error) : error
  const code = String((last as NodeJS.ErrnoException).code ?? '')
  const because = { cause: error }
  if (unreachable.has(code)) return new EgressError('unreachable', `cannot be connected to (${code})`, because)
  if (unknownName.has(code)) return new EgressError('dns', `has a name that cannot be resolved (${code})`, because)
  if (code === 'ETIMEDOUT') return new EgressError('timeout', 'did not answer in time', because)
  if (/^(CERT_|ERR_TLS_|ERR_SSL_)|SELF_SIGNED|UNABLE_TO|DEPTH_ZERO|EPROTO/.test(code))
    return new EgressError('tls', `cannot be trusted: ${last.message.slice(0, 200)} (${code})`, because)
  return new EgressError('protocol', `broke the connection off${code === '' ? '' : ` (${code})`}`, because)
}

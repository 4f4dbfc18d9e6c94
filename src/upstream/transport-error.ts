import { EgressError } from './egress-error.ts'

/**
 * Why an exchange broke off. `unreachable`: provably never sent. `silent`: a deadline. `aborted`: by ourselves. `egress`: no
 * proxy gave a way to the upstream; never sent either.
 */
export type BreakKind = 'unreachable' | 'untrusted' | 'broken' | 'silent' | 'aborted' | 'egress'

/** A proxy that gave no way, before another one was tried. Times in ms. */
export type FailedWay = { egressId: string; code: string; atMs: number; tookMs: number }

/** Which proxy a request went through, and which ones had failed it before. `egressId` null: none was left to try. */
export type Via = { egressId: string | null; failed: readonly FailedWay[] }

/** The transport failed; no answer, or only a part of it. */
export class TransportError extends Error {
  readonly kind: BreakKind
  /** Null: the direct way. */
  via: Via | null = null
  constructor(kind: BreakKind, cause: Error) {
    super(cause.message, { cause })
    this.name = 'TransportError'
    this.kind = kind
  }
}

const neverSent = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
])
const tooSlow = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

/** The kind of a failure that the system or the HTTP client reports. */
export function kindOfFailure(error: Error): BreakKind {
  if (error instanceof EgressError) return 'egress'
  const code = codeOf(error)
  if (neverSent.has(code)) return 'unreachable'
  if (tooSlow.has(code)) return 'silent'
  if (
    code.startsWith('CERT_') ||
    code.startsWith('ERR_TLS_') ||
    code.startsWith('ERR_SSL_') ||
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(code)
  ) {
    return 'untrusted'
  }
  return 'broken'
}

/** The system's code; of several attempts (IPv6 and IPv4) the last one's. */
function codeOf(error: Error): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors.at(-1))
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' ? code : ''
}

export function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('The exchange was ended.')
}

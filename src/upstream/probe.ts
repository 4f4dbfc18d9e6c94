import type { EgressProxy } from '../domain/egress-proxy.ts'
import type { Clock } from '../lib/clock.ts'
import { createUpstreamClient } from './client.ts'
import { EgressError } from './egress-error.ts'
import { TransportError } from './transport-error.ts'

/** Whether a proxy gives a way to the upstream, tried on a connection of its own. */
export type Probe = {
  ok: boolean
  /** What the upstream answered: whatever it says, it was reached. */
  statusCode: number | null
  elapsedMs: number
  error: { code: string; message: string } | null
}

const deadlineMs = 8_000

/** Reaches the upstream's origin through the proxy, without an account. Never throws. */
export async function probeProxy(proxy: EgressProxy, upstream: URL, clock: Clock): Promise<Probe> {
  const client = createUpstreamClient({ connectMs: deadlineMs, headersMs: deadlineMs, silenceMs: deadlineMs })
  const startedAtMs = clock.now()
  const took = () => Math.round(clock.now() - startedAtMs)
  try {
    const url = new URL('/', upstream)
    const signal = AbortSignal.timeout(deadlineMs)
    const headers = { accept: '*/*' }
    const { status, abort } = await client
      .send({ method: 'GET', url, headers, body: null, signal }, proxy)
      .then((answer) => ({ status: answer.status, abort: () => answer.abort() }))
    abort()
    return { ok: true, statusCode: status, elapsedMs: took(), error: null }
  } catch (error) {
    return { ok: false, statusCode: null, elapsedMs: took(), error: faultOf(proxy, error) }
  } finally {
    await client.close()
  }
}

function faultOf({ name }: EgressProxy, error: unknown): { code: string; message: string } {
  if (!(error instanceof TransportError)) throw error
  const { cause, kind } = error
  if (cause instanceof EgressError) return { code: cause.code, message: `The proxy ${name} ${cause.message}.` }
  if (kind === 'aborted' || kind === 'silent')
    return { code: 'egress_timeout', message: `The upstream did not answer through the proxy ${name} in time.` }
  return { code: 'egress_protocol', message: `The proxy ${name} broke the connection to the upstream off.` }
}

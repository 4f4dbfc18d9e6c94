import type { Agent } from 'undici'
import type { Reach } from '../lib/addresses.ts'
import { AddressRefusedError, createGuardedAgent } from '../lib/guarded-connect.ts'
import type { ModelSource } from '../store/model-source-store.ts'
import { type Answer, sendThrough } from '../upstream/client.ts'
import { productName } from '../upstream/headers.ts'
import type { TransportError } from '../upstream/transport-error.ts'

/** Talks to model sources. Nothing of a client or of an account goes to them: only their key and our own name. */
export type SourceClient = {
  /** `path` goes behind the base URL. @throws TransportError when no headers came. */
  send(source: ModelSource, call: SourceCall): Promise<Answer>
  close(): Promise<void>
}

type SourceCall = {
  method: 'GET' | 'POST'
  path: string
  accept: string
  body: Buffer | null
  signal: AbortSignal
}

/** A stream may be silent for so long. */
const silenceMs = 600_000

export function createSourceClient(version: string): SourceClient {
  const agents = new Map<Reach, Agent>()
  const agentFor = (reach: Reach): Agent => {
    const agent = agents.get(reach) ?? createGuardedAgent({ reach, bodyTimeout: silenceMs })
    agents.set(reach, agent)
    return agent
  }
  return {
    send(source, { method, path, accept, body, signal }) {
      const headers: Record<string, string> = { accept, 'user-agent': `${productName}/${version}` }
      if (body !== null) headers['content-type'] = 'application/json'
      if (source.apiKey !== null) headers.authorization = `Bearer ${source.apiKey.reveal()}`
      return sendThrough(agentFor(source.allowPrivateAddress ? 'private_too' : 'public'), {
        ...{ method, headers, body, signal },
        url: new URL(source.baseUrl + path),
        headersMs: source.timeoutSeconds * 1_000,
      })
    },
    async close() {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()))
      agents.clear()
    },
  }
}

const codes: Record<string, string> = {
  ENOTFOUND: 'There is no such host name.',
  EAI_AGAIN: 'The host name cannot be looked up now.',
  ECONNREFUSED: 'Nothing listens there (connection refused).',
  ECONNRESET: 'The source broke the connection off.',
  UND_ERR_SOCKET: 'The source broke the connection off.',
  UND_ERR_CONNECT_TIMEOUT: 'No connection came about in time.',
  UND_ERR_HEADERS_TIMEOUT: 'The source did not answer in time.',
  UND_ERR_BODY_TIMEOUT: 'The source fell silent.',
}

/** Why a source could not be reached, for people. */
export function wordsOf(failure: TransportError): string {
  const { cause } = failure
  const first = cause instanceof AggregateError && cause.errors.length > 0 ? cause.errors.at(-1) : cause
  if (first instanceof AddressRefusedError)
    return `${first.message} Allow private addresses for this source if that is meant.`
  const { code = '' } = (first ?? {}) as NodeJS.ErrnoException
  if (Object.hasOwn(codes, code)) return codes[code] ?? failure.message
  if (failure.kind === 'untrusted') return `The encrypted connection failed: ${failure.message}.`
  return failure.kind === 'silent' ? 'The source did not answer in time.' : `The call failed: ${failure.message}`
}

/** True when the source cannot have seen anything of the call, and so not charge for it. */
export function nothingSent(failure: TransportError): boolean {
  return failure.kind === 'unreachable' || failure.kind === 'untrusted' || failure.cause instanceof AddressRefusedError
}

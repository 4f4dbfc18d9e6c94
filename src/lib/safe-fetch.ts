import { request } from 'undici'
import type { Reach } from './addresses.ts'
import { AddressRefusedError, createGuardedAgent, type Resolve } from './guarded-connect.ts'

/**
 * What keeps a call from an answer, in words for people. `kind`: `refused` before anything was sent, `unreachable`: no
 * connection, `silent`: too slow, `too_large`: more than was allowed, `aborted`: by us, `broken`: the rest.
 */
export class SafeFetchError extends Error {
  readonly kind: 'refused' | 'unreachable' | 'silent' | 'too_large' | 'aborted' | 'broken'
  constructor(kind: SafeFetchError['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SafeFetchError'
    this.kind = kind
  }
}

export type SafeRequest = {
  url: string
  method?: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string | Buffer
  /** `private_too` only where an admin has allowed it for this address. */
  reach: Reach
  /** From the first look-up to the last byte. */
  timeoutMs?: number
  maxBytes?: number
  /** What happens with a longer answer: it is an error, or it is cut. */
  onTooLarge?: 'refuse' | 'cut'
  signal?: AbortSignal
  /** Replaced by tests. */
  resolve?: Resolve
}

export type SafeAnswer = { status: number; headers: Record<string, string | string[] | undefined>; body: Buffer }

/**
 * One HTTP call to an address that a person has given: only http and https, only to addresses that `reach` allows
 * (checked on the one connected to), no redirects followed (a 3xx is an answer like any other), bounded in time and size,
 * past every proxy. @throws SafeFetchError
 */
export async function safeFetch(call: SafeRequest): Promise<SafeAnswer> {
  const { method = 'GET', headers = {}, body, reach, timeoutMs = 10_000, maxBytes = 1024 * 1024, resolve } = call
  const url = httpUrl(call.url)
  const deadline = AbortSignal.timeout(timeoutMs)
  const signal = call.signal ? AbortSignal.any([deadline, call.signal]) : deadline
  const agent = createGuardedAgent({ reach, ...(resolve ? { resolve } : {}) })
  try {
    const answer = await request(url, {
      dispatcher: agent,
      ...{ method, signal },
      headers: { 'accept-encoding': 'identity', ...headers },
      body: body ?? null,
    })
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes <= maxBytes) continue
      if (call.onTooLarge !== 'cut')
        throw new SafeFetchError('too_large', `The answer has more than ${maxBytes} bytes.`)
      break
    }
    return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks).subarray(0, maxBytes) }
  } catch (error) {
    if (error instanceof SafeFetchError) throw error
    if (call.signal?.aborted) throw new SafeFetchError('aborted', 'The call was ended.', { cause: error })
    if (deadline.aborted)
      throw new SafeFetchError('silent', `No answer within ${timeoutMs / 1000} s.`, { cause: error })
    throw failureOf(error)
  } finally {
    await agent.destroy()
  }
}

/** An address that a call may be tried at. @throws SafeFetchError */
function httpUrl(text: string): URL {
  const url = URL.parse(text)
  if (url === null) throw new SafeFetchError('refused', 'That is no URL.')
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new SafeFetchError('refused', 'Only http and https are called.')
  if (url.username !== '' || url.password !== '')
    throw new SafeFetchError('refused', 'A URL with a name or password in it is not called.')
  return url
}

const words: Record<string, [SafeFetchError['kind'], string]> = {
  ENOTFOUND: ['unreachable', 'There is no such host name.'],
  EAI_AGAIN: ['unreachable', 'The host name cannot be looked up now.'],
  ECONNREFUSED: ['unreachable', 'Nothing listens there (connection refused).'],
  ECONNRESET: ['broken', 'The other side broke the connection off.'],
  EHOSTUNREACH: ['unreachable', 'No way leads there.'],
  ENETUNREACH: ['unreachable', 'No way leads there.'],
  ETIMEDOUT: ['silent', 'No connection came about in time.'],
  UND_ERR_CONNECT_TIMEOUT: ['silent', 'No connection came about in time.'],
  UND_ERR_SOCKET: ['broken', 'The other side broke the connection off.'],
}

/** What the system or a library says of a failed call, as a person reads it. */
export function failureOf(error: unknown): SafeFetchError {
  const first = error instanceof AggregateError && error.errors.length > 0 ? error.errors.at(-1) : error
  if (first instanceof AddressRefusedError) return new SafeFetchError('refused', first.message, { cause: error })
  const { code = '', message = '' } = first as NodeJS.ErrnoException
  const known = Object.hasOwn(words, code) ? words[code] : undefined
  if (known) return new SafeFetchError(known[0], known[1], { cause: error })
  const isTls = /^(CERT_|ERR_TLS|ERR_SSL)|SELF_SIGNED|UNABLE_TO_|DEPTH_ZERO/.test(code)
  if (isTls) return new SafeFetchError('broken', `The encrypted connection failed: ${message}.`, { cause: error })
  return new SafeFetchError('broken', `The call failed${code === '' ? '' : ` (${code})`}.`, { cause: error })
}

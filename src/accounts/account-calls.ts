import type { Sender } from '../egress/outbound.ts'
import { randomId } from '../lib/secrets.ts'
import { productName } from '../upstream/headers.ts'
import { readWhole } from '../upstream/opening.ts'
import type { Pool } from './pool.ts'
import { TokenError, type Tokens } from './tokens.ts'

/** The answer of a side call. `json` is null when the body is no JSON. */
type SideAnswer = { status: number; etag: string | null; json: unknown; text: string }

/** Calls beside the turns, made on our own account: usage, catalogue, reset credits, statistics. */
export type AccountCalls = {
  /**
   * GET on behalf of an account; renews its token once when that is refused. With an ETag, 304 answers that the thing
   * is still the one of that ETag.
   * @throws TokenError, TransportError
   */
  get(accountId: string, path: string, deadlineMs: number, knownEtag?: string | null): Promise<SideAnswer>
  /**
   * POST on behalf of an account, once: whatever comes back, it is not sent again.
   * @throws TokenError before anything was sent, TransportError
   */
  post(accountId: string, path: string, body: object, deadlineMs: number): Promise<SideAnswer>
}

export type AccountCallsDeps = {
  pool: Pool
  tokens: Tokens
  client: Sender
  upstreamBaseUrl: string
  version: string
}

const maxAnswerBytes = 8 * 1024 * 1024

export function createAccountCalls({ pool, tokens, client, upstreamBaseUrl, version }: AccountCallsDeps): AccountCalls {
  type Call = { accountId: string; path: string; deadlineMs: number; knownEtag?: string | null; body?: object }
  const send = async (call: Call, bearer: string): Promise<SideAnswer> => {
    const { accountId, path, deadlineMs, knownEtag = null, body = null } = call
    const answer = await client.send(
      {
        method: body === null ? 'GET' : 'POST',
        url: new URL(upstreamBaseUrl + path),
        headers: {
          authorization: `Bearer ${bearer}`,
          accept: 'application/json',
          'chatgpt-account-id': pool.get(accountId)?.chatgptAccountId ?? '',
          'user-agent': `${productName}/${version}`,
          'x-request-id': randomId('req_'),
          ...(knownEtag === null ? {} : { 'if-none-match': knownEtag }),
          ...(body === null ? {} : { 'content-type': 'application/json' }),
        },
        body: body === null ? null : Buffer.from(JSON.stringify(body)),
        signal: AbortSignal.timeout(deadlineMs),
      },
      accountId,
    )
    const head = await readWhole(answer, maxAnswerBytes)
    if (head.failure) throw head.failure
    const text = Buffer.concat(head.opening).toString('utf8')
    return { status: head.status, etag: head.headers.etag ?? null, json: parse(text), text }
  }
  /** Tells the pool when it turns out that the account cannot be used any more. */
  const telling = async <R>(accountId: string, work: () => Promise<R>): Promise<R> => {
    try {
      return await work()
    } catch (error) {
      if (error instanceof TokenError && error.kind !== 'later') {
        pool.report(accountId, { kind: 'sign_in_lost', as: error.kind, code: error.code })
      }
      throw error
    }
  }
  return {
    get: (accountId, path, deadlineMs, knownEtag = null) =>
      telling(accountId, async () => {
        const call = { accountId, path, deadlineMs, knownEtag }
        const token = await tokens.current(accountId)
        const answer = await send(call, token.bearer.reveal())
        if (answer.status !== 401) return answer
        const renewed = await tokens.renewed(accountId, token.version)
        return send(call, renewed.bearer.reveal())
      }),
    post: (accountId, path, body, deadlineMs) =>
      telling(accountId, async () => {
        const token = await tokens.current(accountId)
        return send({ accountId, path, deadlineMs, body }, token.bearer.reveal())
      }),
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The status alone decides then.
    return null
  }
}

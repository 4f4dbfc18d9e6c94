import { randomId } from '../lib/secrets.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import { productName } from '../upstream/headers.ts'
import { readWhole } from '../upstream/opening.ts'
import type { Pool } from './pool.ts'
import { TokenError, type Tokens } from './tokens.ts'

/** The answer of a side call. `json` is null when the body is no JSON. */
type SideAnswer = { status: number; etag: string | null; json: unknown; text: string }

/** Calls beside the turns, made on our own account: usage and catalogue. */
export type AccountCalls = {
  /**
   * GET on behalf of an account; renews its token once when that is refused. With an ETag, 304 answers that the thing
   * is still the one of that ETag.
   * @throws TokenError, TransportError
   */
  get(accountId: string, path: string, deadlineMs: number, knownEtag?: string | null): Promise<SideAnswer>
}

export type AccountCallsDeps = {
  pool: Pool
  tokens: Tokens
  client: UpstreamClient
  upstreamBaseUrl: string
  version: string
}

const maxAnswerBytes = 8 * 1024 * 1024

export function createAccountCalls({ pool, tokens, client, upstreamBaseUrl, version }: AccountCallsDeps): AccountCalls {
  type Call = { accountId: string; path: string; deadlineMs: number; knownEtag: string | null }
  const send = async ({ accountId, path, deadlineMs, knownEtag }: Call, bearer: string): Promise<SideAnswer> => {
    const answer = await client.send({
      method: 'GET',
      url: new URL(upstreamBaseUrl + path),
      headers: {
        authorization: `Bearer ${bearer}`,
        accept: 'application/json',
        'chatgpt-account-id': pool.get(accountId)?.chatgptAccountId ?? '',
        'user-agent': `${productName}/${version}`,
        'x-request-id': randomId('req_'),
        ...(knownEtag === null ? {} : { 'if-none-match': knownEtag }),
      },
      body: null,
      signal: AbortSignal.timeout(deadlineMs),
    })
    const head = await readWhole(answer, maxAnswerBytes)
    if (head.failure) throw head.failure
    const text = Buffer.concat(head.opening).toString('utf8')
    return { status: head.status, etag: head.headers.etag ?? null, json: parse(text), text }
  }
  return {
    async get(accountId, path, deadlineMs, knownEtag = null) {
      const call = { accountId, path, deadlineMs, knownEtag }
      try {
        const token = await tokens.current(accountId)
        const answer = await send(call, token.bearer.reveal())
        if (answer.status !== 401) return answer
        const renewed = await tokens.renewed(accountId, token.version)
        return await send(call, renewed.bearer.reveal())
      } catch (error) {
        if (error instanceof TokenError && error.kind !== 'later') {
          pool.report(accountId, { kind: 'sign_in_lost', as: error.kind, code: error.code })
        }
        throw error
      }
    },
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

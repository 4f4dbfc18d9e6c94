import type { Api } from '../src/admin/api.ts'
import { t } from './messages/index.ts'

export type FieldFault = { path: string; message: string }

/** An answer that is no success, or no answer at all (`code` is `unreachable` then). The message is for people. */
export class ApiError extends Error {
  readonly code: string
  readonly status: number
  readonly requestId: string | null
  readonly faults: readonly FieldFault[]
  readonly retryAfterSeconds: number | null
  /** On a conflict: the thing as it is now. */
  readonly current: unknown
  constructor(code: string, message: string, details: Partial<Omit<ApiError, 'code' | 'message'>> = {}) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.status = details.status ?? 0
    this.requestId = details.requestId ?? null
    this.faults = details.faults ?? []
    this.retryAfterSeconds = details.retryAfterSeconds ?? null
    this.current = details.current ?? null
  }
}

type Endpoint = keyof Api
type QueryValue = string | number | boolean | null | undefined | readonly (string | number)[]
type Nothing = Record<never, never>

/** What an endpoint has to be given: the parameters of its path, of its query, and its body, as its schemas say. */
type Given<E extends Endpoint> = (Api[E]['params'] extends undefined
  ? Nothing
  : { params: { [Name in keyof Api[E]['params']]: string } }) &
  (Api[E]['query'] extends undefined ? Nothing : { query?: { [Name in keyof Api[E]['query']]?: QueryValue } }) &
  (Api[E]['body'] extends undefined ? Nothing : { body: Api[E]['body'] | FormData })

/** What an endpoint takes as its body. */
export type BodyOf<E extends Endpoint> = Api[E]['body']

type Arguments<E extends Endpoint> = Nothing extends Given<E> ? [given?: Given<E>] : [given: Given<E>]
type AnyGiven = { params?: Record<string, string>; query?: Record<string, QueryValue>; body?: unknown }

/** Calls an endpoint by its method and path, typed by the server's own schemas. @throws ApiError */
export async function call<E extends Endpoint>(endpoint: E, ...given: Arguments<E>): Promise<Api[E]['answer']> {
  return (await callWhole(endpoint, ...given)).answer
}

/** The same, where the headers of the answer say something as well. @throws ApiError */
export async function callWhole<E extends Endpoint>(
  endpoint: E,
  ...[given]: Arguments<E>
): Promise<{ answer: Api[E]['answer']; headers: Headers }> {
  const { params = {}, query = {}, body } = (given ?? {}) as AnyGiven
  const [method = '', path = ''] = endpoint.split(' ')
  const filled = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const search = searchOf(query)
  let response: Response
  try {
    response = await fetch(search === '' ? filled : `${filled}?${search}`, { method, ...sent(body) })
  } catch {
    // A browser does not tell why a request did not get through.
    throw new ApiError('unreachable', t('error.unreachable'))
  }
  const json: unknown = await response.json().catch(() => null)
  // The server checks what it sends against the schemas that these types come from.
  if (response.ok) return { answer: json as Api[E]['answer'], headers: response.headers }
  throw errorOf(response, json)
}

/** What is empty is not asked for. */
function searchOf(query: Record<string, QueryValue>): string {
  const named = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => (one === null || one === undefined || one === '' ? [] : [[name, String(one)]])),
  )
  return new URLSearchParams(named).toString()
}

function errorOf({ status, headers }: Response, json: unknown): ApiError {
  const said = (json as { error?: { code: string; message: string; details?: FieldFault[]; current?: unknown } } | null)
    ?.error
  const wait = Number(headers.get('retry-after') ?? Number.NaN)
  return new ApiError(said?.code ?? String(status), said?.message ?? t('error.status', { status }), {
    status,
    requestId: headers.get('x-request-id'),
    faults: said?.details ?? [],
    current: said?.current ?? null,
    retryAfterSeconds: Number.isFinite(wait) ? wait : null,
  })
}

function sent(body: unknown): RequestInit {
  if (body === undefined) return {}
  if (body instanceof FormData) return { body }
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}

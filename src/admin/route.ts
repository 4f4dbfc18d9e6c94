import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Access, Principal } from '../domain/access.ts'
import type { AuditEntry } from '../domain/audit.ts'
import { AppError, type ErrorCode } from '../errors.ts'
import { inCamelCase } from '../lib/either-case.ts'
import { faultSentence, fieldFaults } from '../lib/field-faults.ts'
import { adminFieldsOf, undecidedIn, viewerView } from './viewer-view.ts'

type Schema = z.ZodType
type Parsed<S> = S extends Schema ? z.output<S> : unknown

/**
 * What the audit log is told beside who and when. Without a target, the path's `id` is it; without an actor, it is
 * whoever the gate has let in. `nothing`: nothing was changed after all.
 */
type AuditFacts = Partial<Pick<AuditEntry, 'actor' | 'target' | 'before' | 'after'>> & { nothing?: boolean }

/** What a handler gets: the checked parts of the request, and the request itself for what has no schema. */
export type Call<P, Q, B> = {
  params: Parsed<P>
  query: Parsed<Q>
  body: Parsed<B>
  request: FastifyRequest
  reply: FastifyReply
  /** Adds to the audit entry that is written when the handler is done. */
  audit(facts: AuditFacts): void
}

/** One endpoint of the management API: its schemas check what comes in, describe it, and type what goes out. */
export type ApiRoute<P = unknown, Q = unknown, B = unknown, A = unknown> = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With `:name` for each parameter. */
  path: string
  access: Access
  /** One line for the API description. */
  summary: string
  params?: P
  query?: Q
  body?: B
  answer: A
  /** What the audit log calls a success, dotted, such as `account.pause`; null where nothing is changed. */
  audit?: string | null
  /** 200 where nothing is said. 204 has no body. */
  status?: 201 | 202 | 204
  /** Where they are not JSON: what comes in (described by `body`, read by the handler), and what goes out. */
  bodyType?: 'multipart/form-data'
  answerType?: 'text/event-stream' | 'text/csv'
  bodyBytes?: number
  deadlineMs?: number
}

export type AnyRoute = ApiRoute & { handle: (call: Call<unknown, unknown, unknown>) => Promise<unknown> }

/** What a client of the endpoint has to know. Only types are made of it: at run time there is nothing. */
export type Endpoint<M extends string, Path extends string, P, Q, B, A> = {
  readonly types?: {
    endpoint: `${M} ${Path}`
    params: P extends Schema ? z.input<P> : undefined
    query: Q extends Schema ? z.input<Q> : undefined
    body: B extends Schema ? z.input<B> : undefined
    answer: A extends Schema ? z.output<A> : undefined
  }
}

/** Ties a handler to its schemas. The casts forget types that `addRoutes` restores by parsing with those schemas. */
export function route<const M extends ApiRoute['method'], const Path extends string, P, Q, B, A>(
  definition: ApiRoute<P, Q, B, A> & { method: M; path: Path },
  handle: (call: Call<P, Q, B>) => Promise<A extends Schema ? z.input<A> : unknown>,
): AnyRoute & Endpoint<M, Path, P, Q, B, A> {
  return { ...definition, handle: handle as unknown as AnyRoute['handle'] }
}

export type RouteDeps = {
  audit: (done: AuditedCall) => Promise<void>
  /** Told when a caller could not show who it is. */
  refused?: (call: AuditedCall, code: ErrorCode) => void
}

/** A call, as the audit log is told of it. */
export type AuditedCall = Omit<AuditFacts, 'nothing'> & {
  action: string
  principal: Principal | null
  request: FastifyRequest
}

/** Refusals that are a wrong guess, or one too many. */
const wrongProofs: ReadonlySet<ErrorCode> = new Set([
  'invalid_credentials',
  'invalid_totp_code',
  'invalid_bootstrap_token',
  'invalid_passkey',
  'local_only',
  'too_many_attempts',
])

/** Puts endpoints on the server. What does not fit a schema is a 400 that names the fields. */
export function addRoutes(app: FastifyInstance, routes: readonly AnyRoute[], deps: RouteDeps): void {
  const { audit, refused = () => {} } = deps
  for (const one of routes) {
    const { method, path, access, params, query, body, answer, bodyBytes, deadlineMs, bodyType, answerType, handle } =
      one
    if (one.audit === undefined && (access === 'admin' || access === 'door') && method !== 'GET') {
      throw new Error(`The route ${method} ${path} does not say what the audit log calls it.`)
    }
    const undecided = access === 'viewer' ? undecidedIn(answer) : []
    if (undecided.length > 0) {
      const fix = 'mark each with open() or adminOnly() of contract/visibility.ts, or give the route the access "admin"'
      throw new Error(`The route ${method} ${path} does not say whether viewers see ${undecided.join(', ')}: ${fix}.`)
    }
    const forViewers = access === 'viewer' ? viewerView(answer) : null
    const adminFields = adminFieldsOf(query)
    app.route({
      method,
      url: path,
      // A stream has no end that its headers could tell of.
      exposeHeadRoute: answerType === undefined,
      config: { access, audit: one.audit ?? null },
      ...(bodyBytes === undefined ? {} : { bodyLimit: bodyBytes }),
      ...(deadlineMs === undefined ? {} : { handlerTimeout: deadlineMs }),
      handler: async (request, reply) => {
        // Names, addresses and figures of accounts are nothing for the caches of browsers and proxies.
        reply.header('cache-control', 'no-store')
        const facts: AuditFacts = {}
        const call = (action: string): AuditedCall => {
          const { nothing: _, ...said } = facts
          return { target: targetOf(action, request.params), ...said, action, principal: request.principal, request }
        }
        const given = {
          params: parse(params, request.params),
          query: parse(query, request.query),
          body: body === undefined || bodyType ? undefined : parse(body, bodyOf(request)),
        }
        const more = (facts_: AuditFacts) => void Object.assign(facts, facts_)
        const isViewer = request.principal?.role === 'viewer'
        if (isViewer) refuseFields(given.query, adminFields)
        const answered = await handle({ ...given, request, reply, audit: more }).catch((error) => {
          if (one.audit && error instanceof AppError && wrongProofs.has(error.code))
            refused(call(one.audit), error.code)
          throw error
        })
        if (one.audit && facts.nothing !== true) await audit(call(one.audit))
        if (one.status !== undefined) reply.code(one.status)
        if (one.status === 204) return reply.send()
        return isViewer && forViewers ? forViewers(answered) : answered
      },
    })
  }
}

/** `account.pause` with an `id` in its path is about that account. */
function targetOf(action: string, params: unknown): AuditEntry['target'] {
  const { id } = params as { id?: string }
  return id === undefined ? null : { kind: action.split('.')[0] ?? action, id }
}

/** What a viewer is not shown, it cannot find out by asking for it either. @throws AppError */
function refuseFields(query: unknown, names: readonly string[]): void {
  const asked = names.find((name) => (query as Record<string, unknown> | undefined)?.[name] !== undefined)
  if (asked === undefined) return
  throw new AppError('admin_required', { message: `Only an admin may ask by "${asked}".`, param: asked })
}

/** An upload has no body to check: where one is expected, it is a mistake. @throws AppError */
function bodyOf(request: FastifyRequest): unknown {
  if (request.isMultipart()) throw new AppError('unsupported_media_type', { message: 'Send application/json.' })
  return request.body ?? {}
}

/** @throws AppError naming each field at fault */
function parse(schema: unknown, value: unknown): unknown {
  if (schema === undefined) return undefined
  // `ApiRoute` leaves its schemas untyped; `route` took them from a definition that has them.
  const parsed = (schema as Schema).safeParse(inCamelCase(schema as Schema, value))
  if (parsed.success) return parsed.data
  const fields = fieldFaults(parsed.error)
  throw new AppError('invalid_request', { message: faultSentence(fields), fields })
}

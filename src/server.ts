import type { IncomingMessage } from 'node:http'
import cookie from '@fastify/cookie'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { ZodError } from 'zod'
import { refuseBroken } from './broken-request.ts'
import type { ClientGate } from './client-gate.ts'
import type { Principal } from './domain/access.ts'
import { AppError, dashboardBody, type ErrorCode, openAiBody, retryHeaders } from './errors.ts'
import { areaOf, type Firewall } from './firewall.ts'
import { admit, forgetVouching, type GateRules } from './gate.ts'
import type { Clock } from './lib/clock.ts'
import { faultSentence, fieldFaults } from './lib/field-faults.ts'
import { randomId } from './lib/secrets.ts'
import type { Tally } from './lib/tally.ts'

export type ServerDeps = {
  gate: GateRules
  /** Says which addresses get in at all; left out: all of them. */
  firewall?: Pick<Firewall, 'check'>
  clock: Clock
  log: Logger
  version: string
  /** False from the moment the server is asked to stop. */
  isOpen: () => boolean
  /** Puts an error into the words of a route that speaks neither OpenAI's protocol nor the dashboard's; null elsewhere. */
  foreignError?: (error: AppError, request: FastifyRequest) => ToldError | null
  /** Where an upgrade to a WebSocket is offered. Elsewhere the request is answered as if it asked for none. */
  socketPaths?: { has(path: string): boolean }
  /** Every answer that has not ended is counted here, but for what is public. */
  underWay: Tally
  /** Says who comes to the pool, or throws an AppError that says what is missing. */
  clientGate: Pick<ClientGate, 'enter'>
  /** Says who comes to the dashboard's API, or throws an AppError that says what is missing. */
  checkSession: (request: FastifyRequest) => Promise<Principal>
  /** Lets in who may read metrics. @throws AppError */
  checkScraper?: (request: FastifyRequest) => Promise<void>
}

/** An error as its client gets it. */
export type ToldError = { status: number; headers: Record<string, string>; body: string | Buffer }

/** Limits for routes that do not say otherwise. */
const bodyBytes = 1024 * 1024
const deadlineMs = 30_000
/** Time to receive a whole request, body included; a slow client beyond it is cut off. */
const requestMs = 10 * 60_000
const headersMs = 60_000

/** A Fastify instance with the gate, the error answers and the limits that every route has. Routes are added to it. */
export function createServer({
  gate,
  firewall,
  clock,
  log,
  version,
  isOpen,
  foreignError = () => null,
  socketPaths = new Set<string>(),
  underWay,
  clientGate,
  checkSession,
  checkScraper = async () => {
    throw new AppError('authentication_required')
  },
}: ServerDeps): FastifyInstance {
  const fail = (error: Error, request: FastifyRequest, reply: FastifyReply) =>
    sendError(error, request, reply, { clock, log, foreignError })
  const isUpgrade = ({ url, headers }: IncomingMessage) =>
    headers.upgrade?.toLowerCase() === 'websocket' && socketPaths.has(pathOf(url))
  const app = Fastify({
    logger: false,
    genReqId: requestId,
    bodyLimit: bodyBytes,
    requestTimeout: requestMs,
    // The gate refuses a request without a Host, with an explanation.
    http: {
      headersTimeout: headersMs,
      requireHostHeader: false,
      shouldUpgradeCallback: isUpgrade,
    },
    clientErrorHandler: (error, socket) => refuseBroken(error, socket, clock.now()),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 500 },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    // Closing waits for open answers; the drain time bounds it, not the framework.
    pluginTimeout: 0,
    frameworkErrors: (error, request, reply) => void fail(error, request, reply),
  })
  void app.register(cookie)
  app.decorateRequest('principal', null)
  app.decorateRequest('guest', null)
  app.addHook('onRoute', (route) => {
    if (route.config?.access === undefined)
      throw new Error(`The route ${route.method} ${route.url} declares no access.`)
    // A turn ends itself, and a timer and a signal for each would be a good part of its cost.
    if (route.config.readsBody !== true) route.handlerTimeout ??= deadlineMs
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    reply.header('x-content-type-options', 'nosniff')
    // An unknown path is refused like a client's one: strangers learn nothing from the difference.
    const { access = 'client' } = request.routeOptions.config
    const visitor = { peer: request.socket.remoteAddress, headers: request.headers }
    firewall?.check(visitor, areaOf(access, request.url))
    if (access !== 'public') reply.raw.once('close', underWay.add())
    if (!isOpen() && access !== 'public') throw new AppError('shutting_down', { retryAfterSeconds: 5 })
    admit(visitor, access, gate)
    if (access === 'client') {
      forgetVouching(request.headers, gate)
      request.guest = clientGate.enter(visitor)
    }
    if (access === 'viewer' || access === 'admin') {
      request.principal = await checkSession(request)
      if (access === 'admin' && request.principal.role !== 'admin') throw new AppError('admin_required')
    }
    if (access === 'scraper') await checkScraper(request)
    keepDeadline(reply, request.routeOptions.handlerTimeout ?? 0)
  })
  // A refused upgrade is a whole answer on a connection that nobody reads on.
  app.addHook('onResponse', async ({ raw }) => {
    if (isUpgrade(raw)) raw.socket.end()
  })
  app.setErrorHandler<FastifyError>((error, request, reply) => fail(error, request, reply))
  app.setNotFoundHandler((request, reply) => {
    const message = `There is no ${request.method} ${request.url.split('?')[0]?.slice(0, 200)}.`
    return fail(new AppError('not_found', { message }), request, reply)
  })
  const parseJson = app.getDefaultJsonParser('error', 'error')
  // Many clients announce JSON and send nothing, where there is nothing to say.
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) =>
    body === '' ? done(null) : parseJson(request, body, done),
  )
  // An expectation that nobody knows may be ignored; Node would refuse it without a word.
  app.server.on('checkExpectation', app.routing)
  app.get('/health/live', { config: { access: 'public' } }, async () => ({ status: 'ok', version }))
  return app
}

/** The path without its query and without the slash that makes no difference. */
function pathOf(url = ''): string {
  return url.replace(/\/?(\?.*)?$/, '')
}

/** Fastify lets go of a route's deadline as soon as the request has been read; this one holds until the answer. */
function keepDeadline(reply: FastifyReply, ms: number): void {
  if (ms === 0) return
  const timer = setTimeout(() => {
    if (!reply.sent && !reply.raw.headersSent) void reply.send(new AppError('overloaded', { retryAfterSeconds: 5 }))
  }, ms)
  reply.raw.once('close', () => clearTimeout(timer))
}

const saneId = /^[\w.:~-]{1,128}$/

/** The client's own id if it is harmless, else a new one. */
function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && saneId.test(given) ? given : randomId('req_')
}

/** Every error leaves through here, in the dialect of its route. */
function sendError(
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply,
  { clock, log, foreignError }: Required<Pick<ServerDeps, 'clock' | 'log' | 'foreignError'>>,
) {
  const told = isOverdueBody(error, request) ? new AppError('request_timeout', {}, { cause: error }) : toldError(error)
  if (told.code === 'internal_error')
    log.error({ err: error, requestId: request.id, url: request.url }, 'request failed')
  const foreign = foreignError(told, request)
  if (foreign)
    return reply
      .code(foreign.status)
      .headers({ 'x-request-id': request.id, ...foreign.headers })
      .send(foreign.body)
  reply.headers({ ...retryHeaders(told), 'x-request-id': request.id })
  const isDashboard = request.url.startsWith('/api/') && !request.url.startsWith('/api/codex/')
  const body = isDashboard ? dashboardBody(told, request.id) : openAiBody(told, clock.now())
  return reply.code(told.status).type('application/json; charset=utf-8').send(JSON.stringify(body))
}

const codeByStatus: Record<number, ErrorCode> = {
  // A path out of the folder of the web app.
  403: 'not_found',
  404: 'not_found',
  405: 'method_not_allowed',
  408: 'request_timeout',
  413: 'payload_too_large',
  // A path parameter beyond any id that we give.
  414: 'not_found',
  415: 'unsupported_media_type',
  503: 'overloaded',
}

/** The deadline passed while the body was still on its way: that is the client's delay, not ours. */
function isOverdueBody(error: Error, { raw }: FastifyRequest): boolean {
  return 'code' in error && error.code === 'FST_ERR_HANDLER_TIMEOUT' && !raw.complete
}

/** What a caller may know: our own errors, and the framework's complaints about the request. */
function toldError(error: Error): AppError {
  if (error instanceof AppError) return error
  if (error instanceof ZodError) {
    const fields = fieldFaults(error)
    return new AppError('invalid_request', { fields, message: faultSentence(fields) }, { cause: error })
  }
  const { statusCode } = error as Partial<FastifyError>
  if (statusCode === undefined || statusCode === 500) return new AppError('internal_error', {}, { cause: error })
  const code = codeByStatus[statusCode] ?? (statusCode < 500 ? 'invalid_request' : 'internal_error')
  return new AppError(code, code === 'invalid_request' ? { message: error.message.slice(0, 200) } : {}, {
    cause: error,
  })
}

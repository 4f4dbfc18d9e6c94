import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { checkSession, strangerOf } from './admin/caller.ts'
import { notingHeaders } from './admin/header-sign-ins.ts'
import { addAdmin } from './app-admin.ts'
import { buildParts } from './app-parts.ts'
import { createClientGate } from './client-gate.ts'
import type { Config } from './config.ts'
import { AppError } from './errors.ts'
import { createFirewall } from './firewall.ts'
import type { GateRules } from './gate.ts'
import { backgroundJobs } from './jobs/background.ts'
import { startJobs } from './jobs/jobs.ts'
import { type Clock, systemClock } from './lib/clock.ts'
import { createRoster } from './lib/roster.ts'
import { randomId, Secret } from './lib/secrets.ts'
import { createTally } from './lib/tally.ts'
import { createMetrics } from './metrics/metrics.ts'
import { addMetricsRoute } from './metrics/route.ts'
import { scraperCheck } from './metrics/scraper.ts'
import { type BodyLimits, createBodyReader } from './proxy/body.ts'
import { createKeepAlive } from './proxy/downstream.ts'
import { anthropicFailure } from './proxy/messages.ts'
import { addProxyRoutes } from './proxy/routes.ts'
import { sendByHttp } from './proxy/send.ts'
import { createSocketGate } from './proxy/socket-gate.ts'
import { socketPaths } from './proxy/socket-routes.ts'
import type { SocketSession } from './proxy/socket-session.ts'
import { createServer } from './server.ts'
import type { Deadlines } from './upstream/client.ts'
import { version } from './version.ts'
import { addWebFiles } from './web-files.ts'

export type App = {
  /** `http://host:port`. */
  url: string
  /** Refuse new turns, let running ones finish (at most the configured time), write what is queued, and stop. */
  close(): Promise<void>
}

export type AppOptions = {
  /** Replaced by tests. */
  clock?: Clock
  deadlines?: Deadlines
  bodyLimits?: Partial<BodyLimits>
  /** Every page says that what it shows is simulated. */
  demo?: boolean
  /** The folder of the built web app; replaced by tests. */
  webRoot?: string
}

/** So long streams may still see their end after the drain time, and whoever asks for nothing may stay connected. */
const lastWordsMs = 1_000

/** Builds every part from the configuration, wires them, and listens. */
export async function startApp(config: Config, log: Logger, options: AppOptions = {}): Promise<App> {
  const clock = options.clock ?? systemClock
  const parts = await buildParts(config, log, clock, options.deadlines)
  const gate = gateOf(config)
  const clientGate = createClientGate({ rules: gate, keys: parts.keys, settings: parts.settings, clock })
  const firewall = createFirewall(parts.firewallKeeper.rules, gate)
  const keepAlive = createKeepAlive()
  const running = createRoster<AbortController>()
  const sockets = createRoster<SocketSession>()
  const watchersStop = new AbortController()
  const underWay = createTally()
  let draining = false
  const checkPrincipal = notingHeaders({
    ...{ trail: parts.auditTrail, attempts: parts.attemptTrail, clock },
    userHeader: gate.vouching?.userHeader ?? null,
    check: (request) => checkSession(request, parts.signIn, gate),
    strangerOf: (request) => strangerOf(request, gate),
  })

  const app = createServer({
    ...{ gate, firewall, clock, log, version },
    isOpen: () => !draining,
    socketPaths,
    foreignError: (error, { url, id }) => anthropicFailure(error, url, id, clock.now()),
    underWay,
    clientGate,
    checkSession: checkPrincipal,
    checkScraper: scraperCheck(config.metricsToken, gate, checkPrincipal),
  })
  app.get('/health/ready', { config: { access: 'public' } }, async () => {
    if (draining) throw new AppError('shutting_down')
    await parts.store.ping()
    return { status: 'ok' }
  })
  addProxyRoutes(app, {
    ...parts,
    live: parts.bus,
    bodies: createBodyReader(options.bodyLimits),
    ...{ keepAlive, version, upstreamBaseUrl: config.upstreamBaseUrl, realtimeBaseUrl: config.realtimeBaseUrl },
    ...{ running, underWay, send: sendByHttp, clientGate },
    ...{ sockets, socketGate: createSocketGate(clock, parts.settings) },
  })
  await addAdmin(app, parts, {
    ...{ config, gate, demo: options.demo ?? false, stopping: watchersStop.signal },
    // Whoever watches is asked again and again, also where they come from.
    async checkSession(request) {
      firewall.check({ peer: request.socket.remoteAddress, headers: request.headers }, 'dashboard')
      return checkPrincipal(request)
    },
    onPasswordRemoved: () => offerBootstrap(config, parts, log),
  })
  const metrics = config.metrics ? createMetrics({ ...parts, running, version }) : null
  if (metrics) addMetricsRoute(app, metrics)
  await addWebFiles(app, options.webRoot)

  const stopJobs = startJobs(
    backgroundJobs({ ...parts, keepAlive, usageRefreshMs: config.usageRefreshMs, isStopping: () => draining }),
    clock,
    (name, error) => log.error({ err: error, job: name }, 'job failed'),
  )
  const close = async () => {
    draining = true
    watchersStop.abort()
    parts.guardian.stop()
    parts.notifications.stop()
    for (const session of sockets.entries()) session.drain()
    // Real time: stopping must not wait for a clock that a test moves by hand.
    const cancelDrain = systemClock.after(config.drainMs, () => {
      for (const turn of running.entries()) turn.abort(new Error('shutting_down'))
    })
    const cancelLast = systemClock.after(config.drainMs + lastWordsMs, () => app.server.closeAllConnections())
    // Until then the port stays open, so that whoever asks learns that this server is draining.
    await underWay.empty()
    // To Node a connection that has said nothing yet, as browsers open them in advance, is not idle but at work.
    const cancelSilent = systemClock.after(lastWordsMs, () => app.server.closeAllConnections())
    await app.close()
    for (const cancel of [cancelDrain, cancelLast, cancelSilent]) cancel()
    metrics?.close()
    await stopJobs()
    await parts.close()
  }
  try {
    await offerBootstrap(config, parts, log)
    await app.listen({ host: config.host, port: config.port })
  } catch (error) {
    await close()
    throw error
  }
  const { port } = app.server.address() as AddressInfo
  return { url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`, close }
}

function gateOf({ host, allowedHosts, trustedProxies, dashboardVouching: vouching }: Config): GateRules {
  const hosts = new Set([host.toLowerCase(), ...allowedHosts])
  return { trustedProxies, hosts, origins: new Set(allowedHosts), vouching }
}

/** Where a remote browser can reach us and no password is set, the first one to come must prove that it reads the log. */
async function offerBootstrap(
  config: Config,
  { signIn }: Awaited<ReturnType<typeof buildParts>>,
  log: Logger,
): Promise<void> {
  const given = config.dashboardBootstrapToken
  // Nobody sets a password where nobody signs in, and where a proxy does, it vouches for whoever sets the first one.
  if (config.dashboardAuthMode !== 'standard' && given === null) return
  const isPublished = config.trustedProxies.length > 0 || config.allowedHosts.length > 0
  const isRemote = isPublished || !['127.0.0.1', '::1', 'localhost'].includes(config.host)
  if ((await signIn.state()).passwordHash !== null || (given === null && !isRemote)) return
  const token = given ?? new Secret(randomId('boot_'))
  await signIn.offerBootstrap(token)
  if (given === null) log.warn(`No dashboard password is set. Set the first one with this token: ${token.reveal()}`)
}

import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { exportRoutes } from './admin/account-export.ts'
import { displayNameOf } from './admin/account-views.ts'
import { accountRoutes } from './admin/accounts.ts'
import { affinityRoutes } from './admin/affinities.ts'
import { apiKeyRoutes } from './admin/api-keys.ts'
import { auditRoutes, entryOf, refusedOf } from './admin/audit.ts'
import { callerOf, isSecure, siteOf, strangerOf } from './admin/caller.ts'
import { conversationRoutes } from './admin/conversations.ts'
import { doctorRoutes } from './admin/doctor.ts'
import { egressRoutes } from './admin/egress.ts'
import { eventRoutes } from './admin/events.ts'
import { firewallRoutes } from './admin/firewall.ts'
import { forecastRoutes } from './admin/forecast.ts'
import { uploadRules } from './admin/import-files.ts'
import { createLiveFeed } from './admin/live.ts'
import { modelSourceRoutes } from './admin/model-sources.ts'
import { modelRoutes } from './admin/models.ts'
import { notificationRoutes } from './admin/notifications.ts'
import { openApiRoutes } from './admin/openapi.ts'
import { overviewOf, overviewRoutes } from './admin/overview.ts'
import { passkeyRoutes } from './admin/passkeys.ts'
import { priceRoutes } from './admin/prices.ts'
import { probeRoutes } from './admin/probe.ts'
import { reportRoutes } from './admin/reports.ts'
import { requestRoutes } from './admin/requests.ts'
import { resetCreditRoutes } from './admin/reset-credits.ts'
import { retentionRoutes } from './admin/retention.ts'
import { addRoutes } from './admin/route.ts'
import { createCookies, sessionRoutes } from './admin/session.ts'
import { sessionListRoutes } from './admin/sessions.ts'
import { settingsRoutes } from './admin/settings.ts'
import { signInRoutes } from './admin/sign-ins.ts'
import { statisticsRoutes } from './admin/statistics.ts'
import { trendRoutes } from './admin/trend-routes.ts'
import { whatIfRoutes } from './admin/what-if.ts'
import type { Parts } from './app-parts.ts'
import type { Config } from './config.ts'
import type { Principal } from './domain/access.ts'
import type { GateRules } from './gate.ts'
import { sampleDays } from './jobs/rollup.ts'
import { createProber } from './proxy/probe.ts'
import { sendByHttp } from './proxy/send.ts'
import { version } from './version.ts'

export type AdminOptions = {
  config: Config
  gate: GateRules
  demo: boolean
  stopping: AbortSignal
  /** Makes a new token known with which a remote browser can set the next first password. */
  onPasswordRemoved: () => Promise<void>
  /** Who is there; throws an AppError that says what is missing. */
  checkSession: (request: FastifyRequest) => Promise<Principal>
}

/** Puts the management API on the server. */
export async function addAdmin(
  app: FastifyInstance,
  parts: Parts,
  { config, gate, demo, stopping, onPasswordRemoved, checkSession }: AdminOptions,
): Promise<void> {
  const { store, pool, admission, tokens, affinity, catalogue, recorder, signIn, bus, clock } = parts
  const flush = () => recorder.flush()
  const names = {
    account: (id: string) => {
      const account = pool.get(id)
      return account && displayNameOf(account)
    },
    key: (id: string) => parts.keys.get(id)?.name ?? null,
  }
  const overview = { traffic: parts.traffic, pool, admission, clock, flush, demo }
  const totals = async () => {
    const { accountCounts, requestCount, errorCount, errorRate, ...others } = await overviewOf('1d', overview)
    const { usageSummary, windows, panic, waiting } = others
    return { accountCounts, requestCount, errorCount, errorRate, usageSummary, windows, panic, waiting }
  }
  const feed = createLiveFeed({
    bus,
    pool,
    clock,
    ways: parts.egress.ways,
    totals,
    onError: parts.onError('live events'),
  })
  const door = {
    ...{ signIn, version, demo, onPasswordRemoved },
    callerOf: (request: FastifyRequest) => callerOf(request, gate),
    isSecure: (request: FastifyRequest) => isSecure(request, gate),
    siteOf: (request: FastifyRequest) => siteOf(request, gate),
  }
  const cookies = createCookies(door)
  const routes = [
    ...sessionRoutes(door, cookies),
    ...sessionListRoutes(door),
    ...passkeyRoutes(door, cookies),
    ...firewallRoutes({ keeper: parts.firewallKeeper, gate }),
    ...overviewRoutes(overview),
    ...accountRoutes({
      ...{ store, pool, clock, egress: parts.egress },
      onImported: parts.takeIn,
      onRemoved(id) {
        tokens.forget(id)
        affinity.forget(id)
        bus.emit({ kind: 'account_removed', id })
      },
    }),
    ...exportRoutes({ store, pool, tokens, signIn, callerOf: door.callerOf }),
    ...probeRoutes({
      ...{ pool, clock },
      probe: createProber({
        ...{ ...parts, live: bus, send: sendByHttp, version, stopping },
        upstreamBaseUrl: config.upstreamBaseUrl,
      }),
    }),
    ...signInRoutes({ pool, logins: parts.logins, authBaseUrl: parts.authBaseUrl }),
    ...trendRoutes({ store, pool, clock }),
    ...forecastRoutes({ store, pool, clock, settings: parts.settings }),
    ...resetCreditRoutes({ pool, store, lists: parts.creditLists, redeemer: parts.redeemer }),
    ...statisticsRoutes({ pool, statistics: parts.statistics, clock }),
    ...requestRoutes({ store, traffic: parts.traffic, names, clock, flush }),
    ...retentionRoutes({ store, settings: parts.settings, clock, sampleDays }),
    ...conversationRoutes({ store, names, flush }),
    ...priceRoutes({
      ...{ prices: parts.prices, recompute: parts.recompute },
      listUrl: () => parts.settings().priceListUrl,
    }),
    ...reportRoutes({ traffic: parts.traffic, names, clock, flush }),
    ...affinityRoutes({ store, affinity, pool, clock }),
    ...modelRoutes(catalogue),
    ...modelSourceRoutes({
      ...{ store, sources: parts.sources, sourceClient: parts.sourceClient, clock },
      onChanged: () => bus.emit({ kind: 'settings' }),
    }),
    ...settingsRoutes({ pool, egress: parts.egress, settings: parts.settingsKeeper }),
    ...apiKeyRoutes({ keys: parts.keys, ledger: parts.ledger, store, pool, clock, flush }),
    ...egressRoutes({ ...{ egress: parts.egress, pool, settings: parts.settings, store, clock }, probe: parts.probe }),
    ...auditRoutes({ store }),
    ...doctorRoutes({ store, pool, egress: parts.egress, clock, config }),
    ...whatIfRoutes({
      store: { ...store, requests: { ...store.requests, sums: parts.traffic.sums } },
      ...{ settings: parts.settings, clock, flush },
    }),
    ...notificationRoutes({ store, notifications: parts.notifications, clock }),
    ...eventRoutes({
      ...{ feed, clock, version, demo, stopping, checkSession },
    }),
  ]
  await app.register(multipart, uploadRules)
  addRoutes(app, [...routes, ...openApiRoutes(routes, version)], {
    audit: (call) => parts.auditTrail.write(entryOf(call, strangerOf(call.request, gate))),
    refused: (call, code) => parts.attemptTrail.note(refusedOf(call, code, strangerOf(call.request, gate))),
  })
}

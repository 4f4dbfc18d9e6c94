import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { createAccountCalls } from './accounts/account-calls.ts'
import { createAffinity } from './accounts/affinity.ts'
import { createCatalogue } from './accounts/catalogue.ts'
import { createPool } from './accounts/pool.ts'
import { createTokens } from './accounts/tokens.ts'
import { createUsagePoll } from './accounts/usage-poll.ts'
import { addAccountRoutes, useZod } from './admin/accounts.ts'
import { addRequestRoutes } from './admin/requests.ts'
import { addSettingsRoutes } from './admin/settings.ts'
import { openConfiguredStore } from './app-store.ts'
import type { Config } from './config.ts'
import { statusOf } from './domain/account.ts'
import { minuteMs } from './domain/quota.ts'
import { AppError } from './errors.ts'
import { backgroundJobs } from './jobs/background.ts'
import { startJobs } from './jobs/jobs.ts'
import { type Clock, systemClock } from './lib/clock.ts'
import { createBodyReader } from './proxy/body.ts'
import { createKeepAlive } from './proxy/downstream.ts'
import { createRecorder } from './proxy/recorder.ts'
import { addProxyRoutes } from './proxy/routes.ts'
import { createServer } from './server.ts'
import { createUpstreamClient, type Deadlines } from './upstream/client.ts'
import { version } from './version.ts'

export type App = {
  /** `http://host:port`. */
  url: string
  /** Refuse new turns, let running ones finish (at most the configured time), write what is queued, and stop. */
  close(): Promise<void>
}

/** What tests replace. */
export type AppOptions = { clock?: Clock; deadlines?: Deadlines }

/** After the drain time is over, streams get this long to see their end. */
const lastWordsMs = 1_000

/** Builds every part from the configuration, wires them, and listens. */
export async function startApp(config: Config, log: Logger, options: AppOptions = {}): Promise<App> {
  const clock = options.clock ?? systemClock
  const { upstreamBaseUrl, authBaseUrl } = config
  const store = await openConfiguredStore(config, log)
  let settings = await store.settings.load()
  const onError = (part: string) => (error: unknown) => log.error({ err: error, part }, 'background work failed')

  const client = createUpstreamClient(options.deadlines)
  const pool = createPool({
    store,
    clock,
    settings: () => settings,
    onError: onError('pool'),
    onHealth: ({ id, health }, event) =>
      log.info(
        { accountId: id, event: event.kind, status: statusOf(health, clock.now()), until: health.blocked?.untilMs },
        'account changed',
      ),
    onLoaded: () => tokens.forgetAll(),
  })
  const tokens = createTokens({
    store,
    client,
    clock,
    authBaseUrl,
    onRotated: (accountId) => log.info({ accountId }, 'token renewed'),
  })
  const affinity = createAffinity({
    store,
    clock,
    ttlMs: () => settings.affinityMinutes * minuteMs,
    onError: onError('affinity'),
  })
  const calls = createAccountCalls({ pool, tokens, client, upstreamBaseUrl, version })
  const onCallError = (accountId: string, error: unknown) =>
    log.warn({ accountId, err: error }, 'call on behalf of an account failed')
  const usagePoll = createUsagePoll({ pool, calls, clock, onError: onCallError })
  const catalogue = createCatalogue({ pool, calls, clock, onError: onCallError })
  const recorder = createRecorder(store, clock, onError('request log'))
  const keepAlive = createKeepAlive()
  const bodies = createBodyReader()
  const stopping = new AbortController()
  let draining = false

  await pool.load()
  await affinity.load()

  const app = createServer({ gate: gateOf(config), clock, log, version, isOpen: () => !draining })
  useZod(app)
  app.get('/health/ready', { config: { access: 'public' } }, async () => {
    if (draining) throw new AppError('shutting_down')
    await store.ping()
    return { status: 'ok' }
  })
  addProxyRoutes(app, {
    ...{ pool, tokens, affinity, client, clock, upstreamBaseUrl, version, catalogue, recorder, keepAlive, bodies, log },
    stopping: stopping.signal,
  })
  const pollAll = (ids: string[]) => Promise.all(ids.map((id) => usagePoll.poll(id)))
  await addAccountRoutes(app, {
    ...{ store, pool, clock },
    async onImported(ids) {
      await pool.load()
      // The answer need not wait for the upstream; a page that asks a moment later sees the figures.
      void pollAll(ids)
    },
    onRemoved(id) {
      tokens.forget(id)
      affinity.forget(id)
    },
  })
  addRequestRoutes(app, { store, flush: () => recorder.flush() })
  addSettingsRoutes(app, {
    read: () => settings,
    async save(changed) {
      await store.settings.save(changed)
      settings = changed
    },
  })

  const stopJobs = startJobs(
    backgroundJobs({
      pool,
      tokens,
      affinity,
      store,
      catalogue,
      usagePoll,
      keepAlive,
      clock,
      usageRefreshMs: config.usageRefreshMs,
    }),
    clock,
    (name, error) => log.error({ err: error, job: name }, 'job failed'),
  )
  const close = async () => {
    draining = true
    const closed = app.close()
    const cancelDrain = after(config.drainMs, () => stopping.abort(new Error('shutting_down')))
    const cancelLast = after(config.drainMs + lastWordsMs, () => app.server.closeAllConnections())
    await closed
    cancelDrain()
    cancelLast()
    await stopJobs()
    await recorder.flush()
    await affinity.flush()
    await pool.flush()
    await client.close()
    await store.close()
  }
  try {
    await app.listen({ host: config.host, port: config.port })
  } catch (error) {
    await close()
    throw error
  }
  const { port } = app.server.address() as AddressInfo
  return { url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`, close }
}

function gateOf({ host, allowedHosts, trustedProxies }: Config) {
  return { trustedProxies, hosts: new Set([host.toLowerCase(), ...allowedHosts]) }
}

/** Real time: stopping must not wait for a clock that a test moves by hand. */
function after(delayMs: number, work: () => void): () => void {
  return systemClock.after(delayMs, work)
}

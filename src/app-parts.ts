import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { createAccountCalls } from './accounts/account-calls.ts'
import { type Admission, createAdmission } from './accounts/admission.ts'
import { createAffinity } from './accounts/affinity.ts'
import { createCatalogue } from './accounts/catalogue.ts'
import { createCreditLists } from './accounts/credit-lists.ts'
import { createGuardian } from './accounts/guardian.ts'
import { createKeys } from './accounts/keys.ts'
import { createLedger } from './accounts/ledger.ts'
import { createLogins } from './accounts/login/logins.ts'
import { createPool } from './accounts/pool.ts'
import { createPoolRedeemer } from './accounts/pool-redemption.ts'
import { createRedeemer } from './accounts/reset-credits.ts'
import { createResetRule } from './accounts/reset-rule.ts'
import { createRetryBudget } from './accounts/retry-budget.ts'
import { createStatistics } from './accounts/statistics.ts'
import { createTakeIn } from './accounts/take-in.ts'
import { createTokens, TokenError } from './accounts/tokens.ts'
import { createUsagePoll } from './accounts/usage-poll.ts'
import { createAttemptTrail } from './admin/attempt-trail.ts'
import { createAuditTrail, loginEntry } from './admin/audit.ts'
import { openConfiguredStore } from './app-store.ts'
import { createFirewallKeeper } from './auth/firewall-keeper.ts'
import { createSignIn } from './auth/sign-in.ts'
import type { Config } from './config.ts'
import { activeBlock, statusOf } from './domain/account.ts'
import type { EgressProxy } from './domain/egress-proxy.ts'
import type { LiveEvent } from './domain/live.ts'
import { minuteMs } from './domain/quota.ts'
import { createOutbound } from './egress/outbound.ts'
import { createEgress } from './egress/registry.ts'
import { createRequestFold } from './jobs/request-fold.ts'
import { createRollup } from './jobs/rollup.ts'
import { createBus } from './lib/bus.ts'
import type { Clock } from './lib/clock.ts'
import { egressFacts } from './notifications/egress-facts.ts'
import { createKeyLimits } from './notifications/key-limits.ts'
import { createNotifications } from './notifications/notifications.ts'
import { maxBodyBytes } from './proxy/body.ts'
import { createRecorder } from './proxy/recorder.ts'
import { createPriceKeeper } from './reports/prices.ts'
import { createRecompute } from './reports/recompute.ts'
import { createTraffic } from './reports/traffic.ts'
import { createSettingsKeeper } from './settings/keeper.ts'
import { createSourceClient } from './sources/client.ts'
import { createModelSources } from './sources/sources.ts'
import { createStored } from './stored/stored.ts'
import { createUpstreamClient, type Deadlines } from './upstream/client.ts'
import { probeProxy } from './upstream/probe.ts'
import { version } from './version.ts'

/** Everything that lives as long as the program, apart from the server and its routes. */
export type Parts = Awaited<ReturnType<typeof buildParts>>

/** Builds the parts from the configuration and fills them from the store. */
export async function buildParts(config: Config, log: Logger, clock: Clock, deadlines?: Deadlines) {
  const { upstreamBaseUrl, authBaseUrl } = config
  const store = await openConfiguredStore(config, log)
  const bus = createBus<LiveEvent>()
  const settingsKeeper = await createSettingsKeeper({
    ...{ store: store.settings, clock },
    onChange(before) {
      bus.emit({ kind: 'settings' })
      if (!isDeepStrictEqual(before.defaultEgress, settings().defaultEgress)) bus.emit({ kind: 'egress' })
      admission.offer()
    },
  })
  const settings = () => settingsKeeper.now()
  const onError = (part: string) => (error: unknown) => log.error({ err: error, part }, 'background work failed')
  const onCallError = (accountId: string, error: unknown) => {
    // A token that cannot be renewed is an account's state, not a fault of ours: its code says all.
    const why = error instanceof TokenError ? { code: error.code } : { err: error }
    log.warn({ accountId, ...why }, 'call on behalf of an account failed')
  }

  const client = createUpstreamClient(deadlines)
  const egress = createEgress({
    ...{ store: store.egress, clock, defaultRoute: () => settings().defaultEgress },
    onReplaced: (proxyId) => client.forget(proxyId),
    onChange() {
      bus.emit({ kind: 'egress' })
      admission.offer()
    },
  })
  const outbound = createOutbound({ ...{ client, egress, clock }, choiceOf: (id) => pool.get(id)?.egress ?? null })
  const pool = createPool({
    ways: egress.ways,
    store,
    clock,
    settings,
    onError: onError('pool'),
    onHealth({ id, health }, evidence) {
      const nowMs = clock.now()
      const facts = { accountId: id, evidence: evidence.kind, status: statusOf(health, nowMs) }
      log.info({ ...facts, until: activeBlock(health, nowMs)?.untilMs }, 'account changed')
    },
    onLoaded: () => tokens.forgetAll(),
    onRoom: () => admission.offer(),
    onChange: (id) => bus.emit({ kind: 'account', id }),
  })
  const admission: Admission = createAdmission({ pool, clock, settings })
  const keys = createKeys({ store, clock })
  const retries = createRetryBudget(clock)
  const onRotated = (accountId: string) => log.info({ accountId }, 'token renewed')
  const tokens = createTokens({ store, client: outbound, clock, authBaseUrl, onRotated })
  const guardian = createGuardian({ pool, tokens, clock, onError: onCallError })
  const ttlMs = () => settings().affinityMinutes * minuteMs
  const affinity = createAffinity({ store, clock, ttlMs, onError: onError('affinity') })
  const calls = createAccountCalls({ pool, tokens, client: outbound, upstreamBaseUrl, version })
  const usagePoll = createUsagePoll({ pool, calls, clock, onError: onCallError })
  const catalogue = createCatalogue({
    ...{ store, pool, calls, clock },
    onError: (accountId, error) => (accountId === null ? onError('model lists')(error) : onCallError(accountId, error)),
  })
  const prices = createPriceKeeper({ store: store.prices, clock })
  const recorder = createRecorder(store, clock, onError('request log'), prices.now)
  const recompute = createRecompute({
    ...{ store, prices: prices.now, clock, onError: onError('costs of the past') },
    flush: () => recorder.flush(),
  })
  const ledger = createLedger({
    ...{ store: store.ledger, clock, onError: onError('limits of keys') },
    flushLog: () => recorder.flush(),
  })
  const stored = createStored({
    ...{ store: store.responses, clock, settings, maxHistoryBytes: maxBodyBytes },
    onError: onError('stored responses'),
  })
  const sources = createModelSources({ store, clock, onError: onError('model sources') })
  const sourceClient = createSourceClient(version)
  const rollup = createRollup({ usage: store.usage, clock })
  const traffic = createTraffic(store)
  const requestSums = createRequestFold(store.requestSums, clock)
  const creditLists = createCreditLists({ pool, calls, clock, onError: onCallError })
  const redeemer = createRedeemer({ store, pool, calls, lists: creditLists, usagePoll, clock, onError: onCallError })
  const redemption = { store, pool, lists: creditLists, redeemer, settings, clock }
  const poolRedeemer = createPoolRedeemer(redemption)
  const applyResetRule = createResetRule(redemption)
  const statistics = createStatistics({ pool, calls, clock, onError: onCallError })
  const firewallKeeper = await createFirewallKeeper({ store, clock })
  const signIn = createSignIn({ store, clock, mode: config.dashboardAuthMode })
  const auditTrail = createAuditTrail(store, clock, onError('audit log'))
  const attemptTrail = createAttemptTrail(auditTrail, clock)
  const notifications = createNotifications({
    ...{ store, bus, pool, clock, version },
    keyLimits: createKeyLimits({ keys, ledger }),
    egress: () => egressFacts(egress, clock),
  })
  const takeIn = createTakeIn({ pool, bus, usagePoll, catalogue })
  const logins = createLogins({
    ...{ store, client: outbound, clock, authBaseUrl, callbackPort: config.oauthCallbackPort },
    onChange: ({ id, status }) => bus.emit({ kind: 'sign_in', id, status }),
    onAdded: (id) => takeIn([id]),
    onOver(flow) {
      log.info({ signInId: flow.id, status: flow.status, code: flow.fault?.code }, 'sign-in ended')
      return auditTrail.write(loginEntry(flow))
    },
    onError: onError('sign-in'),
  })
  await egress.load()
  await pool.load()
  await affinity.load()
  await catalogue.load()
  await keys.load()
  await prices.load()
  await ledger.load()
  await sources.load()
  return {
    ...{
      store,
      bus,
      // There is no other client for whatever builds on these parts: each call goes its account's way.
      client: outbound,
      egress,
      probe: (proxy: EgressProxy) => probeProxy(proxy, new URL(upstreamBaseUrl), clock),
      pool,
      admission,
      keys,
      ledger,
      retries,
      tokens,
      affinity,
      usagePoll,
      catalogue,
      recorder,
      signIn,
      firewallKeeper,
      auditTrail,
      attemptTrail,
      clock,
      log,
      onError,
    },
    ...{ traffic, requestSums, prices, recompute },
    ...{ sources, sourceClient },
    ...{ stored, guardian, rollup, creditLists, redeemer, poolRedeemer, applyResetRule, statistics },
    notifications,
    settings,
    settingsKeeper,
    ...{ logins, takeIn, authBaseUrl },
    /** Of a key as it is now. */
    limitsOf: (keyId: string) => keys.get(keyId)?.limits ?? [],
    /** Write what is queued, and let go of the network and the database. */
    async close() {
      await attemptTrail.flush()
      await notifications.close()
      await logins.stop()
      await recompute.stop()
      await recorder.flush()
      await stored.flush()
      await affinity.flush()
      await keys.flush()
      await ledger.close()
      await pool.flush()
      await sources.flush()
      await sourceClient.close()
      await client.close()
      await store.close()
    },
  }
}

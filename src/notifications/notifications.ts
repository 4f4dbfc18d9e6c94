import type { Pool } from '../accounts/pool.ts'
import type { LiveEvent } from '../domain/live.ts'
import type { Channel } from '../domain/notifications/channel.ts'
import type { DeliveryAttempt } from '../domain/notifications/notification.ts'
import type { Facts } from '../domain/notifications/observe.ts'
import type { Rule, RuleKind } from '../domain/notifications/rule.ts'
import { poolWindows } from '../domain/pool-windows.ts'
import { dayMs, minuteMs } from '../domain/quota.ts'
import type { Bus } from '../lib/bus.ts'
import type { Clock } from '../lib/clock.ts'
import { randomId } from '../lib/secrets.ts'
import type { Store } from '../store/store.ts'
import { createDeliver } from './deliver.ts'
import { createRequestCounts } from './request-counts.ts'
import { createSend, type SendDeps } from './send.ts'
import { createVersionCheck } from './version-check.ts'
import { createWatch } from './watch.ts'

/** Tells people what they asked to be told. */
export type Notifications = {
  /** Looks at the rules and queues what there is to tell. */
  watch(): Promise<void>
  /** Sends what is queued. */
  deliver(): Promise<void>
  prune(): Promise<void>
  /** Sends a test message at once, past the queue. */
  test(channel: Channel): Promise<DeliveryAttempt>
  /** Why a rule cannot see what it watches, or null. */
  problemOf(rule: Rule): string | null
  /** Begins nothing new; what is being sent gets a moment to end. */
  stop(): void
  /** To be called when the jobs are over. */
  close(): Promise<void>
}

export type NotificationsDeps = Pick<SendDeps, 'resolve'> & {
  store: Pick<Store, 'notifications'>
  bus: Bus<LiveEvent>
  pool: Pick<Pool, 'accounts'>
  clock: Clock
  version: string
  /** Looked at only while a rule is about them. */
  keyLimits?: () => Promise<Facts['keyLimits']>
  egress?: () => Facts['egress']
}

const leaseName = 'notifications'
const leaseMs = minuteMs
const lastWordsMs = 2_000
const historyMs = 90 * dayMs
const mostKept = 10_000
const pruneRows = 500

export function createNotifications(deps: NotificationsDeps): Notifications {
  const { store, bus, pool, clock, version, resolve, keyLimits = async () => null, egress = () => null } = deps
  const db = store.notifications
  const stopping = new AbortController()
  let isStopping = false
  const holder = randomId('process_')
  let leasedUntilMs = 0
  const send = createSend({ clock, version, ...(resolve ? { resolve } : {}) })
  const requests = createRequestCounts(bus, clock)
  const versions = createVersionCheck(clock, version, stopping.signal)
  const deliver = createDeliver({ store, clock, send, stopping: stopping.signal, isStopping: () => isStopping })
  const facts = async (kinds: ReadonlySet<RuleKind>): Promise<Facts> => ({
    accounts: pool.accounts(),
    windows: poolWindows(pool.accounts(), clock.now()),
    keyLimits: kinds.has('key_limit') ? await keyLimits() : null,
    ...{ egress: egress(), requests },
    latestVersion: versions.latest,
    running: version,
  })
  const look = createWatch({ store, clock, facts })

  /** Of several processes on one database, one tells. */
  const isOurs = async () => {
    const nowMs = clock.now()
    if (leasedUntilMs - nowMs > leaseMs / 2) return true
    const isTaken = await db.takeLease(leaseName, holder, nowMs, nowMs + leaseMs)
    leasedUntilMs = isTaken ? nowMs + leaseMs : 0
    return isTaken
  }

  return {
    async watch() {
      const rules = (await db.rules()).filter(({ isActive }) => isActive)
      if (rules.length > 0 && !isStopping && (await isOurs())) await look(rules)
    },
    async deliver() {
      if (!isStopping && (await isOurs())) await deliver()
    },
    async prune() {
      while ((await db.prune(clock.now() - historyMs, mostKept, pruneRows)) === pruneRows);
    },
    async test(channel) {
      const atMs = clock.now()
      const title = 'A test message'
      const text = `Messages to the channel “${channel.name}” arrive here.`
      const message = { id: randomId('test_'), atMs, event: 'test', rule: null, title, text, about: [] } as const
      const { ok, status, error } = await send(channel, message, stopping.signal)
      return { atMs, ok, status, elapsedMs: clock.now() - atMs, error }
    },
    problemOf(rule) {
      if (rule.kind === 'egress_down' && egress() === null) return 'There are no egress proxies here.'
      return rule.kind === 'new_version' ? versions.problem(rule.parameters) : null
    },
    stop() {
      isStopping = true
      // Real time: stopping must not wait for a clock that a test moves by hand.
      setTimeout(() => stopping.abort(new Error('shutting_down')), lastWordsMs).unref()
    },
    async close() {
      stopping.abort(new Error('shutting_down'))
      if (leasedUntilMs > 0) await db.dropLease(leaseName, holder)
    },
  }
}

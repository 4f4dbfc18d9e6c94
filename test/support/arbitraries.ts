import fc from 'fast-check'
import type { RoutingAsk } from '../../src/balancer/choose.ts'
import type { Evidence } from '../../src/balancer/health.ts'
import type { Account, Block, Health } from '../../src/domain/account.ts'
import type { Meter } from '../../src/domain/meter.ts'
import { dayMs, hourMs, type QuotaWindow, windowKinds } from '../../src/domain/quota.ts'
import { type Settings, strategyNames } from '../../src/domain/settings.ts'
import { aMeter, anAccount, anAsk, aWindow, nowMs, withSettings } from './accounts.ts'

// Whatever may be true of accounts, requests and settings, for properties. Small worlds, so that things meet often.

const ids = ['a', 'b', 'c', 'd', 'e', 'f'] as const
export const sparkModel = 'gpt-5.3-codex-spark'
const models = ['gpt-5', 'gpt-4', sparkModel] as const

/** Around now: what has just ended, ends in a moment, and lasts. */
const end = fc.constantFrom(-1, 0, 1, 2_000, hourMs, 5 * dayMs).map((ms) => nowMs + ms)
const percent = fc.constantFrom(0, 10, 50, 94, 95, 99, 100)
const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: null })

const someWindow: fc.Arbitrary<QuotaWindow> = fc
  .record({ kind: fc.constantFrom(...windowKinds), used: percent, resetAtMs: maybe(end) })
  .map(({ kind, used, resetAtMs }) => aWindow(kind, used, { resetAtMs }))

const someBlock: fc.Arbitrary<Block> = fc.record({
  by: fc.constantFrom('burst', 'window', 'plan', 'errors'),
  window: maybe(fc.constantFrom(...windowKinds)),
  meter: fc.constantFrom(null, null, 'codex_spark'),
  sinceMs: fc.constant(nowMs - 1_000),
  untilMs: end,
  code: fc.constant('code'),
  endIsKnown: fc.boolean(),
  strikes: fc.integer({ min: 1, max: 4 }),
})

/** As the transitions leave them: one of each kind, rests without window and meter and with their failures. */
const someBlocks = fc
  .uniqueArray(someBlock, { maxLength: 3, selector: ({ by, window, meter }) => `${by} ${window} ${meter}` })
  .map((blocks) => blocks.map((one) => (one.by === 'errors' ? { ...one, window: null, meter: null } : one)))

const someHealth: fc.Arbitrary<Health> = fc
  .record({
    paused: fc.constantFrom(false, false, false, true),
    signIn: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'reauth_required', 'deactivated'),
    signInReason: fc.constant(null),
    blocks: fc.oneof({ weight: 2, arbitrary: fc.constant<Block[]>([]) }, { weight: 3, arbitrary: someBlocks }),
    failures: fc.integer({ min: 0, max: 4 }),
    concurrency: maybe(fc.record({ limit: fc.integer({ min: 1, max: 3 }), untilMs: end })),
    fitSinceMs: fc.constantFrom(0, nowMs - 60_000, nowMs),
  })
  .map((health) => (health.blocks.some(({ by }) => by === 'errors') ? { ...health, failures: 3 } : health))

export const someAccount = (id: string): fc.Arbitrary<Account> =>
  fc
    .record({
      plan: fc.constantFrom('plus', 'pro', 'free', 'new'),
      health: someHealth,
      windows: fc.uniqueArray(someWindow, { maxLength: 2, selector: ({ kind }) => kind }),
      meters: fc.oneof(
        fc.constant<Meter[]>([]),
        percent.map((used) => [{ ...aMeter('GPT-5.3-Codex-Spark', used), key: 'codex_spark' }]),
      ),
      models: maybe(fc.subarray([...models]).map((list): ReadonlySet<string> => new Set(list))),
      policy: fc.constantFrom('normal', 'preserve', 'burn_first'),
      priority: fc.constantFrom(-100, 0, 0, 5, 100),
      tags: fc.subarray(['work', 'home']),
      inFlight: fc.integer({ min: 0, max: 4 }),
      starting: fc.integer({ min: 0, max: 4 }),
      unseenTokens: fc.constantFrom(0, 5_000, 1e9),
      createdAtMs: fc.constantFrom(0, nowMs),
      lastChosenAtMs: fc.integer({ min: 0, max: 3 }),
    })
    .map((given) => anAccount(id, { ...given, starting: Math.min(given.starting, given.inFlight) }))

export const somePool: fc.Arbitrary<Account[]> = fc
  .subarray([...ids])
  .chain((chosen) => fc.tuple(...chosen.map(someAccount)))

const someId = fc.constantFrom(null, null, 'a', 'b', 'c', 'gone')

export const someAsk: fc.Arbitrary<RoutingAsk> = fc
  .record({
    model: fc.constantFrom(...models),
    inputTokens: fc.constantFrom(0, 1, 10_000, 400_000),
    ownerId: someId,
    home: someId.chain((accountId) =>
      accountId === null
        ? fc.constant(null)
        : fc.record({ accountId: fc.constant(accountId), warmTokens: fc.constantFrom(0, 5_000, 300_000) }),
    ),
    tried: fc.subarray([...ids], { maxLength: 3 }).map((list): ReadonlySet<string> => new Set(list)),
    lacking: fc.subarray([...ids], { maxLength: 1 }).map((list): ReadonlySet<string> => new Set(list)),
    seed: fc.string({ maxLength: 4 }),
  })
  .map((given) => anAsk(given))

const credits = maybe(fc.constantFrom(1, 225, 50_000))

export const someSettings: fc.Arbitrary<Settings> = fc
  .record({
    strategy: fc.constantFrom(...strategyNames),
    relativePower: fc.constantFrom(0, 1, 2, 10),
    relativeTopK: fc.integer({ min: 1, max: 20 }),
    singleAccountId: someId,
    drainOrder: fc.shuffledSubarray([...ids]),
    preferEarlierReset: fc.constantFrom('off', 'short', 'long'),
    edgeShortPercent: fc.constantFrom(1, 95, 100),
    edgeLongPercent: fc.constantFrom(1, 98, 100),
    onlyTags: fc.constantFrom<string[]>([], [], ['work'], ['work', 'home']),
    planCapacities: fc.dictionary(
      fc.constantFrom('plus', 'free', 'new'),
      fc.record({ short: credits, weekly: credits, monthly: credits }),
      { maxKeys: 2 },
    ),
    slowStartMinutes: fc.constantFrom(0, 5, 120),
    maxStreams: fc.integer({ min: 1, max: 5 }),
    maxTurnStarts: fc.integer({ min: 1, max: 5 }),
  })
  .map((given) => withSettings(given))

/** What may happen to an account at `atMs`. */
const someEvidence = (atMs: number): fc.Arbitrary<Evidence> => {
  const window = maybe(fc.constantFrom(...windowKinds))
  const meter = fc.constantFrom(null, null, 'spark')
  const untilMs = maybe(fc.constantFrom(500, 30_000, hourMs, 5 * dayMs).map((ms) => atMs + ms))
  const code = fc.constantFrom('x', 'y')
  const figure = fc
    .record({
      kind: fc.constantFrom(...windowKinds),
      used: percent,
      aheadMs: maybe(fc.constantFrom(hourMs, 7 * dayMs)),
      ageMs: fc.constantFrom(0, 60_000),
      source: fc.constantFrom('poll', 'refusal'),
    })
    .map(({ kind, used, aheadMs, ageMs, source }) =>
      aWindow(kind, used, { resetAtMs: aheadMs === null ? null : atMs + aheadMs, readAtMs: atMs - ageMs, source }),
    )
  return fc.oneof(
    fc.constant<Evidence>({ kind: 'served' }),
    fc.record({
      kind: fc.constant('refused'),
      by: fc.constantFrom('burst', 'window', 'plan'),
      code,
      untilMs,
      window,
      meter,
    }),
    fc.record({ kind: fc.constant('crowded'), inFlight: fc.integer({ min: 0, max: 9 }) }),
    fc.record({ kind: fc.constant('failed'), code }),
    fc.record({ kind: fc.constant('sign_in_lost'), as: fc.constantFrom('reauth_required', 'deactivated'), code }),
    fc.constant<Evidence>({ kind: 'signed_in' }),
    fc.record({
      kind: fc.constant('reading'),
      windows: fc.uniqueArray(figure, { maxLength: 3, selector: ({ kind }) => kind }),
      meter,
    }),
    fc.constant<Evidence>({ kind: 'windows_reset' }),
    fc.constant<Evidence>({ kind: 'paused' }),
    fc.constant<Evidence>({ kind: 'reactivated' }),
  ) as fc.Arbitrary<Evidence>
}

/** Steps in a life: how long nothing happens, and then what does. */
export const someLife: fc.Arbitrary<{ atMs: number; evidence: Evidence }[]> = fc
  .array(fc.constantFrom(0, 0, 1, 5_000, 30_000, 10 * 60_000, hourMs, 2 * dayMs), { minLength: 1, maxLength: 30 })
  .chain((pauses) => {
    let atMs = nowMs
    const steps = pauses.map((ms) => {
      atMs += ms
      const stepAtMs = atMs
      return someEvidence(stepAtMs).map((evidence) => ({ atMs: stepAtMs, evidence }))
    })
    return fc.tuple(...steps)
  })

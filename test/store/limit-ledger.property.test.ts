import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { Held } from '../../src/accounts/ledger.ts'
import { type Amounts, appliesTo } from '../../src/domain/limit-counts.ts'
import { bucketAt, type KeyLimit, limitKinds, limitPeriods } from '../../src/domain/limits.ts'
import { dayMs, hourMs, minuteMs } from '../../src/domain/quota.ts'
import type { Store } from '../../src/store/store.ts'
import { createManualClock } from '../support/clock.ts'
import { type LedgerLife, ledgerAsk, startLedger, tokens } from '../support/ledger.ts'
import { requestRecord } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

vi.setConfig({ testTimeout: 300_000 })

const models = ['gpt-5.5', 'gpt-5.4']

const aStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      input: fc.nat(40),
      output: fc.nat(40),
      model: fc.constantFrom(...models),
    }),
  },
  // A share of what was declared is what turns out to be used.
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      which: fc.nat(),
      share: fc.nat(100),
      log: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat(), log: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('again' as const), which: fc.nat() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.oneof(fc.nat(1_000), fc.nat(2 * minuteMs), fc.nat(6 * hourMs), fc.nat(8 * dayMs), fc.nat(40 * dayMs)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('write' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('prune' as const) }) },
  // Only the size changes: what is counted stays.
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('resize' as const),
      which: fc.nat(),
      max: fc.integer({ min: 1, max: 200 }),
    }),
  },
)
type Step = typeof aStep extends fc.Arbitrary<infer S> ? S : never

const someLimits = fc.array(
  fc.record({
    kind: fc.constantFrom(...limitKinds),
    period: fc.constantFrom(...limitPeriods),
    isCalendar: fc.boolean(),
    max: fc.integer({ min: 1, max: 200 }),
    model: fc.constantFrom(null, null, ...models),
  }),
  { minLength: 1, maxLength: 4 },
)

/** A request as the test knows it. `counted` is what the ledger must count for it now. */
type Asked = {
  id: string
  atMs: number
  model: string
  declared: Amounts
  held: Held
  state: 'open' | 'over'
  counted: Amounts | null
  /** What it has really used: what it declared, as long as it may still use that. */
  took: Amounts | null
  /** What the request log has of it, if anything. */
  logged: { used: Amounts | null } | null
}

let runs = 0

/** Does the steps with a ledger, keeps count beside it by hand, and compares after each of them. */
async function play(store: Store, shapes: readonly Omit<KeyLimit, 'id'>[], steps: readonly Step[]) {
  runs++
  const keyId = `key_${runs}`
  const limits: KeyLimit[] = shapes.map((shape, index) => ({ ...shape, id: `${keyId}_${index}` }))
  const clock = createManualClock(Date.UTC(2026, 7, 19, 11, 59))
  const asked: Asked[] = []
  /** What a limit's requests may really have used, by those that were let in: less than its size, and one of them. */
  const bounds = new Map<string, number>()
  let ledger: LedgerLife = startLedger(store.ledger, clock)
  await ledger.load()
  // The limits are there before the first request, as the owner of the key has set them.
  await ledger.standing(keyId, limits)

  const truth = (limit: KeyLimit) => {
    const nowMs = clock.now()
    let used = 0
    let reserved = 0
    let took = 0
    for (const one of asked) {
      if (!appliesTo(limit, one.model) || bucketAt(limit, one.atMs).untilMs <= nowMs) continue
      if (one.state === 'open') reserved += one.declared[limit.kind]
      else used += one.counted?.[limit.kind] ?? 0
      took += one.took?.[limit.kind] ?? 0
    }
    return { used, reserved, took }
  }
  const compare = async () => {
    const standings = await ledger.standing(keyId, limits)
    for (const { limit, used, reserved } of standings) {
      const { took, ...counted } = truth(limit)
      expect({ limit, used, reserved }).toEqual({ limit, ...counted })
      expect(took).toBeLessThanOrEqual(bounds.get(limit.id) ?? 0)
      // A crash may lose how little a request has used, and never that it has used something.
      expect(used + reserved).toBeGreaterThanOrEqual(took)
    }
  }
  const pick = (which: number, among: Asked[]) => among[which % Math.max(1, among.length)]
  const open = () => asked.filter(({ state }) => state === 'open')
  const log = async (one: Asked, used: Amounts | null) => {
    one.logged = { used }
    const usage = used && { input: used.input_tokens, cached: 0, output: used.output_tokens, reasoning: 0 }
    const ending = { status: used ? 'success' : 'error', httpStatus: used ? 200 : 503 } as const
    const costMicroUsd = used?.cost_micro_usd ?? null
    await store.requests.add([requestRecord(one.id, { keyId, atMs: one.atMs, usage, costMicroUsd, ...ending })])
  }
  const begin = async () => {
    ledger = startLedger(store.ledger, clock)
    await ledger.load()
  }
  /** Of which the store knows that they are over. */
  const stored = new Set<string>()
  const unstored = () => asked.filter(({ id }) => !stored.has(id))
  /** What was told to nobody but memory is known by the log, or stays as it was declared. */
  const recover = () => {
    for (const one of unstored()) {
      stored.add(one.id)
      one.state = 'over'
      one.counted = one.logged === null ? one.declared : one.logged.used
    }
  }

  for (const step of steps) {
    switch (step.do) {
      case 'reserve': {
        const declared = tokens(step.input, step.output)
        const counting = limits.filter((limit) => appliesTo(limit, step.model))
        const hasRoom = counting.every((limit) => {
          const { used, reserved } = truth(limit)
          return used + reserved < limit.max
        })
        const ask = ledgerAsk(limits, { keyId, model: step.model, declared })
        const { held, refusal } = await ledger.reserve(ask)
        expect(refusal === null).toBe(hasRoom)
        if (held === null) break
        await held.written
        const one = { id: ask.id, atMs: clock.now(), model: step.model, declared, held }
        asked.push({ ...one, state: 'open', counted: null, took: declared, logged: null })
        for (const { id, max, kind } of counting)
          bounds.set(id, Math.max(bounds.get(id) ?? 0, max - 1 + declared[kind]))
        break
      }
      case 'settle': {
        const one = pick(step.which, open())
        if (!one) break
        const part = (amount: number) => Math.floor((amount * step.share) / 100)
        one.counted = tokens(part(one.declared.input_tokens), part(one.declared.output_tokens))
        one.took = one.counted
        one.state = 'over'
        expect(ledger.settle(one.held, one.counted)).toBe(true)
        if (step.log) await log(one, one.counted)
        break
      }
      case 'release': {
        const one = pick(step.which, open())
        if (!one) break
        one.state = 'over'
        one.counted = null
        one.took = null
        expect(ledger.release(one.held)).toBe(true)
        if (step.log) await log(one, null)
        break
      }
      case 'again': {
        const one = pick(
          step.which,
          asked.filter(({ state }) => state === 'over'),
        )
        if (!one) break
        expect(ledger.settle(one.held, one.declared)).toBe(false)
        expect(ledger.release(one.held)).toBe(false)
        break
      }
      case 'wait':
        clock.advance(step.ms)
        // What falls due is written by timers; a test that goes on at once would race them.
        await ledger.flush()
        await ledger.refresh()
        break
      case 'write':
        await ledger.flush()
        break
      case 'prune':
        await ledger.prune()
        break
      case 'resize': {
        const at = step.which % limits.length
        const before = limits[at]
        if (before) limits[at] = { ...before, max: step.max }
        break
      }
      case 'restart':
        // A stop waits for what is under way; what does not end in time is given up.
        for (const one of open()) {
          one.state = 'over'
          one.counted = one.declared
          ledger.settle(one.held, one.declared)
        }
        await ledger.close()
        for (const id of ledger.stored) stored.add(id)
        await begin()
        break
      case 'crash':
        ledger.crash()
        await begin()
        if (store.ledger.isShared) {
          // Where others may use the database, a silent server is known to be dead after a while.
          for (const one of unstored()) one.state = 'open'
          await compare()
          clock.advance(31_000)
          await ledger.refresh()
        }
        recover()
        break
    }
    for (const id of ledger.stored) stored.add(id)
    await compare()
  }
  // Everything ends, and then nothing is left open.
  for (const one of open()) ledger.release(one.held)
  await ledger.close()
  const left = await store.ledger.load(clock.now())
  expect(left.open.filter((one) => one.keyId === keyId)).toEqual([])
  await ledger.forget(keyId)
}

/** What a run has found once. */
const found: [Parameters<typeof play>[1], Step[]][] = [
  // A server that begins to count a limit, while the log has a request whose reservation is still to be settled.
  [
    [{ kind: 'requests', period: 'minute', isCalendar: false, max: 1, model: null }],
    [
      { do: 'wait', ms: 60_837 },
      { do: 'reserve', input: 0, output: 0, model: 'gpt-5.5' },
      { do: 'wait', ms: 163 },
      { do: 'settle', which: 0, share: 0, log: true },
      { do: 'crash' },
      { do: 'reserve', input: 0, output: 0, model: 'gpt-5.5' },
    ],
  ],
  // A crash that loses a release: the ledger counts more than was used.
  [
    [{ kind: 'requests', period: 'minute', isCalendar: false, max: 1, model: null }],
    [
      { do: 'reserve', input: 0, output: 0, model: 'gpt-5.5' },
      { do: 'release', which: 0, log: false },
      { do: 'reserve', input: 0, output: 0, model: 'gpt-5.5' },
      { do: 'crash' },
      { do: 'release', which: 0, log: false },
    ],
  ],
]

onEveryEngine((context, engine) => {
  describe('the limit ledger', () => {
    const numRuns = engine.name === 'SQLite' ? 200 : 12

    it('equals the truth whatever happens in whatever order, and passes no limit by more than was declared', async () => {
      await fc.assert(
        fc.asyncProperty(someLimits, fc.array(aStep, { minLength: 1, maxLength: 40 }), (limits, steps) =>
          play(context.store, limits, steps),
        ),
        { numRuns, examples: found },
      )
    })
  })
})

import { describe, expect, it } from 'vitest'
import { next } from '../../../src/balancer/health.ts'
import { createAgenda } from '../../../src/balancer/replay/agenda.ts'
import {
  type Fault,
  type ModelAccount,
  type ReplayArrival,
  type ReplayInput,
  replay,
  replaying,
} from '../../../src/balancer/replay.ts'
import { type Health, healthy } from '../../../src/domain/account.ts'
import { hourMs, minuteMs, type WindowKind } from '../../../src/domain/quota.ts'
import { anAccount, aWindow, nowMs, seededRandom, withSettings } from '../../support/accounts.ts'

const lengths: Record<WindowKind, number> = { short: 5 * hourMs, weekly: 168 * hourMs, monthly: 720 * hourMs }

/** An account of the modelled upstream whose windows hold so many weighted tokens. */
const model = (id: string, capacities: Partial<Record<WindowKind, number>>): ModelAccount => ({
  id,
  windows: Object.entries(capacities).map(([kind, capacityTokens]) => ({
    ...{ kind: kind as WindowKind, lengthMs: lengths[kind as WindowKind] },
    ...{ capacityTokens, usedTokens: 0, endsAtMs: null },
  })),
})

/** A turn that many minutes on; its input in full and its answer come to `inputTokens` + 600 weighted tokens. */
const turn = (minutes: number, given: Partial<ReplayArrival> = {}): ReplayArrival => ({
  ...{ id: `turn-${minutes}`, atMs: nowMs + minutes * minuteMs, model: 'gpt-5.5' },
  ...{ threadKey: `thread-${minutes}`, sessionKey: null, inputTokens: 1_000, outputTokens: 100, totalMs: 10_000 },
  ...given,
})

const roomy = { short: 1e6, weekly: 1e7 }

function play(
  models: ModelAccount[],
  arrivals: ReplayArrival[],
  given: Partial<ReplayInput> & { settings?: ReplayInput['settings'] } = {},
) {
  const input: ReplayInput = {
    accounts: models.map(({ id }) => anAccount(id)),
    ...{ upstream: models, arrivals, settings: withSettings({ strategy: 'fill_first', slowStartMinutes: 0 }) },
    ...given,
  }
  return replay(input)
}

describe('the agenda', () => {
  it('gives everything back by its time, and of one moment in the order of coming', () => {
    const random = seededRandom(3)
    const agenda = createAgenda<number>()
    const times = Array.from({ length: 500 }, () => random.below(50))
    const seen: number[] = []
    for (const [at, time] of times.entries()) {
      agenda.put(time, at)
      // Some are taken while others still come; those go back as they were.
      if (at % 100 === 99) {
        const first = agenda.take()
        if (first !== undefined) agenda.put(times[first] ?? 0, first)
      }
    }
    for (let one = agenda.take(); one !== undefined; one = agenda.take()) seen.push(one)
    expect(seen.map((at) => times[at])).toEqual([...times].sort((a, b) => a - b))
    expect(new Set(seen).size).toBe(500)
    expect(agenda.nextAtMs()).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('a replay', () => {
  it('keeps the cache of a thread that stays, as long as the upstream does', () => {
    const thread = (minutes: number, inputTokens: number) => turn(minutes, { threadKey: 't', inputTokens })
    const report = play([model('a', roomy)], [thread(0, 1_000), thread(5, 3_000), thread(30, 5_000)])
    // The second finds input and answer of the first; the third comes too late.
    expect(report).toMatchObject({ served: 3, inputTokens: 9_000, cachedTokens: 1_100, bestCachedTokens: 1_100 })
    expect(report.weightedTokens).toBe(9_000 - 1_100 * 0.9 + 3 * 600)
  })

  it('shares instructions and tools between the threads of a session', () => {
    const threads = ['a', 'b'].map((threadKey, at) =>
      turn(at, { id: threadKey, threadKey, sessionKey: 's', inputTokens: 20_000 }),
    )
    expect(play([model('a', roomy)], threads).cachedTokens).toBe(8_000)
  })

  it('learns a full window from one refusal, and serves elsewhere until the reset', () => {
    // Ten turns fill the window of a; whether the figures tell or a refusal, b takes over.
    const report = play(
      [model('a', { short: 16_000, weekly: 1e7 }), model('b', roomy)],
      Array.from({ length: 40 }, (_, at) => turn(at)),
    )
    expect(report).toMatchObject({ turns: 40, served: 40, refused: 0, wastedCalls: 0, windowsHit: 1, leasesLeft: 0 })
    expect(report.refusedCalls).toBeLessThanOrEqual(1)
  })

  it('tells clients when everybody is out, and serves again after the reset', () => {
    const early = Array.from({ length: 20 }, (_, at) => turn(at))
    const late = turn(301)
    const report = play([model('a', { short: 16_000 })], [...early, late])
    expect(report.served).toBe(11)
    expect(report).toMatchObject({ refused: 10, refusedWithCapacity: 0, refusedCalls: 1, wastedCalls: 0, faults: [] })
  })

  it('sees what another client has used', () => {
    const faults: Fault[] = [{ kind: 'outside', accountId: 'a', fromMs: nowMs, tokens: 2e6 }]
    const report = play([model('a', roomy), model('b', roomy)], [turn(2), turn(3)], { faults })
    // The poll of the first minute has told: a is asked by nobody.
    expect(report).toMatchObject({ served: 2, refusedCalls: 0, windowsHit: 1 })
  })

  it('leaves an account that fails, and counts what that took', () => {
    const faults: Fault[] = [{ kind: 'down', accountId: 'a', fromMs: nowMs - 1, untilMs: nowMs + hourMs }]
    const report = play([model('a', roomy), model('b', roomy)], [turn(0)], { faults })
    // Three tries of a second each, and pauses of 200 and 400 ms.
    expect(report).toMatchObject({ served: 1, failed: 0, calls: 4, failovers: 1, failoverMs: 3_600 })
  })

  it('passes the failure on when three accounts have failed, and says that a fourth was open', () => {
    const faults = ['a', 'b', 'c'].map(
      (accountId): Fault => ({ kind: 'down', accountId, fromMs: nowMs - 1, untilMs: nowMs + hourMs }),
    )
    const models = ['a', 'b', 'c', 'd'].map((id) => model(id, roomy))
    expect(play(models, [turn(0)], { faults })).toMatchObject({ served: 0, failed: 1, failedWithCapacity: 1, calls: 9 })
  })

  it('waits for the end of a burst that is near, and not for one that is far', () => {
    const burst = (seconds: number): Fault[] => [
      { kind: 'burst', accountId: 'a', fromMs: nowMs - 1, untilMs: nowMs + seconds * 1_000 },
    ]
    const near = play([model('a', roomy)], [turn(0)], { faults: burst(8) })
    expect(near).toMatchObject({ served: 1, waited: 1, refused: 0, failoverMs: 8_000 })
    const far = play([model('a', roomy)], [turn(0)], { faults: burst(60) })
    expect(far).toMatchObject({ served: 0, waited: 0, refused: 1, refusedWithCapacity: 0 })
  })

  it('lets turns wait for a place, and says when places alone were lacking', () => {
    const settings = withSettings({ strategy: 'fill_first', slowStartMinutes: 0, maxStreams: 1, waitSeconds: 15 })
    const together = ['a', 'b', 'c'].map((id) => turn(0, { id, threadKey: id }))
    const report = play([model('a', roomy)], together, { settings })
    // Ten seconds for the first, ten for the second: the third has waited fifteen by then.
    expect(report).toMatchObject({ served: 2, waited: 2, refused: 1, refusedBusy: 1, refusedWithCapacity: 0 })
  })

  it('takes an account whose sign-in is lost out until somebody signs in', () => {
    const faults: Fault[] = [{ kind: 'sign_in_lost', accountId: 'a', fromMs: nowMs - 1, untilMs: nowMs + hourMs }]
    const report = play([model('a', roomy)], [turn(0), turn(1), turn(61)], { faults })
    expect(report).toMatchObject({ served: 1, refused: 2, refusedCalls: 1, wastedCalls: 0 })
  })

  it('tells a needless switch from one that had to be', () => {
    const conversation = [0, 1, 2].map((minutes) =>
      turn(minutes, { threadKey: 't', inputTokens: 10_000 + minutes * 5_000 }),
    )
    const full: Fault[] = [{ kind: 'outside', accountId: 'a', fromMs: nowMs + 90_000, tokens: 2e6 }]
    const models = [model('a', roomy), model('b', roomy)]
    const forced = play(models, conversation, { faults: full })
    expect(forced).toMatchObject({ served: 3, switches: 1, needlessSwitches: 0 })
    expect(forced.cachedTokens).toBeLessThan(forced.bestCachedTokens)
    // Without affinity the next in turn serves, warm or not.
    const settings = withSettings({ strategy: 'round_robin', affinityMinutes: 0, slowStartMinutes: 0 })
    expect(play(models, conversation, { settings })).toMatchObject({ switches: 2, needlessSwitches: 2 })
  })

  it('counts only what a person has not ruled out', () => {
    const settings = withSettings({ strategy: 'single_account', singleAccountId: 'a' })
    const faults: Fault[] = [{ kind: 'outside', accountId: 'a', fromMs: nowMs - 1, tokens: 2e6 }]
    const report = play([model('a', roomy), model('b', roomy)], [turn(0)], { settings, faults })
    expect(report).toMatchObject({ refused: 1, refusedWithCapacity: 0 })
  })

  it('says what of the long windows was lost unused', () => {
    const report = play([model('a', { weekly: 16_000 })], [turn(0), turn(8 * 24 * 60)])
    // A tenth was used when the first week ended.
    expect(report.expiredUnusedPercent).toBeCloseTo(90)
  })

  it('comes to the same in steps and at once, and every time', () => {
    const random = seededRandom(9)
    const arrivals = Array.from({ length: 300 }, (_, at) =>
      turn(at / 3, { id: `r${at}`, threadKey: `t${random.below(9)}`, inputTokens: 2_000 + random.below(9_000) }),
    )
    const models = ['a', 'b', 'c'].map((id) => model(id, { short: 3e5, weekly: 2e6 }))
    const settings = withSettings({ strategy: 'capacity_weighted' })
    const input = { accounts: models.map(({ id }) => anAccount(id)), upstream: models, arrivals, settings }
    const steps = replaying(input)
    let count = 0
    let step = steps.next()
    for (; !step.done; step = steps.next()) count++
    expect(count).toBeGreaterThan(10)
    expect(step.value).toEqual(replay(input))
    expect(step.value).toMatchObject({ turns: 300, leasesLeft: 0 })
  })
})

describe('what the simulated months have found', () => {
  it('a used-up long window is not forgotten when the short one that reset with it begins anew', () => {
    const untilMs = nowMs + hourMs
    const health: Health = next(
      healthy,
      { kind: 'refused', by: 'window', code: 'usage_limit_reached', untilMs, window: 'short', meter: null },
      nowMs,
    )
    const laterMs = nowMs + 2 * minuteMs
    const windows = [
      aWindow('short', 2, { resetAtMs: nowMs + 5 * hourMs, readAtMs: laterMs }),
      aWindow('weekly', 100, { resetAtMs: untilMs, readAtMs: laterMs }),
    ]
    expect(next(health, { kind: 'reading', windows, meter: null }, laterMs)).toBe(health)
  })
})

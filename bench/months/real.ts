import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import type { ReplayArrival } from '../../src/balancer/replay.ts'
import { dayMs, minuteMs } from '../../src/domain/quota.ts'
import { fullWindow } from '../../src/simulator/accounts.ts'
import { createManualClock } from '../../test/support/clock.ts'
import { type Rig, startRig } from '../../test/support/start.ts'
import { createRandom } from './random.ts'
import { monthStartMs, trafficOf } from './traffic.ts'

/** What the real server did within some simulated days. `faults` says in words what must not be; empty is good. */
export type RealDays = {
  days: number
  turns: number
  served: number
  refused: number
  /** The upstream's own failure was passed on. */
  failed: number
  calls: number
  refusedCalls: number
  faults: string[]
}

/** One real token stands for so many of the traffic's: bodies stay small. */
const scale = 20
const turnsPerDay = 250
/** Windows that a day's turns fill again and again. */
const capacityTokens = { short: 5_000, weekly: 120_000, monthly: 80_000 }
const plans = ['plus', 'plus', 'team', 'free']
const deltaMs = 3_000
const busyStepMs = 3_000
const idleStepMs = minuteMs
/** The upstream names resets in whole seconds, and answers take a step to be seen. */
const toleranceMs = 3 * busyStepMs

const longestBurstMs = minuteMs

/** Days of traffic through the real server, in front of the simulator, under a clock that is moved by hand. */
export async function playRealDays({ seed, days }: { seed: number; days: number }): Promise<RealDays> {
  const clock = createManualClock(monthStartMs)
  const accounts = plans.map((plan, at) => ({ email: `${String.fromCharCode(97 + at)}@example.com`, plan }))
  const rig = await startRig({ accounts, simulator: { capacityTokens, eventDelayMs: deltaMs }, app: { clock } })
  const seen: RealDays = { days, turns: 0, served: 0, refused: 0, failed: 0, calls: 0, refusedCalls: 0, faults: [] }
  const { arrivals } = trafficOf(seed, Math.ceil(days), turnsPerDay * days * 13_000)
  const watcher = watchUpstream(rig, () => clock.now(), seen)
  const upcoming = arrivals.filter(({ atMs }) => atMs < monthStartMs + days * dayMs)
  const faults = troubles(seed, days, accounts)
  let running = 0
  try {
    const step = async () => {
      const dueMs = Math.min(upcoming[0]?.atMs ?? Number.POSITIVE_INFINITY, faults[0]?.atMs ?? Number.POSITIVE_INFINITY)
      const stepMs = running > 0 ? busyStepMs : idleStepMs
      clock.advance(Math.max(1, Math.min(stepMs, dueMs - clock.now())))
      for (let fault = faults[0]; fault && fault.atMs <= clock.now(); fault = faults[0]) {
        rig.simulator.script(fault.email, ...fault.script)
        faults.shift()
      }
      for (let next = upcoming[0]; next && next.atMs <= clock.now(); next = upcoming[0]) {
        upcoming.shift()
        running++
        void play(rig, next, seen, watcher).finally(() => running--)
      }
      if (running > 0) await wait(2)
      else for (let turn = 0; turn < 4; turn++) await nextTurn()
      watcher.look()
    }
    while (upcoming.length > 0 || running > 0) await step()
    await wait(20)
    const { accounts: after } = (await (await fetch(`${rig.url}/api/accounts`)).json()) as {
      accounts: { email: string; inFlight: number }[]
    }
    for (const { email, inFlight } of after)
      if (inFlight !== 0) seen.faults.push(`${inFlight} leases of ${email} are left`)
    return seen
  } finally {
    await rig.close()
  }
}

/** What the product says itself when nobody can serve; an upstream's error that is passed on is another matter. */
const ownRefusal = /"(type|code)":"(usage_limit_reached|no_accounts|account_cap_reached|overloaded)"/

async function play(rig: Rig, arrival: ReplayArrival, seen: RealDays, watcher: Watcher): Promise<void> {
  const { threadKey, sessionKey, inputTokens, totalMs } = arrival
  const events = Math.max(1, Math.round(totalMs / deltaMs))
  const text = `${'word '.repeat(Math.ceil((inputTokens / scale) * 0.8))}\nFAKE_EVENTS: ${events}`
  const body = {
    ...{ model: 'gpt-5.5', instructions: '', store: false, stream: true, prompt_cache_key: threadKey },
    input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }],
  }
  const headers = { 'content-type': 'application/json', 'thread-id': threadKey, 'session-id': sessionKey ?? threadKey }
  const url = `${rig.url}/backend-api/codex/responses`
  seen.turns++
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  const told = await answer.text()
  if (answer.status === 200 && told.includes('response.completed')) seen.served++
  else if (ownRefusal.test(told)) {
    seen.refused++
    const open = watcher.open()
    if (open !== null) seen.faults.push(`${arrival.id} was refused (${answer.status}) although ${open} was open`)
  } else {
    seen.failed++
    if (answer.status === 500) seen.faults.push(`${arrival.id} met a bug: ${told.slice(0, 200)}`)
  }
}

type Watcher = {
  /** Takes note of what has reached the upstream since the last look. */
  look(): void
  /** An account that has been open for a while, or null. */
  open(): string | null
}

function watchUpstream({ simulator }: Rig, now: () => number, seen: RealDays): Watcher {
  const judged = new WeakSet<object>()
  const counted = new WeakSet<object>()
  const outUntilMs = new Map<string, { learnedMs: number; untilMs: number }>()
  const shutMs = new Map<string, number>()
  const shut = (email: string, atMs: number) => shutMs.set(email, Math.max(atMs, shutMs.get(email) ?? 0))
  return {
    look() {
      const nowMs = now()
      for (const account of simulator.accounts) if (fullWindow(account, nowMs)) shut(account.email, nowMs)
      for (const record of simulator.requests) {
        const { path, email, atMs, status, outcome } = record
        if (!path.endsWith('/codex/responses') || email === null) continue
        if (!counted.has(record)) {
          counted.add(record)
          seen.calls++
          const out = outUntilMs.get(email)
          if (out !== undefined && atMs > out.learnedMs && atMs < out.untilMs)
            seen.faults.push(
              `${email} was called at ${iso(atMs)} although it had said at ${iso(out.learnedMs)} that it is out until ${iso(out.untilMs)}`,
            )
        }
        if (outcome === 'open' || judged.has(record)) continue
        judged.add(record)
        if (status === 200 && outcome !== 'cut') continue
        const account = simulator.accounts.find((one) => one.email === email)
        const endsAtMs = account && fullWindow(account, nowMs)?.endsAtMs
        if (status === 429) seen.refusedCalls++
        // What it said of a burst holds as long as it said, and who fails is not open.
        shut(email, nowMs + (status === 429 && !endsAtMs ? longestBurstMs : 0))
        if (status !== 429) continue
        if (endsAtMs) outUntilMs.set(email, { learnedMs: nowMs, untilMs: endsAtMs })
      }
    },
    open() {
      this.look()
      const since = now() - toleranceMs
      const open = simulator.accounts.find(({ email }) => (shutMs.get(email) ?? 0) < since)
      return open?.email ?? null
    },
  }
}

type Trouble = { atMs: number; email: string; script: Parameters<Rig['simulator']['script']>[1][] }

/** Bursts and passing failures, one account at a time. */
function troubles(seed: number, days: number, accounts: readonly { email: string }[]): Trouble[] {
  const random = createRandom(seed + 13)
  const list: Trouble[] = []
  for (let atMs = monthStartMs; atMs < monthStartMs + days * dayMs; atMs += random.skewed(40) * minuteMs) {
    const email = accounts[random.whole(0, accounts.length - 1)]?.email ?? ''
    const kind = random.whole(0, 2)
    if (kind === 0)
      list.push({
        atMs,
        email,
        script: [{ kind: 'rate_limit', retryAfterSeconds: random.whole(2, longestBurstMs / 1_000) }],
      })
    else if (kind === 1) list.push({ atMs, email, script: [{ kind: 'overloaded', times: random.whole(1, 3) }] })
    else list.push({ atMs, email, script: [{ kind: 'cut_before_output' }] })
  }
  return list
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString()
}

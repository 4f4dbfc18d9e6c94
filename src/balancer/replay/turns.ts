import type { Account } from '../../domain/account.ts'
import { guessedTokens, weightedTokens } from '../../domain/burn.ts'
import type { Settings } from '../../domain/settings.ts'
import { chanceOf } from '../chance.ts'
import { choose, type Decision } from '../choose.ts'
import { firstEndOf, isWorthWaiting } from '../patience.ts'
import type { ReplayRules } from '../replay.ts'
import type { Home } from '../strategies/strategy.ts'
import type { Agenda } from './agenda.ts'
import type { ModelCache } from './cache.ts'
import type { Homes } from './homes.ts'
import { createPolls } from './polls.ts'
import { createTally } from './tally.ts'
import type { Fault, ModelUpstream } from './upstream.ts'
import type { View } from './view.ts'

/** A turn that a client asks for. */
export type ReplayArrival = {
  id: string
  atMs: number
  model: string
  threadKey: string
  /** Shared by threads that work together; null: none. */
  sessionKey: string | null
  inputTokens: number
  outputTokens: number
  /** How long its answer takes. */
  totalMs: number
}

/** What happens in a replay beside arrivals. */
export type Happening =
  | { kind: 'fault'; fault: Fault }
  | { kind: 'fault_over'; fault: Extract<Fault, { untilMs: number }> }
  | { kind: 'poll'; accountId: string }
  | { kind: 'called'; call: Call }
  | { kind: 'refused'; call: Call; answer: Refusal }
  | { kind: 'failed'; call: Call }
  | { kind: 'started' | 'ended'; call: Call; cached: number }
  | { kind: 'offer' }
  | { kind: 'too_long'; turn: Turn }

type Refusal = { kind: 'full' | 'burst' | 'sign_in_lost'; untilMs: number }

/** A turn under way. */
type Turn = {
  arrival: ReplayArrival
  home: Home | null
  tried: Set<string>
  limited: Set<string>
  /** Calls so far, and accounts that failed. */
  round: number
  failing: number
  waitedMs: number
  /** How long it may wait. */
  untilMs: number
  /** Set while it waits for a place. */
  waitingSinceMs: number | null
  lastFault: 'limited' | 'failed' | null
}

/** One account asked for one turn; `tries` on it so far. */
type Call = { turn: Turn; accountId: string; guess: number; tries: number }

export type TurnDeps = {
  agenda: Agenda<Happening>
  view: View
  upstream: ModelUpstream
  cache: ModelCache
  homes: Homes
  settings: Settings
  rules: ReplayRules
}

/** As in the live search: tries on one account, pauses between them, and accounts that may fail one turn. */
const sameAccountTries = 3
const firstPauseMs = 200
const failingAccounts = 3

/** Leads each turn from its arrival to its end, as the live search does. */
export function createTurns({ agenda, view, upstream, cache, homes, settings, rules }: TurnDeps) {
  const tally = createTally({ upstream, cache, settings })
  const polls = createPolls(view.accounts, rules.pollMs, (atMs, accountId) =>
    agenda.put(atMs, { kind: 'poll', accountId }),
  )
  const waiters = new Set<Turn>()
  let isOffering = false

  /** Choose and count in, or null with the decision that says why. */
  const chooseFor = (turn: Turn, nowMs: number): Decision => {
    const { id, model, inputTokens } = turn.arrival
    const { home, tried } = turn
    const seed = `${id}:${turn.round}`
    const ask = { model, ownerId: null, lacking: nobody, tried, inputTokens, home, seed }
    const decision = choose(view.accounts, ask, settings, nowMs)
    if (decision.accountId !== null) {
      const guess = guessedTokens(inputTokens, home?.warmTokens ?? 0)
      view.chosen(decision.accountId, nowMs)
      view.lease(decision.accountId, guess)
      turn.round++
      call({ turn, accountId: decision.accountId, guess, tries: 0 }, nowMs)
    }
    return decision
  }
  const search = (turn: Turn, nowMs: number) => {
    const { accountId, ...decision } = chooseFor(turn, nowMs)
    if (accountId !== null) return
    turn.untilMs = nowMs + settings.waitSeconds * 1_000 - turn.waitedMs
    const isWorthIt = turn.untilMs > nowMs && isWorthWaiting(decision.excluded, turn.untilMs)
    if (!isWorthIt || waiters.size >= settings.maxWaiting) return giveUp(turn, decision, nowMs)
    turn.waitingSinceMs = nowMs
    waiters.add(turn)
    agenda.put(turn.untilMs, { kind: 'too_long', turn })
    wakeAt(firstEndOf(decision.excluded))
  }
  /** Moments that come in vain cost little: none is taken back. */
  const wakeAt = (atMs: number | null) => {
    if (atMs !== null) agenda.put(atMs, { kind: 'offer' })
  }
  const leaveQueue = (turn: Turn, nowMs: number) => {
    waiters.delete(turn)
    turn.waitedMs += nowMs - (turn.waitingSinceMs ?? nowMs)
    turn.waitingSinceMs = null
  }
  const offer = (nowMs: number) => {
    if (waiters.size === 0 || isOffering) return
    isOffering = true
    /** Whoever is asked in vain stands for all that have tried the same accounts. */
    const vain = new Set<string>()
    let firstEndMs: number | null = null
    for (const turn of [...waiters]) {
      const sort = [...turn.tried].sort().join(' ')
      if (vain.has(sort)) continue
      const { accountId, ...decision } = chooseFor(turn, nowMs)
      if (accountId !== null) leaveQueue(turn, nowMs)
      else if (isWorthWaiting(decision.excluded, turn.untilMs)) {
        vain.add(sort)
        firstEndMs = Math.min(
          firstEndMs ?? Number.POSITIVE_INFINITY,
          firstEndOf(decision.excluded) ?? Number.POSITIVE_INFINITY,
        )
      } else {
        leaveQueue(turn, nowMs)
        giveUp(turn, decision, nowMs)
      }
    }
    if (firstEndMs !== null && firstEndMs !== Number.POSITIVE_INFINITY) wakeAt(firstEndMs)
    isOffering = false
  }
  const giveUp = (turn: Turn, decision: Pick<Decision, 'excluded'>, nowMs: number) => {
    if (turn.lastFault === 'failed') tally.failed(turn, view.accounts, nowMs)
    else tally.refused(turn, decision, nowMs)
  }

  const call = (made: Call, nowMs: number) => {
    const { turn, accountId } = made
    const answer = upstream.answer(accountId, nowMs)
    tally.called(turn.arrival.id, accountId, answer, nowMs)
    made.tries++
    polls.due(accountId, nowMs)
    const isBlip =
      rules.blipShare > 0 && chanceOf(`${turn.arrival.id}:${turn.round}:${made.tries}`, accountId) < rules.blipShare
    if (answer.kind === 'down' || (answer.kind === 'serves' && isBlip)) {
      agenda.put(nowMs + rules.failureMs, { kind: 'failed', call: made })
    } else if (answer.kind === 'serves') {
      const { totalMs } = turn.arrival
      const cached = tally.serving(turn, accountId, nowMs)
      agenda.put(nowMs + Math.min(rules.startMs, totalMs / 2), { kind: 'started', call: made, cached })
      agenda.put(nowMs + totalMs, { kind: 'ended', call: made, cached })
    } else agenda.put(nowMs + rules.refusalMs, { kind: 'refused', call: made, answer })
  }
  const release = ({ accountId, guess }: Call, nowMs: number) => {
    view.release(accountId, guess, null)
    offer(nowMs)
  }
  const refused = (made: Call, { kind, untilMs }: Refusal, nowMs: number) => {
    const { turn, accountId } = made
    if (kind !== 'sign_in_lost') view.read(accountId, upstream.figures(accountId, 'header', nowMs), false, nowMs)
    if (kind === 'full') view.windowUsedUp(accountId, untilMs, nowMs)
    else if (kind === 'burst') {
      const limit = { kind: 'refused', by: 'burst', code: 'rate_limit_exceeded', window: null, meter: null } as const
      view.report(accountId, { ...limit, untilMs }, nowMs)
    } else {
      view.report(accountId, { kind: 'sign_in_lost', as: 'reauth_required', code: 'token_invalidated' }, nowMs)
    }
    tally.learned(accountId, untilMs)
    turn.lastFault = 'limited'
    if (kind === 'sign_in_lost' || turn.limited.has(accountId)) turn.tried.add(accountId)
    turn.limited.add(accountId)
    release(made, nowMs)
    search(turn, nowMs)
  }
  const failed = (made: Call, nowMs: number) => {
    const { turn, accountId, tries } = made
    if (tries < sameAccountTries) {
      return agenda.put(nowMs + firstPauseMs * 2 ** (tries - 1), { kind: 'called', call: made })
    }
    view.report(accountId, { kind: 'failed', code: 'server_error' }, nowMs)
    turn.lastFault = 'failed'
    turn.tried.add(accountId)
    turn.limited.add(accountId)
    release(made, nowMs)
    if (++turn.failing >= failingAccounts) return tally.failed(turn, view.accounts, nowMs)
    search(turn, nowMs)
  }
  const started = ({ turn, accountId }: Call, nowMs: number) => {
    const { threadKey, sessionKey } = turn.arrival
    view.started(accountId)
    view.read(accountId, upstream.figures(accountId, 'header', nowMs), false, nowMs)
    homes.bind(threadKey, sessionKey, accountId, nowMs)
    offer(nowMs)
  }
  const ended = ({ turn, accountId, guess }: Call, cached: number, nowMs: number) => {
    const { threadKey, sessionKey, inputTokens, outputTokens } = turn.arrival
    const usage = { input: inputTokens, cached, output: outputTokens, reasoning: 0 }
    upstream.charge(accountId, weightedTokens(usage), nowMs)
    cache.keep(accountId, turn.arrival, nowMs)
    view.report(accountId, { kind: 'served' }, nowMs)
    homes.warmed(threadKey, sessionKey, accountId, inputTokens + outputTokens, nowMs)
    view.release(accountId, guess, usage)
    polls.due(accountId, nowMs)
    offer(nowMs)
  }
  const strike = (fault: Fault, nowMs: number) => {
    polls.due(fault.accountId, nowMs)
    if (fault.kind === 'outside') return upstream.charge(fault.accountId, fault.tokens, nowMs)
    upstream.begin(fault)
    agenda.put(fault.untilMs, { kind: 'fault_over', fault })
  }

  return {
    arrive(arrival: ReplayArrival, nowMs: number) {
      const home = homes.home(arrival.threadKey, arrival.sessionKey, nowMs)
      const turn: Turn = {
        ...{ arrival, home, tried: new Set(), limited: new Set(), round: 0, failing: 0 },
        ...{ waitedMs: 0, untilMs: nowMs, waitingSinceMs: null, lastFault: null },
      }
      tally.arrived()
      search(turn, nowMs)
    },
    handle(happening: Happening, nowMs: number) {
      switch (happening.kind) {
        case 'fault':
          return strike(happening.fault, nowMs)
        case 'fault_over':
          upstream.end(happening.fault)
          // A person has signed in again.
          if (happening.fault.kind === 'sign_in_lost') {
            tally.learned(happening.fault.accountId, 0)
            view.report(happening.fault.accountId, { kind: 'signed_in' }, nowMs)
            offer(nowMs)
          }
          return
        case 'poll': {
          const { accountId } = happening
          polls.done(accountId)
          if (isPolled(view.get(accountId)) && upstream.answer(accountId, nowMs).kind !== 'sign_in_lost')
            view.read(accountId, upstream.figures(accountId, 'poll', nowMs), true, nowMs)
          return offer(nowMs)
        }
        case 'called':
          return call(happening.call, nowMs)
        case 'refused':
          return refused(happening.call, happening.answer, nowMs)
        case 'failed':
          return failed(happening.call, nowMs)
        case 'started':
          return started(happening.call, nowMs)
        case 'ended':
          return ended(happening.call, happening.cached, nowMs)
        case 'offer':
          return offer(nowMs)
        case 'too_long': {
          const { turn } = happening
          if (!waiters.has(turn)) return
          const decision = chooseFor(turn, nowMs)
          leaveQueue(turn, nowMs)
          if (decision.accountId === null) giveUp(turn, decision, nowMs)
        }
      }
    },
    counts: tally.counts,
    faults: tally.faults,
  }
}

const nobody: ReadonlySet<string> = new Set()

function isPolled(account: Account | null): boolean {
  return account !== null && account.health.signIn === 'ok' && !account.health.paused
}

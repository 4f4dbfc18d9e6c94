import { type Account, limitingBlock } from '../../domain/account.ts'
import { guessedTokens, weightedTokens } from '../../domain/burn.ts'
import type { Settings } from '../../domain/settings.ts'
import { chanceOf } from '../chance.ts'
import { choose, type Decision } from '../choose.ts'
import type { ReplayRules } from '../replay.ts'
import type { Home } from '../strategies/strategy.ts'
import type { Agenda } from './agenda.ts'
import type { ModelCache } from './cache.ts'
import type { Homes } from './homes.ts'
import { createPolls } from './polls.ts'
import { createQueue, type Waiting } from './queue.ts'
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
type Turn = Waiting & {
  arrival: ReplayArrival
  home: Home | null
  tried: Set<string>
  limited: Set<string>
  /** Calls so far, and accounts that failed. */
  round: number
  failing: number
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
  /** Choose, count in and call. */
  const attempt = (turn: Turn, nowMs: number): Decision => {
    const { id, model, inputTokens } = turn.arrival
    const { home, tried } = turn
    const seed = `${id}:${turn.round}`
    const ask = { model, ownerId: null, lacking: nobody, tried, inputTokens, home, seed }
    const decision = choose(view.accounts, ask, settings, nowMs)
    if (decision.accountId !== null) {
      const guess = guessedTokens(inputTokens, home?.warmTokens ?? 0)
      queue.leave(turn, nowMs)
      view.chosen(decision.accountId, nowMs)
      view.lease(decision.accountId, guess)
      turn.round++
      call({ turn, accountId: decision.accountId, guess, tries: 0 }, nowMs)
    }
    return decision
  }
  const queue = createQueue<Turn>({
    ...{ settings, attempt },
    giveUp(turn, decision, nowMs) {
      if (turn.lastFault === 'failed') tally.failed(turn, view.accounts, nowMs)
      else tally.refused(turn, decision, nowMs)
    },
    wakeAt: (atMs) => agenda.put(atMs, { kind: 'offer' }),
    deadline: (atMs, turn) => agenda.put(atMs, { kind: 'too_long', turn }),
  })

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
    queue.offer(nowMs)
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
    queue.seek(turn, nowMs)
  }
  const failed = (made: Call, nowMs: number) => {
    if (made.tries >= sameAccountTries) return failedFor(made, nowMs)
    agenda.put(nowMs + firstPauseMs * 2 ** (made.tries - 1), { kind: 'called', call: made })
  }
  /** Another request may have learned meanwhile that the account is out. */
  const again = (made: Call, nowMs: number) =>
    mayBeAsked(view.get(made.accountId), nowMs) ? call(made, nowMs) : failedFor(made, nowMs)
  const failedFor = (made: Call, nowMs: number) => {
    const { turn, accountId } = made
    view.report(accountId, { kind: 'failed', code: 'server_error' }, nowMs)
    turn.lastFault = 'failed'
    turn.tried.add(accountId)
    turn.limited.add(accountId)
    release(made, nowMs)
    if (++turn.failing >= failingAccounts) return tally.failed(turn, view.accounts, nowMs)
    queue.seek(turn, nowMs)
  }
  const started = ({ turn, accountId }: Call, nowMs: number) => {
    const { threadKey, sessionKey } = turn.arrival
    view.started(accountId)
    view.read(accountId, upstream.figures(accountId, 'header', nowMs), false, nowMs)
    homes.bind(threadKey, sessionKey, accountId, nowMs)
    queue.offer(nowMs)
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
    queue.offer(nowMs)
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
      queue.seek(turn, nowMs)
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
            queue.offer(nowMs)
          }
          return
        case 'poll': {
          const { accountId } = happening
          polls.done(accountId)
          if (isPolled(view.get(accountId)) && upstream.answer(accountId, nowMs).kind !== 'sign_in_lost')
            view.read(accountId, upstream.figures(accountId, 'poll', nowMs), true, nowMs)
          return queue.offer(nowMs)
        }
        case 'called':
          return again(happening.call, nowMs)
        case 'refused':
          return refused(happening.call, happening.answer, nowMs)
        case 'failed':
          return failed(happening.call, nowMs)
        case 'started':
          return started(happening.call, nowMs)
        case 'ended':
          return ended(happening.call, happening.cached, nowMs)
        case 'offer':
          return queue.offer(nowMs)
        case 'too_long':
          return queue.tooLong(happening.turn, nowMs)
      }
    },
    counts: tally.counts,
    faults: tally.faults,
  }
}

const nobody: ReadonlySet<string> = new Set()

function mayBeAsked(account: Account | null, nowMs: number): boolean {
  return isPolled(account) && account !== null && limitingBlock(account.health, nowMs) === null
}

function isPolled(account: Account | null): boolean {
  return account !== null && account.health.signIn === 'ok' && !account.health.paused
}

import { chanceOf } from '../balancer/chance.ts'
import type { StoredAccount } from '../domain/account.ts'
import { custodyOf, isUsable, restAfter, type TokenFacts } from '../domain/custody.ts'
import type { Clock } from '../lib/clock.ts'
import { TokenError, type Tokens } from './tokens.ts'

/** What the guardian finds out about a sign-in. */
export type SignInNews =
  | { kind: 'sign_in_lost'; as: 'reauth_required' | 'deactivated'; code: string }
  /** It cannot be renewed any more, but its access token is still good. */
  | { kind: 'sign_in_ending'; code: string }
  /** It was thought to be ending, and is not: there are new tokens. */
  | { kind: 'signed_in' }

/** Renews tokens before they age out, whether anybody asks for the account or not. */
export type Guardian = {
  /** Renews what is due, the most urgent first. Never rejects for the sake of an account, and never runs twice at once. */
  run(): Promise<void>
  /** Begins nothing more; what was sent is still brought home. */
  stop(): void
}

type Ward = Pick<StoredAccount, 'id' | 'refreshedAtMs' | 'health'>

export type GuardianDeps = {
  pool: { accounts(): readonly Ward[]; report(id: string, news: SignInNews): void }
  tokens: Pick<Tokens, 'facts' | 'renewAhead'>
  clock: Clock
  onError: (accountId: string, error: unknown) => void
}

type Due = { id: string; facts: TokenFacts & { version: number }; endsAtMs: number }
/** What came of one account, and what it says about the sign-in server. */
type Outcome =
  | { kind: 'renewed' }
  /** Refused, for a while or for good. When several are in a row, it is not about them. */
  | { kind: 'failed'; code: string }
  /** Another process is at it, which says nothing. */
  | { kind: 'elsewhere' }
  /** To go on would cost more: a token may be spent without a successor, or the store cannot keep one. */
  | { kind: 'harm' }

const atOnce = 3
const perRun = 30
/** So many failures of one kind in a row are not the accounts' fault. */
const outageFailures = 3
const elsewhere = new Set(['refresh_elsewhere', 'refresh_failed_elsewhere'])
/** The token may be spent, and what came back is gone. */
const lost = new Set(['reply_lost', 'invalid_response'])

export function createGuardian({ pool, tokens, clock, onError }: GuardianDeps): Guardian {
  /** After failures in a row: of an account, and of the sign-in server as a whole. */
  const rests = new Map<string, { failures: number; untilMs: number }>()
  let outage = { failures: 0, untilMs: 0 }
  let isStopped = false
  let running: Promise<void> | null = null

  const rested = (failures: number) => ({ failures, untilMs: clock.now() + restAfter(failures) })

  /** Reads how the account's tokens stand; tells what that means for it, or when they are due. */
  const look = async ({ id, health, refreshedAtMs }: Ward): Promise<Due | null> => {
    if (health.signIn !== 'ok') return null
    const facts = await tokens.facts(id)
    const nowMs = clock.now()
    const custody = custodyOf(facts, refreshedAtMs, chanceOf('custody', id), nowMs)
    if (custody.kind === 'under_way') return null
    if (custody.kind === 'interrupted') {
      const code = health.signInReason ?? 'refresh_interrupted'
      if (!isUsable(facts, nowMs)) pool.report(id, { kind: 'sign_in_lost', as: 'reauth_required', code })
      else if (health.signInReason === null) pool.report(id, { kind: 'sign_in_ending', code })
      return null
    }
    // Another process was only slow, or signed in anew.
    if (health.signInReason !== null) pool.report(id, { kind: 'signed_in' })
    const isResting = (rests.get(id)?.untilMs ?? 0) > nowMs
    if (custody.dueAtMs > nowMs || isResting) return null
    return { id, facts, endsAtMs: facts.expiresAtMs ?? custody.dueAtMs }
  }

  const findDue = async (): Promise<Due[]> => {
    const wards = pool.accounts()
    const ids = new Set(wards.map(({ id }) => id))
    for (const id of rests.keys()) if (!ids.has(id)) rests.delete(id)
    const due: Due[] = []
    for (const ward of wards) {
      try {
        const one = await look(ward)
        if (one) due.push(one)
      } catch (error) {
        // Removed meanwhile, which the pool will notice; anything else is this account's own trouble.
        if (!(error instanceof TokenError)) onError(ward.id, error)
      }
    }
    return due.sort((a, b) => a.endsAtMs - b.endsAtMs).slice(0, perRun)
  }

  const renew = async ({ id, facts }: Due): Promise<Outcome> => {
    try {
      await tokens.renewAhead(id, facts.version)
      rests.delete(id)
      return { kind: 'renewed' }
    } catch (error) {
      const failures = (rests.get(id)?.failures ?? 0) + 1
      if (!(error instanceof TokenError) || error.kind === 'later') rests.set(id, rested(failures))
      if (error instanceof TokenError && elsewhere.has(error.code)) return { kind: 'elsewhere' }
      onError(id, error)
      if (!(error instanceof TokenError)) return { kind: 'harm' }
      const { kind, code } = error
      if (kind !== 'later') {
        const servesOn = kind === 'reauth_required' && isUsable(facts, clock.now())
        pool.report(id, servesOn ? { kind: 'sign_in_ending', code } : { kind: 'sign_in_lost', as: kind, code })
      }
      return lost.has(code) ? { kind: 'harm' } : { kind: 'failed', code }
    }
  }

  const runOnce = async (): Promise<void> => {
    if (isStopped || outage.untilMs > clock.now()) return
    const queue = await findDue()
    const failed = new Map<string, number>()
    let isOut = false
    let isProven = false
    const step = async (due: Due): Promise<void> => {
      const outcome = await renew(due)
      if (outcome.kind === 'renewed') {
        isProven = true
        failed.clear()
        outage = { failures: 0, untilMs: 0 }
      }
      if (outcome.kind === 'failed') failed.set(outcome.code, (failed.get(outcome.code) ?? 0) + 1)
      const isOutage = outcome.kind === 'failed' && failed.get(outcome.code) === outageFailures
      if (isOut || !(isOutage || outcome.kind === 'harm')) return
      isOut = true
      outage = rested(outage.failures + 1)
    }
    const next = () => (isOut || isStopped ? undefined : queue.shift())
    // One after the other until one has worked: a server that takes tokens and answers nothing would take them all.
    for (let due = next(); due; due = isProven ? undefined : next()) await step(due)
    const lane = async () => {
      for (let due = next(); due; due = next()) await step(due)
    }
    await Promise.all(Array.from({ length: atOnce }, lane))
  }

  return {
    run() {
      running ??= runOnce().finally(() => {
        running = null
      })
      return running
    },
    stop() {
      isStopped = true
    },
  }
}

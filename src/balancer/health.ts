import { type Block, failuresBeforeRest, type Health } from '../domain/account.ts'
import { dayMs, hourMs, isNewWindow, minuteMs, type QuotaWindow, usedNow, type WindowKind } from '../domain/quota.ts'

/** What is known to have happened to an account. A closed list: whatever is not on it cannot change an account. */
export type Evidence =
  | { kind: 'served' }
  /** The upstream turned a request away because of a limit. `untilMs` null: it named no end. */
  | {
      kind: 'refused'
      by: 'burst' | 'window' | 'plan'
      code: string
      untilMs: number | null
      window: WindowKind | null
      /** Set when only the models of this meter are concerned. */
      meter: string | null
    }
  /** The upstream turned a request away because `inFlight` of the account were under way. */
  | { kind: 'crowded'; inFlight: number }
  /** Every try on the account failed for a passing reason. */
  | { kind: 'failed'; code: string }
  | { kind: 'sign_in_lost'; as: 'reauth_required' | 'deactivated'; code: string }
  /** It cannot be renewed any more, but the access token is still good: the account serves on until that ends. */
  | { kind: 'sign_in_ending'; code: string }
  /** A person signed in again: there are new tokens. */
  | { kind: 'signed_in' }
  /** New usage figures are known: all windows of the account, or of one of its meters, as they stand now. */
  | { kind: 'reading'; windows: readonly QuotaWindow[]; meter: string | null }
  /** A reset credit has ended the windows that ran. */
  | { kind: 'windows_reset' }
  | { kind: 'paused' }
  | { kind: 'reactivated' }

/** How long a refusal counts when the upstream does not say: twice as long each time in a row, up to a bound. */
const assumedMs = { burst: 30_000, window: 5 * minuteMs, plan: hourMs }
const longestAssumedMs = { burst: 10 * minuteMs, window: hourMs, plan: dayMs }
/** A single failure proves nothing; from the third in a row the account rests, twice as long each time. */
const firstRestMs = 30_000
const longestRestMs = 5 * minuteMs
/** A limit of requests at once is believed for so long. */
const crowdedMs = 5 * minuteMs

/** The only way an account's health changes. Pure; returns the same object when nothing changes. */
export function next(health: Health, evidence: Evidence, nowMs: number): Health {
  switch (evidence.kind) {
    case 'served':
      return served(health, nowMs)
    case 'refused':
      return blockedBy(health, refusal(health, evidence, nowMs))
    case 'crowded':
      return crowded(health, evidence.inFlight, nowMs)
    case 'failed':
      return failed(health, evidence.code, nowMs)
    case 'sign_in_lost':
      return signInLost(health, evidence.as, nameOfEnd(health, evidence.code))
    case 'sign_in_ending':
      if (health.signIn !== 'ok' || health.signInReason === evidence.code) return health
      return { ...health, signInReason: nameOfEnd(health, evidence.code) }
    case 'signed_in':
      return signedIn(health, nowMs)
    case 'reading':
      return without(health, (block) => liftedBy(block, evidence, nowMs), nowMs)
    case 'windows_reset':
      return without(health, ({ by }) => by === 'window', nowMs)
    case 'paused':
      return health.paused ? health : { ...health, paused: true }
    case 'reactivated':
      return {
        ...{ paused: false, signIn: 'ok', signInReason: null, blocks: [], failures: 0, concurrency: null },
        fitSinceMs: nowMs,
      }
  }
}

/** After a restart a renewal that brought nothing looks like one that was cut off; the name that it got first says more. */
function nameOfEnd({ signInReason }: Health, code: string): string {
  return code === 'refresh_interrupted' ? (signInReason ?? code) : code
}

/** A closed account refuses its tokens, too: that is no reason to think that a new sign-in would help. */
function signInLost(health: Health, as: 'reauth_required' | 'deactivated', code: string): Health {
  if (health.signIn === as && health.signInReason === code) return health
  return health.signIn === 'deactivated' && as !== 'deactivated'
    ? health
    : { ...health, signIn: as, signInReason: code }
}

/** New tokens mend the sign-in and what failed with the old ones; limits and a person's pause stand. */
function signedIn(health: Health, nowMs: number): Health {
  const isSignedIn = health.signIn === 'ok' && health.signInReason === null
  const isMended = isSignedIn && health.failures === 0 && health.blocks.every(({ by }) => by !== 'errors')
  if (isMended) return health
  const rested = without(health, ({ by }) => by === 'errors', nowMs)
  return { ...rested, signIn: 'ok', signInReason: null, failures: 0, fitSinceMs: Math.max(rested.fitSinceMs, nowMs) }
}

/** An answer proves that the account works; a limit set meanwhile by a parallel request stands. */
function served(health: Health, nowMs: number): Health {
  const { blocks, failures, concurrency } = health
  if (blocks.length === 0 && failures === 0 && (concurrency === null || concurrency.untilMs > nowMs)) return health
  const isOver = (block: Block) => block.by === 'errors' || block.untilMs <= nowMs
  const left = without(health, isOver, nowMs)
  const crowd = concurrency !== null && concurrency.untilMs > nowMs ? concurrency : null
  if (left === health && failures === 0 && crowd === concurrency) return health
  return { ...left, failures: 0, concurrency: crowd }
}

/** Blocks that are over stay until an answer came: a refusal after one of them is the next in its row. */
function refusal(health: Health, evidence: Extract<Evidence, { kind: 'refused' }>, nowMs: number): Block {
  const { by, window, meter, code, untilMs } = evidence
  const before = health.blocks.find((block) => isSameKind(block, evidence))
  const strikes = before === undefined ? 1 : before.strikes + (before.untilMs <= nowMs ? 1 : 0)
  const assumed = Math.min(longestAssumedMs[by], assumedMs[by] * 2 ** (strikes - 1))
  const endIsKnown = untilMs !== null
  return { by, window, meter, code, sinceMs: nowMs, untilMs: untilMs ?? nowMs + assumed, endIsKnown, strikes }
}

function crowded(health: Health, inFlight: number, nowMs: number): Health {
  const known = health.concurrency
  const limit = Math.max(1, inFlight - 1)
  const lowest = known !== null && known.untilMs > nowMs ? Math.min(known.limit, limit) : limit
  return { ...health, concurrency: { limit: lowest, untilMs: nowMs + crowdedMs } }
}

function failed(health: Health, code: string, nowMs: number): Health {
  // Requests that were on their way when the rest began, and last resorts, met the same trouble: counted once.
  if (health.blocks.some(({ by, untilMs }) => by === 'errors' && untilMs > nowMs)) return health
  const failures = health.failures + 1
  if (failures < failuresBeforeRest) return { ...health, failures }
  const restMs = Math.min(longestRestMs, firstRestMs * 2 ** (failures - failuresBeforeRest))
  const rest: Block = {
    ...{ by: 'errors', window: null, meter: null, code, endIsKnown: false },
    ...{ sinceMs: nowMs, untilMs: nowMs + restMs, strikes: failures - failuresBeforeRest + 1 },
  }
  return { ...blockedBy(health, rest), failures }
}

/** Puts a block beside the others; of two of one kind the later end holds, and a named end is worth more than an assumed one. */
function blockedBy(health: Health, block: Block): Health {
  const before = health.blocks.find((one) => isSameKind(one, block))
  const held = before === undefined ? block : longer(before, block)
  const blocks = [...health.blocks.filter((one) => one !== before), held]
  const fitSinceMs = block.meter === null ? Math.max(health.fitSinceMs, held.untilMs) : health.fitSinceMs
  return { ...health, blocks, fitSinceMs }
}

function longer(before: Block, after: Block): Block {
  if (before.untilMs <= after.sinceMs) return after
  if (before.endIsKnown !== after.endIsKnown) return before.endIsKnown ? before : after
  return before.untilMs > after.untilMs ? before : after
}

function isSameKind(
  one: Pick<Block, 'by' | 'window' | 'meter'>,
  other: Pick<Block, 'by' | 'window' | 'meter'>,
): boolean {
  return one.by === other.by && one.window === other.window && one.meter === other.meter
}

/** An account that is let go early is fit from now on, unless something else still holds it. */
function without(health: Health, isGone: (block: Block) => boolean, nowMs: number): Health {
  if (!health.blocks.some(isGone)) return health
  const blocks = health.blocks.filter((block) => !isGone(block))
  const ends = blocks.flatMap(({ meter, untilMs }) => (meter === null ? [untilMs] : []))
  return { ...health, blocks, fitSinceMs: Math.max(Math.min(health.fitSinceMs, nowMs), ...ends) }
}

function liftedBy(block: Block, evidence: Extract<Evidence, { kind: 'reading' }>, nowMs: number): boolean {
  if (block.by !== 'window' || block.meter !== evidence.meter || block.untilMs <= nowMs) return false
  const newer = evidence.windows.filter((window) => window.readAtMs > block.sinceMs && window.source !== 'refusal')
  // Which window a refusal meant is a guess where two reset together: while any is full, a new one of the other kind frees nobody.
  if (newer.some((window) => usedNow(window, nowMs) >= 100)) return false
  const concerned = newer.filter((window) => block.window === null || window.kind === block.window)
  if (concerned.length === 0) return false
  if (!block.endIsKnown) return true
  // Of a window that is not known nobody can say that a new one runs.
  return block.window !== null && concerned.some((window) => isNewWindow({ resetAtMs: block.untilMs }, window))
}

import type { Held, Ledger, LedgerAsk } from '../accounts/ledger.ts'
import { type Amounts, amountsOf, type LimitRefusal } from '../domain/limit-counts.ts'
import { limitInWords } from '../domain/limit-words.ts'
import type { KeyLimit } from '../domain/limits.ts'
import { costMicroUsd } from '../domain/price.ts'
import type { RequestRecord } from '../domain/request.ts'
import { usedBy } from '../domain/reservation.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { isNativeCodex } from '../upstream/headers.ts'
import type { Recorder } from './recorder.ts'
import { spanOf } from './spent.ts'
import type { Turn } from './turn.ts'

export type LimitDeps = {
  ledger: Ledger
  /** The limits of a key as they are now. */
  limitsOf: (keyId: string) => readonly KeyLimit[]
  recorder: Pick<Recorder, 'newId' | 'prices'>
  clock: Clock
}

/** How much a turn is taken to answer, before it has: clients do not say, and what they say the upstream does not heed. */
const assumedOutputTokens = 2_000
/** Beyond this no client should wait by itself. A rolling minute leaves its window within 61 seconds. */
const nearSeconds = 61
/** Requests under way may give back what they have taken at any moment. */
const heldSeconds = 5

type Asking = { keyId: string | null; model: string | null; declared: () => Amounts; isCodex: boolean }

/** Takes from the key's limits what a turn may use. Null: nothing limits it. @throws AppError `key_limit_reached` */
export function holdTurn({ ask, headers, route }: Turn, deps: LimitDeps): Promise<Held | null> | null {
  const { keyId, model, serviceTier, inputTokens: input } = ask
  const tokens = { input, cached: 0, output: assumedOutputTokens, reasoning: 0 }
  const declared = () =>
    amountsOf({ ...tokens, costMicroUsd: costMicroUsd(deps.recorder.prices(), model, serviceTier, tokens) })
  // Codex speaks the public route, too, when it is told to.
  const isCodex = isNativeCodex(headers) || !route.startsWith('/v1/')
  return hold({ keyId, model, declared, isCodex }, deps)
}

/** The same for a request beside the turns, of which no tokens are known. */
export function holdCall(
  call: Pick<LedgerAsk, 'model'> & { keyId: string | null; isCodex: boolean },
  deps: LimitDeps,
): Promise<Held | null> | null {
  return hold({ ...call, declared: () => amountsOf({ input: 0, output: 0, costMicroUsd: 0 }) }, deps)
}

/** A key without limits costs nothing here, not even a promise. */
function hold({ keyId, model, declared, isCodex }: Asking, deps: LimitDeps): Promise<Held | null> | null {
  if (keyId === null) return null
  const limits = deps.limitsOf(keyId)
  if (limits.length === 0) return null
  const reserved = deps.ledger.reserve({
    ...{ id: deps.recorder.newId(), keyId, limits, model, declared: declared() },
  })
  return reserved.then(({ held, refusal }) => {
    if (refusal !== null) throw keyLimitError(refusal, isCodex, deps.clock.now())
    return held
  })
}

/** The request is over, and this is its record. `seenTokens`: what its client has got of an answer that broke off. */
export function settleHeld(held: Held | null, record: RequestRecord, ledger: Ledger, seenTokens = 0): void {
  if (held === null) return
  const used = usedBy(record, withOutput(held.declared, seenTokens))
  if (used === null) ledger.release(held)
  else ledger.settle(held, used)
}

/** Who hangs up shortly before the end has had an answer all the same. */
function withOutput(declared: Amounts, seenTokens: number): Amounts {
  const more = Math.max(0, seenTokens - declared.output_tokens)
  const { output_tokens, total_tokens } = declared
  return { ...declared, output_tokens: output_tokens + more, total_tokens: total_tokens + more }
}

/**
 * Says which limit it is, and when there is room again. Codex would hide our words behind a retry that never helps, so
 * where waiting makes no sense it is told in the one way in which it stops and names the time.
 */
export function keyLimitError(refusal: LimitRefusal, isCodex: boolean, nowMs: number): AppError {
  const { limit, used, isHeld, resetAtMs } = refusal
  const resetSeconds = resetAtMs === null ? null : Math.max(1, Math.ceil((resetAtMs - nowMs) / 1000))
  const waitSeconds = isHeld ? Math.min(heldSeconds, resetSeconds ?? heldSeconds) : resetSeconds
  const isFar = waitSeconds === null || waitSeconds > nearSeconds
  return new AppError('key_limit_reached', {
    message: `This key may ${limit.kind === 'requests' ? 'make' : 'use'} ${limitInWords(limit)}; ${roomAgain(refusal, nowMs)}`,
    ...(waitSeconds === null ? {} : { retryAfterSeconds: waitSeconds }),
    isFinal: isFar,
    ...(isFar && isCodex ? { type: 'usage_limit_reached' } : {}),
    more: {
      ...(resetAtMs === null ? {} : { resets_at: Math.ceil(resetAtMs / 1000), resets_in_seconds: resetSeconds }),
      limit: {
        ...{ id: limit.id, kind: limit.kind, period: limit.period, is_calendar: limit.isCalendar, model: limit.model },
        ...{ max: limit.max, used },
      },
    },
  })
}

function roomAgain({ isHeld, resetAtMs }: LimitRefusal, nowMs: number): string {
  if (isHeld) return 'what is left of it is taken by requests that are under way.'
  if (resetAtMs === null) return 'there is no room in it.'
  const at = `${new Date(Math.ceil(resetAtMs / 1000) * 1000).toISOString().slice(0, 19)}Z`
  return `room returns at ${at} (in ${resetAtMs - nowMs < 60_000 ? 'less than a minute' : spanOf(resetAtMs - nowMs)}).`
}

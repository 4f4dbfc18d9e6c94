import { exclusionOf, meterExclusion } from '../balancer/eligibility.ts'
import { type Account, activeBlock, type Block, meterBlock, nonWindowBlock, statusOf } from '../domain/account.ts'
import { meterFor } from '../domain/meter.ts'
import { usedNow } from '../domain/quota.ts'
import { AppError } from '../errors.ts'

/**
 * What to tell the client when no account of the pool is left. Null: there are fit accounts, they just failed this
 * request. `pool` holds the accounts that offer the model.
 */
export function spentPoolError(pool: readonly Account[], model: string, nowMs: number): AppError | null {
  if (pool.some((account) => !isOut(account, model, nowMs))) return null
  const blocked = pool.flatMap((account) => {
    if (account.health.paused || account.health.signIn !== 'ok') return []
    const block = blockOn(account, model, nowMs)
    return block ? [{ account, block }] : []
  })
  if (blocked.length === 0) return new AppError('no_accounts', { message: unusable(pool, nowMs) })
  const brief = soonest(blocked.filter(({ block }) => block.by === 'burst' || block.by === 'errors'))
  if (brief) {
    const retryAfterSeconds = Math.max(1, Math.ceil((brief.block.untilMs - nowMs) / 1000))
    const message = `Every account is resting for a moment; try again in ${retryAfterSeconds} s.`
    return new AppError('no_accounts', { message, retryAfterSeconds })
  }
  // Only a reset that the upstream named may be promised to a person.
  const first = soonest(blocked.filter(({ block }) => block.endIsKnown)) ?? soonest(blocked)
  if (first === null) return null
  const resetsAtMs = first.block.endIsKnown ? first.block.untilMs : null
  // Most clients show the message and nothing else.
  const message =
    resetsAtMs === null
      ? {}
      : { message: `The usage limit has been reached. Try again in ${spanOf(resetsAtMs - nowMs)}.` }
  return new AppError('usage_limit_reached', { ...message, resetsAtMs, plan: first.account.plan })
}

/** A time in words, in its two largest units. */
export function spanOf(ms: number): string {
  const minutes = Math.max(1, Math.ceil(ms / 60_000))
  const [days, hours, rest] = [Math.floor(minutes / 1_440), Math.floor((minutes % 1_440) / 60), minutes % 60]
  if (days > 0) return hours > 0 ? `${days} d ${hours} h` : `${days} d`
  if (hours > 0) return rest > 0 ? `${hours} h ${rest} min` : `${hours} h`
  return `${rest} min`
}

function isOut(account: Account, model: string, nowMs: number): boolean {
  const meter = meterFor(account.meters, model)
  if (meter !== null && meterExclusion(account, meter, nowMs) !== null) return true
  return exclusionOf(account, nowMs, meter === null) !== null
}

/** What keeps the account from serving this model: its own block, or the meter's that governs the model. */
function blockOn(
  { health, meters }: Account,
  model: string,
  nowMs: number,
): Pick<Block, 'by' | 'untilMs' | 'endIsKnown'> | null {
  const meter = meterFor(meters, model)
  if (meter === null) return activeBlock(health, nowMs)
  const block = nonWindowBlock(health, nowMs) ?? meterBlock(health, meter.key, nowMs)
  if (block) return block
  const full = meter.windows.find((window) => usedNow(window, nowMs) >= 100 && window.resetAtMs !== null)
  return full ? { by: 'window', untilMs: full.resetAtMs ?? nowMs, endIsKnown: true } : null
}

type Blocked = { account: Account; block: { untilMs: number } }

function soonest<T extends Blocked>(blocked: T[]): T | null {
  return blocked.reduce<T | null>(
    (best, one) => (best === null || one.block.untilMs < best.block.untilMs ? one : best),
    null,
  )
}

function unusable(pool: readonly Account[], nowMs: number): string {
  const counts = new Map<string, number>()
  for (const { health } of pool) {
    const status = statusOf(health, nowMs)
    counts.set(status, (counts.get(status) ?? 0) + 1)
  }
  const words: Record<string, string> = {
    paused: 'paused',
    reauth_required: 'waiting for a new sign-in',
    deactivated: 'closed by the upstream',
  }
  const parts = [...counts].map(([status, count]) => `${count} ${words[status] ?? status}`)
  return `No account can serve: ${parts.join(', ')}.`
}

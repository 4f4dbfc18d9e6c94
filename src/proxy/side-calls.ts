import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { decodeJwt, identityOf } from '../accounts/claims.ts'
import type { CreditLists } from '../accounts/credit-lists.ts'
import type { Pool } from '../accounts/pool.ts'
import type { PoolRedeemer, PoolRedemption } from '../accounts/pool-redemption.ts'
import type { Statistics } from '../accounts/statistics.ts'
import { type Guest, isInScope, scopeOf } from '../domain/api-key.ts'
import type { ResetCredit } from '../domain/reset-credit.ts'
import { type PoolStatistics, poolStatistics } from '../domain/statistics.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { accountsFor, guestOf } from './guest.ts'
import { highestPlan, poolUsage } from './pool-usage.ts'

export type SideCallDeps = {
  pool: Pool
  clock: Clock
  creditLists: CreditLists
  poolRedeemer: PoolRedeemer
  statistics: Statistics
}

/** Where clients look, by the form of their `chatgpt_base_url`: with `/backend-api`, or without (source). */
const bases = ['/backend-api/wham', '/api/codex']
/** A status line waits no longer for the accounts' lists; what is known by then has to do. */
const patienceMs = 3_000

const ConsumeRequest = z.object({
  redeem_request_id: z.string().min(1).max(200),
  credit_id: z.string().min(1).max(200).nullish(),
})

/** What Codex asks of its account beside the turns, answered for the pool as if it were one account. */
export function addSideCalls(app: FastifyInstance, deps: SideCallDeps): void {
  const { pool, clock, creditLists, poolRedeemer, statistics } = deps
  const local = { config: { access: 'client' } } as const
  const creditsFor = async (guest: Guest) => {
    const held = await creditLists.ofPool({ patienceMs })
    return accountsFor(pool, guest).flatMap(({ id }) => held.get(id) ?? [])
  }
  for (const base of bases) {
    app.get(`${base}/usage`, local, async (request) => {
      const guest = guestOf(request)
      const held = await creditsFor(guest)
      const count = held.reduce((sum, { availableCount }) => sum + availableCount, 0)
      const usage = poolUsage(accountsFor(pool, guest), clock.now(), held.length === 0 ? null : count)
      const { accountId, userId } = callerOf(request)
      return { user_id: userId, account_id: accountId, ...usage }
    })
    app.get(`${base}/rate-limit-reset-credits`, local, async (request) => {
      const held = await creditsFor(guestOf(request))
      return {
        credits: held.flatMap(({ credits }) => credits.map(creditAnswer)),
        available_count: held.reduce((sum, { availableCount }) => sum + availableCount, 0),
      }
    })
    app.post(`${base}/rate-limit-reset-credits/consume`, local, async (request) => {
      const { redeem_request_id: id, credit_id: creditId } = ConsumeRequest.parse(request.body)
      return redeemedAnswer(
        await poolRedeemer.redeem({ id, creditId: creditId ?? null, scope: scopeOf(guestOf(request).key) }),
      )
    })
    app.get(`${base}/profiles/me`, local, async (request) => {
      const scope = scopeOf(guestOf(request).key)
      const told = (await statistics.all()).flatMap((one) =>
        isInScope(one.account, scope) ? (one.statistics ?? []) : [],
      )
      return profileAnswer(poolStatistics(told, clock.now()))
    })
    app.get(`${base}/accounts/check`, local, async (request) =>
      checkAnswer(callerOf(request), highestPlan(accountsFor(pool, guestOf(request))), ownOrigin(request)),
    )
  }
}

/** Stands for the pool where a client names no account of its own. */
const poolId = '00000000-0000-4000-8000-0000636c6200'

type Caller = { accountId: string; userId: string | null }

/**
 * Who the client believes to be, as it says itself: Codex looks for itself in our answers, and 0.169.0 takes the word
 * that there is room only from an answer with its own user and account.
 */
function callerOf({ headers }: FastifyRequest): Caller {
  const given = headers['chatgpt-account-id']
  const claims = decodeJwt(/^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '')
  return {
    accountId: typeof given === 'string' && given !== '' ? given.slice(0, 200) : poolId,
    userId: claims && identityOf([claims]).seat,
  }
}

/** Where the client has found us, as an https origin. */
function ownOrigin({ headers }: FastifyRequest): string {
  // The gate has refused every Host that does not fit into a URL.
  return new URL(`https://${headers.host}`).origin
}

/**
 * Codex 0.169.0 fails `account/read` without an https origin, and sends turns of a provider named exactly "OpenAI" to
 * it when `chatgpt_base_url` has the origin of `base_url`. With the upstream's own origin such turns would go past the
 * pool unseen. Ours keeps them: behind https they arrive, without it they fail in plain sight.
 */
function checkAnswer({ accountId: id, userId }: Caller, plan: string, origin: string): object {
  return {
    accounts: [
      {
        id,
        account_user_id: `${userId ?? 'pool'}__${id}`,
        structure: 'personal',
        plan_type: plan,
        name: null,
        profile_picture_url: null,
        is_deactivated: false,
        can_access_with_session: true,
        sso_connection_name: null,
        is_fedramp_compliant_workspace: false,
        workspace_backend_origin: origin,
        account_routing_override: 'NO_CONSTRAINT',
      },
    ],
    default_account_id: id,
    account_ordering: [id],
  }
}

function creditAnswer(credit: ResetCredit): object {
  return {
    id: credit.id,
    reset_type: credit.type,
    status: credit.status,
    granted_at: isoOrNull(credit.grantedAtMs),
    expires_at: isoOrNull(credit.expiresAtMs),
    title: credit.title,
    description: credit.description,
    redeem_started_at: isoOrNull(credit.redeemStartedAtMs),
    redeemed_at: isoOrNull(credit.redeemedAtMs),
  }
}

/** @throws AppError when it is not known to have ended, or was refused */
function redeemedAnswer({ outcome, error, windowsReset, creditId, settledAtMs }: PoolRedemption): object {
  if (outcome === 'pending' || outcome === 'failed') {
    const how = outcome === 'failed' ? 'was refused' : 'may have happened or not; try it again with the same id'
    throw new AppError('upstream_error', { message: `The redemption ${how}: ${error ?? 'no reason was given'}` })
  }
  const isUsed = outcome === 'reset' || outcome === 'already_redeemed'
  const credit = {
    id: creditId,
    reset_type: 'codex_rate_limits',
    status: 'redeemed',
    redeemed_at: isoOrNull(settledAtMs),
  }
  return { code: outcome, windows_reset: windowsReset ?? 0, credit: isUsed && creditId !== null ? credit : null }
}

function profileAnswer(statistics: PoolStatistics): object {
  return {
    profile: { username: 'codex-lb', display_name: 'codex-lb', profile_picture_url: null },
    stats: {
      lifetime_tokens: statistics.lifetimeTokens,
      peak_daily_tokens: statistics.peakDailyTokens,
      longest_running_turn_sec: statistics.longestTurnSeconds,
      current_streak_days: statistics.currentStreakDays,
      longest_streak_days: statistics.longestStreakDays,
      daily_usage_buckets: statistics.days.map(({ day, tokens }) => ({ start_date: day, tokens })),
    },
    metadata: { stats_as_of: isoOrNull(statistics.countedAtMs) },
  }
}

function isoOrNull(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString()
}

import type { Account } from '../domain/account.ts'
import { hourMs, minuteMs, usedNow } from '../domain/quota.ts'
import type { Redemption } from '../domain/redemption.ts'
import { gainOfReset, isUsable, nextCredit, type ResetCredit, type ResetCredits } from '../domain/reset-credit.ts'
import type { Settings } from '../domain/settings.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import type { CreditLists } from './credit-lists.ts'
import type { Pool } from './pool.ts'
import type { Redeemer } from './reset-credits.ts'

/** A window that comes back this soon is waited for. */
const worthMs = 30 * minuteMs
/** At most one use in this time: its effect must show before the next is thought of. */
const apartMs = 10 * minuteMs
/** `expiring`: the credit is lost this soon, and this much of a window is used. */
const expiringMs = 6 * hourMs
const expiringPercent = 50
/** An account on which the rule's last use gave nothing is left alone for so long. */
const fruitlessMs = 6 * hourMs

export type RuleFacts = {
  accounts: readonly Account[]
  held: ReadonlyMap<string, ResetCredits>
  /** Latest redemptions of all accounts, in any order. */
  redemptions: readonly Redemption[]
}
type RuleSettings = Pick<Settings, 'resetCreditRule' | 'onlyTags' | 'strategy' | 'singleAccountId' | 'planCapacities'>

/** The reset credit that the rule uses now, or null. Pure. */
export function creditToUse(
  { accounts, held, redemptions }: RuleFacts,
  settings: RuleSettings,
  nowMs: number,
): { accountId: string; creditId: string } | null {
  const byRule = redemptions.filter(({ by }) => by === 'rule')
  if (byRule.some(({ startedAtMs }) => startedAtMs > nowMs - apartMs)) return null
  const isLeftAlone = ({ id }: Account) =>
    redemptions.some((one) => one.accountId === id && one.outcome === 'pending') ||
    byRule.some((one) => one.accountId === id && isFruitless(one) && one.startedAtMs > nowMs - fruitlessMs)
  const chosen = candidates(accounts, settings, nowMs)
    .filter((account) => !isLeftAlone(account))
    .flatMap((account) => {
      const credit = fitting(held.get(account.id)?.credits ?? [], settings, nowMs)
      const gain = gainOfReset(account, settings.planCapacities, nowMs)
      return credit ? [{ accountId: account.id, creditId: credit.id, gain }] : []
    })
    .toSorted((a, b) => b.gain - a.gain)[0]
  return chosen ? { accountId: chosen.accountId, creditId: chosen.creditId } : null
}

/** Accounts on which the rule would use a credit if they held one. Needs nothing but memory. */
function candidates(accounts: readonly Account[], settings: RuleSettings, nowMs: number): Account[] {
  const serving = accounts.filter((account) => couldServe(account, settings, nowMs))
  if (settings.resetCreditRule === 'pool_out') {
    return serving.every((account) => isOutForLong(account, nowMs)) ? serving : []
  }
  if (settings.resetCreditRule === 'never') return []
  return serving.filter(({ windows }) => windows.some((window) => usedNow(window, nowMs) >= expiringPercent))
}

function fitting(credits: readonly ResetCredit[], settings: RuleSettings, nowMs: number): ResetCredit | null {
  if (settings.resetCreditRule === 'pool_out') return nextCredit(credits, nowMs)
  const ending = credits.filter(({ expiresAtMs }) => expiresAtMs !== null && expiresAtMs <= nowMs + expiringMs)
  return nextCredit(ending, nowMs)
}

/** Nothing but a used-up window keeps it from serving: what a reset cannot mend does not count. */
function couldServe({ id, health, tags }: Account, settings: RuleSettings, nowMs: number): boolean {
  if (health.signIn !== 'ok' || health.paused) return false
  if (settings.strategy === 'single_account' && settings.singleAccountId !== id) return false
  if (settings.onlyTags.length > 0 && !tags.some((tag) => settings.onlyTags.includes(tag))) return false
  const isMended = (by: string) => by === 'window'
  return health.blocks.every(({ by, meter, untilMs }) => meter !== null || isMended(by) || untilMs <= nowMs + worthMs)
}

function isOutForLong({ health }: Account, nowMs: number): boolean {
  return health.blocks.some(({ by, meter, untilMs }) => by === 'window' && meter === null && untilMs > nowMs + worthMs)
}

function isFruitless({ outcome }: Redemption): boolean {
  return outcome !== 'reset' && outcome !== 'already_redeemed'
}

export type ResetRuleDeps = {
  store: Store
  pool: Pool
  lists: CreditLists
  redeemer: Redeemer
  settings: () => Settings
  clock: Clock
}

/** So many past redemptions of an account tell enough. */
const historyRows = 20

/** Makes the job that applies the rule: it uses one credit, or none. */
export function createResetRule({ store, pool, lists, redeemer, settings, clock }: ResetRuleDeps): () => Promise<void> {
  return async function applyResetRule() {
    // Most of the time there is no rule, or nothing to do: then nobody is asked.
    if (candidates(pool.accounts(), settings(), clock.now()).length === 0) return
    const held = await lists.ofPool()
    const nowMs = clock.now()
    if (![...held.values()].some(({ credits }) => credits.some((credit) => isUsable(credit, nowMs)))) return
    // Of all accounts: one that has just used its last credit is none of the holders any more.
    const histories = await Promise.all(pool.accounts().map(({ id }) => store.redemptions.list(id, historyRows)))
    const facts = { accounts: pool.accounts(), held, redemptions: histories.flat() }
    const use = creditToUse(facts, settings(), nowMs)
    if (use !== null) await redeemer.redeem({ ...use, by: 'rule', id: null })
  }
}

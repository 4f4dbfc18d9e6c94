import { describe, expect, it } from 'vitest'
import { creditToUse, type RuleFacts } from '../../../src/accounts/reset-rule.ts'
import { type Account, healthy } from '../../../src/domain/account.ts'
import { dayMs, hourMs, minuteMs } from '../../../src/domain/quota.ts'
import type { Redemption } from '../../../src/domain/redemption.ts'
import { defaultSettings, type Settings } from '../../../src/domain/settings.ts'
import { aBlock, anAccount, aWindow, nowMs } from '../../support/accounts.ts'
import { aCredit, aRedemption, held } from '../../support/reset-credits.ts'

/** Its weekly window is used up for some days more. */
function out(id: string, given: Partial<Account> = {}, forMs = 3 * dayMs): Account {
  const untilMs = nowMs + forMs
  return anAccount(id, {
    windows: [aWindow('weekly', 100, { resetAtMs: untilMs })],
    health: { ...healthy, blocks: [aBlock('window', { window: 'weekly', untilMs })] },
    ...given,
  })
}
const resting = (by: 'burst' | 'errors' | 'plan', forMs: number) => ({
  health: { ...healthy, blocks: [aBlock(by, { untilMs: nowMs + forMs })] },
})

function used(
  rule: Settings['resetCreditRule'],
  accounts: Account[],
  given: Partial<RuleFacts> = {},
  settings: Partial<Settings> = {},
): string | null {
  const credits = new Map(accounts.map(({ id }) => [id, held(aCredit(`credit-${id}`, 100))]))
  const facts = { accounts, held: credits, redemptions: [], ...given }
  const use = creditToUse(facts, { ...defaultSettings, resetCreditRule: rule, ...settings }, nowMs)
  return use && `${use.creditId} of ${use.accountId}`
}

describe('without a rule', () => {
  it('no credit is used', () => {
    const credits = new Map([['a', held(aCredit('credit-a', 1))]])
    expect(used('never', [out('a')], { held: credits })).toBeNull()
  })
})

describe('when the pool is out', () => {
  it.each<[string, Account[], string | null]>([
    ['of the only account', [out('a')], 'credit-a of a'],
    ['of the larger plan', [out('a'), out('b', { plan: 'pro' })], 'credit-b of b'],
    ['of the one that would be out longest', [out('a'), out('b', {}, 5 * dayMs)], 'credit-b of b'],
    [
      'although some are out of the pool',
      [out('a'), anAccount('b', { health: { ...healthy, paused: true } })],
      'credit-a of a',
    ],
    ['although one has no plan for it', [out('a'), anAccount('b', resting('plan', dayMs))], 'credit-a of a'],
  ])('a credit is used: %s', (_which, accounts, expected) => expect(used('pool_out', accounts)).toBe(expected))

  it.each<[string, Account[]]>([
    ['nobody is out', [anAccount('a')]],
    ['one account can serve', [out('a'), anAccount('b')]],
    ['a window comes back soon', [out('a'), out('b', {}, 30 * minuteMs)]],
    ['one account rests for a moment', [out('a'), anAccount('b', resting('burst', minuteMs))]],
    ['one account rests after failures', [out('a'), anAccount('b', resting('errors', minuteMs))]],
    [
      'only the models of a meter are out',
      [anAccount('a', { health: { ...healthy, blocks: [aBlock('window', { meter: 'm', untilMs: nowMs + dayMs })] } })],
    ],
    ['a reset would not let anybody serve', [anAccount('a', resting('plan', dayMs))]],
    ['there is no account', []],
  ])('no credit is used while %s', (_why, accounts) => expect(used('pool_out', accounts)).toBeNull())

  it('only accounts count that the settings let serve', () => {
    const pool = [out('a', { tags: ['work'] }), anAccount('b', { tags: ['home'] })]
    expect(used('pool_out', pool)).toBeNull()
    expect(used('pool_out', pool, {}, { onlyTags: ['work'] })).toBe('credit-a of a')
    expect(used('pool_out', pool, {}, { strategy: 'single_account', singleAccountId: 'a' })).toBe('credit-a of a')
    expect(used('pool_out', pool, {}, { strategy: 'single_account', singleAccountId: 'b' })).toBeNull()
  })

  it('the credit that is lost soonest is used, of an account that holds one', () => {
    const credits = new Map([['a', held(aCredit('late', 50), aCredit('soon', 5), aCredit('gone', 1, 'redeemed'))]])
    expect(used('pool_out', [out('a'), out('b', { plan: 'pro' })], { held: credits })).toBe('soon of a')
    expect(used('pool_out', [out('a')], { held: new Map() })).toBeNull()
  })
})

describe('before a credit expires', () => {
  const half = (id: string, usedPercent: number) =>
    anAccount(id, { windows: [aWindow('weekly', usedPercent, { resetAtMs: nowMs + 3 * dayMs }), aWindow('short', 5)] })
  const expiring = (inHours: number) => ({ held: new Map([['a', held(aCredit('credit-a', inHours))]]) })

  it.each<[string, Account, number, string | null]>([
    ['is used', half('a', 50), 6, 'credit-a of a'],
    ['waits while there is time', half('a', 100), 6.1, null],
    ['waits while little would come of it', half('a', 49), 1, null],
    ['is not thrown at a paused account', { ...half('a', 90), health: { ...healthy, paused: true } }, 1, null],
  ])('it %s', (_rule, account, inHours, expected) => {
    expect(used('expiring', [account, anAccount('b')], expiring(inHours))).toBe(expected)
  })
})

describe('the rule', () => {
  const byRule = (given: Partial<Redemption>) => ({ redemptions: [aRedemption('r', { by: 'rule', ...given })] })
  const ago = (ms: number) => nowMs - ms

  it.each<[string, Partial<RuleFacts>, string | null]>([
    ['waits ten minutes after each use', byRule({ accountId: 'b', startedAtMs: ago(9 * minuteMs) }), null],
    ['goes on after that', byRule({ accountId: 'b', startedAtMs: ago(10 * minuteMs) }), 'credit-a of a'],
    ['does not wait for what a person did', { redemptions: [aRedemption('r', { accountId: 'b' })] }, 'credit-a of a'],
    [
      'leaves an account alone whose redemption is pending',
      { redemptions: [aRedemption('r', { outcome: 'pending', startedAtMs: ago(dayMs) })] },
      null,
    ],
    [
      'leaves an account alone where it came to nothing',
      byRule({ outcome: 'failed', startedAtMs: ago(5 * hourMs) }),
      null,
    ],
    ['tries such an account again later', byRule({ outcome: 'failed', startedAtMs: ago(6 * hourMs) }), 'credit-a of a'],
    [
      'uses a second credit of an account where the first one helped',
      byRule({ startedAtMs: ago(hourMs) }),
      'credit-a of a',
    ],
  ])('%s', (_rule, given, expected) => expect(used('pool_out', [out('a')], given)).toBe(expected))
})

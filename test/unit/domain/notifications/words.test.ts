import { describe, expect, it } from 'vitest'
import type { About } from '../../../../src/domain/notifications/about.ts'
import { wordsOf } from '../../../../src/domain/notifications/words.ts'

const say = (event: 'begin' | 'end', all: About[], showEmails = false) => {
  const { title, text } = wordsOf(
    all.map((about, at) => ({ event, subject: String(at), sinceMs: 0, about })),
    { showEmails },
  )
  return `${title} | ${text}`
}
const account = (id: string, given: object = {}): About => ({
  ...{ kind: 'account_reauth', accountId: `acc_0123456789${id}`, alias: null, email: `${id}@example.com` },
  ...{ plan: 'plus', reason: 'token_revoked' },
  ...given,
})
const atMs = Date.UTC(2026, 0, 4, 12, 5, 59)

describe('a message', () => {
  it('says what is the case, in figures', () => {
    const low: About = { kind: 'pool_below', window: 'short', percent: 15, leftPercent: 14.96, resetAtMs: atMs }
    expect(say('begin', [low])).toBe(
      "The pool's 5-hour window is below 15 % | 14.9 % is left over all accounts. The first part of it comes back 2026-01-04 12:05 UTC.",
    )
    expect(say('begin', [{ ...low, resetAtMs: null }])).toMatch(/accounts\.$/)
    const out: About = { kind: 'pool_out', accounts: 3, serving: 0, usedUp: 2, signedOut: 1, nextAtMs: atMs }
    expect(say('begin', [out])).toBe(
      'All accounts are out | None of 3 accounts can serve: 2 used up, 1 signed out or closed. The first comes back 2026-01-04 12:05 UTC.',
    )
    expect(say('end', [{ ...out, accounts: 1, serving: 1 }])).toBe('The pool serves again | 1 of 1 account can serve.')
    const failing: About = { kind: 'error_rate', percent: 20, minutes: 1, leastRequests: 3, requests: 3, failed: 1 }
    expect(say('begin', [failing])).toBe(
      'More than 20 % of requests fail | 1 of 3 requests in the last 1 minute failed (33.3 %).',
    )
    expect(say('end', [{ ...failing, requests: 1 }])).toBe(
      'Requests fail less often again | There was only 1 request in the last 1 minute, too few to tell.',
    )
    expect(say('begin', [{ kind: 'new_version', version: '2.0.0', running: '1.0.0' }])).toBe(
      'codex-lb 2.0.0 is out | This server runs 1.0.0.',
    )
    expect(say('begin', [{ kind: 'egress_down', egressId: 'e', name: 'Home', reason: 'refused' }])).toBe(
      'An egress proxy does not work | Home (refused)',
    )
  })

  it('names accounts by e-mail only where that is allowed', () => {
    expect(say('begin', [account('ann')])).toBe(
      'An account needs a new sign-in | plus account …789ann: signed out by the upstream (token_revoked). Sign in again in the dashboard under Accounts.',
    )
    expect(say('begin', [account('ann')], true)).toContain('| ann@example.com: signed out')
    expect(say('end', [account('ann', { alias: 'Work' })])).toBe('An account is signed in again | Work.')
    expect(say('begin', [account('ann', { email: null })], true)).toContain('plus account …789ann')
  })

  it('is one for many, which names some', () => {
    const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => account(id, { reason: id }))
    expect(say('begin', many, true)).toBe(
      '7 accounts need a new sign-in | a@example.com; b@example.com; c@example.com; d@example.com; e@example.com; and 2 more: signed out by the upstream. Sign in again in the dashboard under Accounts.',
    )
  })

  it('keeps what others have named on one line, and short', () => {
    const text = say('begin', [
      { kind: 'egress_down', egressId: 'e', name: `a\r\nBcc: x\u202e\t${'y'.repeat(500)}`, reason: 'no\u0000pe' },
    ])
    expect(text).toMatch(/\| a Bcc: x y{1,120} \(no pe\)$/)
    expect(text.length).toBeLessThan(200)
  })
})

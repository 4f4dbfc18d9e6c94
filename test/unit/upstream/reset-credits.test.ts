import { describe, expect, it } from 'vitest'
import { readRedeemed, readResetCredits } from '../../../src/upstream/reset-credits.ts'
import { nowMs } from '../../support/accounts.ts'

const listed = {
  id: 'rlrc_1',
  reset_type: 'codex_rate_limits',
  status: 'available',
  granted_at: '2026-01-10T00:00:00.000Z',
  expires_at: '2026-02-10T00:00:00.000Z',
  title: 'Rate limit reset',
  description: null,
  redeem_started_at: null,
  redeemed_at: null,
}
const read = {
  id: 'rlrc_1',
  type: 'codex_rate_limits',
  status: 'available',
  title: 'Rate limit reset',
  description: null,
  grantedAtMs: Date.UTC(2026, 0, 10),
  expiresAtMs: Date.UTC(2026, 1, 10),
  redeemStartedAtMs: null,
  redeemedAtMs: null,
}

describe('a list of reset credits', () => {
  it('is read as the upstream sends it', () => {
    const body = { credits: [listed], available_count: 2 }
    expect(readResetCredits(body, nowMs)).toEqual({ credits: [read], availableCount: 2, readAtMs: nowMs })
  })

  it.each<[string, object, object]>([
    ['has no count', { credits: [listed, { ...listed, status: 'redeemed' }] }, { availableCount: 1 }],
    ['has a count below zero', { credits: [], available_count: -1 }, { availableCount: 0 }],
    ['holds what is no credit', { credits: [null, 7, { id: '' }, listed] }, { credits: [read] }],
    [
      'says little of a credit',
      { credits: [{ id: 'x', expires_at: 'soon', granted_at: 5 }] },
      { credits: [{ id: 'x', status: 'unknown', expiresAtMs: null, grantedAtMs: null, type: null }] },
    ],
  ])('is read as far as it goes when it %s', (_what, body, expected) => {
    expect(readResetCredits(body, nowMs)).toMatchObject(expected)
  })

  it.each([null, [], 'no', {}, { credits: 'none' }])('is not read from %j', (body) => {
    expect(readResetCredits(body, nowMs)).toBeNull()
  })
})

describe('the answer to a redemption', () => {
  it.each(['reset', 'already_redeemed', 'nothing_to_reset', 'no_credit'])('can be %s', (code) => {
    expect(readRedeemed({ code, windows_reset: 2, credit: {} })).toEqual({ outcome: code, windowsReset: 2 })
  })

  it('may leave out how many windows were reset', () => {
    expect(readRedeemed({ code: 'reset' })).toEqual({ outcome: 'reset', windowsReset: null })
  })

  it.each([null, {}, { code: 'perhaps' }, { code: 'pending' }, { code: 'failed' }, '<html>'])(
    'does not say how it ended in %j',
    (body) => expect(readRedeemed(body)).toBeNull(),
  )
})

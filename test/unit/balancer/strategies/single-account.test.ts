import { describe, expect, it } from 'vitest'
import { choose } from '../../../../src/balancer/choose.ts'
import { anAccount, anAilingAccount, anAsk, nowMs, withSettings } from '../../../support/accounts.ts'
import { figures } from '../../../support/strategies.ts'

describe('single_account', () => {
  const single = (singleAccountId: string | null) => withSettings({ strategy: 'single_account', singleAccountId })
  const pool = [anAccount('a'), figures('b', 100, 100), anAccount('c')]

  it('takes the one that is named, however full it is, and says why not the others', () => {
    expect(choose(pool, anAsk(), single('b'), nowMs)).toMatchObject({
      ...{ accountId: 'b', because: 'only_one', ranked: [{ accountId: 'b', parts: {} }] },
      excluded: [
        { accountId: 'a', exclusion: { reason: 'not_selected' } },
        { accountId: 'c', exclusion: { reason: 'not_selected' } },
      ],
    })
  })

  it.each([
    ['it is gone', pool, 'gone'],
    ['nobody is named', pool, null],
    ['it is paused', [anAccount('a'), anAilingAccount('b', { paused: true })], 'b'],
  ])('takes nobody when %s', (_when, accounts, id) => {
    expect(choose(accounts, anAsk(), single(id), nowMs)).toMatchObject({ accountId: null, because: 'none_eligible' })
  })

  it('leaves the owner of what a request names to others', () => {
    expect(choose(pool, anAsk({ ownerId: 'a' }), single('b'), nowMs).accountId).toBeNull()
  })
})

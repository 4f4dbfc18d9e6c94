import { describe, expect, it } from 'vitest'
import { healthy } from '../../src/domain/account.ts'
import { aWindow } from '../support/accounts.ts'
import { affinityRow } from '../support/affinities.ts'
import { candidate, imported, requestRecord, tokens } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

onEveryEngine((context) => {
  describe('an account that is signed in again', () => {
    it('is the same account in the same place: only its tokens and its sign-in are new', async () => {
      const { store } = context
      const { id } = await imported(store, 'ann')
      await imported(store, 'bob')
      const wishes = { policy: 'preserve', priority: 4, tags: ['team', 'night'] } as const
      await store.accounts.savePreferences(id, { ...wishes, tags: [...wishes.tags] })
      const figures = { windows: [aWindow('weekly', 40)], meters: [], credits: null, limitReached: null, burn: null }
      await store.accounts.saveFigures(id, figures)
      const lost = { signIn: 'reauth_required', signInReason: 'refresh_token_reused' } as const
      await store.accounts.saveHealth(id, { ...healthy, paused: true, ...lost })
      const row = affinityRow('thread', { accountId: id, expiresAtMs: 100_000 })
      const owner = { kind: 'response', id: 'resp_1', accountId: id, keyId: null, expiresAtMs: 100_000 } as const
      await store.affinity.save({ affinities: [row], owners: [owner] })
      await store.requests.add([requestRecord('r1', { accountId: id })])
      const sample = { accountId: id, kind: 'weekly', atMs: 1, usedPercent: 40, resetAtMs: 2, source: 'poll' } as const
      await store.usage.add([sample])
      // The refresh that was refused is marked for ever: the mark must go with its token.
      expect(await store.accounts.beginRefresh(id, 1, 6_000)).toBe(true)
      const versionBefore = await store.accounts.version()

      const fresh = candidate('ann', { tokens: tokens('fresh'), refreshedAtMs: 8_000 })
      expect(await store.accounts.import(fresh, 9_000)).toMatchObject({ kind: 'updated', account: { id } })

      const account = (await store.accounts.list()).find((one) => one.id === id)
      expect(account).toMatchObject({ ...wishes, ...figures, createdAtMs: 5_000, refreshedAtMs: 8_000 })
      expect(account?.health).toMatchObject({ paused: true, signIn: 'ok', signInReason: null })
      expect(await store.affinity.load(0)).toEqual({ affinities: [row], owners: [owner] })
      expect((await store.requests.page({ limit: 9, cursor: null })).items.map(({ accountId }) => accountId)).toEqual([
        id,
      ])
      expect(await store.usage.since(0, id)).toEqual([sample])
      expect(await store.accounts.credential(id)).toMatchObject({ version: 2, refreshStartedAtMs: null })
      expect((await store.accounts.credential(id))?.refreshToken.reveal()).toBe('refresh-fresh')
      // By this the other processes notice.
      expect(await store.accounts.version()).toBeGreaterThan(versionBefore)
    })

    it('loses the warning too that its sign-in will end, even by a file that is older than the tokens that failed', async () => {
      const { store } = context
      const { id } = await imported(store, 'ann')
      await store.accounts.saveHealth(id, { ...healthy, signInReason: 'refresh_token_reused' })
      expect((await store.accounts.list())[0]?.health.signInReason).toBe('refresh_token_reused')
      const other = candidate('ann', { tokens: tokens('other'), refreshedAtMs: 500 })
      await store.accounts.import(other, 9_000)
      expect((await store.accounts.list())[0]?.health).toMatchObject({ signIn: 'ok', signInReason: null })
      expect((await store.accounts.credential(id))?.refreshToken.reveal()).toBe('refresh-other')
    })
  })
})

import { describe, expect, it } from 'vitest'
import { healthy } from '../../src/domain/account.ts'
import { affinityRow } from '../support/affinities.ts'
import { candidate, imported, noFigures, revealed, tired, tokens } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

onEveryEngine((context) => {
  describe('stored accounts', () => {
    it('are listed in the order in which they came', async () => {
      const { accounts } = context.store
      await accounts.import(candidate('late'), 2)
      await accounts.import(candidate('early'), 1)
      expect((await accounts.list()).map((account) => account.seat)).toEqual(['user-early', 'user-late'])
    })

    it('keep health, windows, credits and plan as they were given', async () => {
      const { accounts } = context.store
      const { id } = await imported(context.store, 'ann')
      const windows = [
        {
          kind: 'weekly',
          usedPercent: 33.3,
          lengthMs: 604_800_000,
          resetAtMs: null,
          source: 'header',
          readAtMs: 7,
          staleSinceMs: null,
        } as const,
      ]
      const credits = { has: true, unlimited: false, balance: 12.5, readAtMs: 7 }
      const health = { ...tired, paused: true, signIn: 'deactivated', signInReason: 'account_deactivated' } as const
      await accounts.saveHealth(id, health)
      const meters = [{ key: 'codex_spark', name: 'Spark', feature: null, windows: [...windows] }]
      const burn = { short: { weighted: 5, percent: 1.5 } }
      const figures = { windows: [...windows], meters, credits, limitReached: 'a_limit', burn }
      await accounts.saveFigures(id, figures)
      await accounts.savePlan(id, 'pro')
      expect(await accounts.list()).toMatchObject([{ id, health, ...figures, plan: 'pro' }])
      await accounts.saveHealth(id, healthy)
      await accounts.saveFigures(id, noFigures)
      expect(await accounts.list()).toMatchObject([{ health: healthy, ...noFigures }])
    })

    it('tell by one number that something about them changed, but not that a window moved', async () => {
      const { accounts } = context.store
      const seen = [await accounts.version()]
      const { id } = await imported(context.store, 'ann')
      const steps = [
        async () => {},
        () => accounts.saveHealth(id, tired),
        () => accounts.savePlan(id, 'pro'),
        () => accounts.rotateCredential(id, 1, tokens('2'), 1),
        () => accounts.import(candidate('ann', { tokens: tokens('3') }), 1),
        () => accounts.remove(id),
      ]
      for (const step of steps) {
        await step()
        seen.push(await accounts.version())
      }
      expect(new Set(seen).size).toBe(seen.length)
      await imported(context.store, 'bob')
      const before = await accounts.version()
      await accounts.saveFigures(id, noFigures)
      expect(await accounts.version()).toBe(before)
    })

    it('grow their own version with each change that another process should notice', async () => {
      const { accounts } = context.store
      const { id, version } = await imported(context.store, 'ann')
      await accounts.saveHealth(id, tired)
      await accounts.saveFigures(id, noFigures)
      await accounts.rotateCredential(id, 1, tokens('2'), 1)
      expect(await accounts.list()).toMatchObject([{ version: version + 2 }])
    })

    it('go with their tokens, affinities, owners and samples, while logged requests stay', async () => {
      const { store } = context
      const gone = await imported(store, 'ann')
      const stays = await imported(store, 'bob')
      for (const { id } of [gone, stays]) {
        await store.affinity.save({
          affinities: [affinityRow(`thread-${id}`, { accountId: id })],
          owners: [{ kind: 'response', id: `resp-${id}`, accountId: id, keyId: null, expiresAtMs: 100 }],
        })
        await store.usage.add([
          { accountId: id, kind: 'short', atMs: 1, usedPercent: 1, resetAtMs: null, source: 'poll' },
        ])
      }
      expect(await store.accounts.remove(gone.id)).toBe(true)
      expect(await store.accounts.remove(gone.id)).toBe(false)
      expect(await store.accounts.credential(gone.id)).toBeNull()
      expect(await store.accounts.list()).toMatchObject([{ id: stays.id }])
      expect(await store.usage.hourly(gone.id, 0)).toEqual([])
      expect(await store.usage.hourly(stays.id, 0)).toHaveLength(1)
      expect(await store.affinity.load(0)).toMatchObject({
        affinities: [{ accountId: stays.id }],
        owners: [{ accountId: stays.id }],
      })
    })

    it('may be named although they are gone', async () => {
      const { accounts } = context.store
      await accounts.saveHealth('acc_nobody', tired)
      await accounts.saveFigures('acc_nobody', noFigures)
      await accounts.savePlan('acc_nobody', 'pro')
      await accounts.abandonRefresh('acc_nobody', 1)
      expect(await accounts.beginRefresh('acc_nobody', 1, 1)).toBe(false)
      expect(await accounts.rotateCredential('acc_nobody', 1, tokens('x'), 1)).toBe(false)
      expect(await accounts.list()).toEqual([])
    })
  })

  describe('a stored credential', () => {
    it('comes back as it was given', async () => {
      const { accounts } = context.store
      const { id } = await imported(context.store, 'ann', {
        tokens: { ...tokens('ann'), idToken: null, expiresAtMs: null },
      })
      const credential = await accounts.credential(id)
      expect(credential).toMatchObject({ accountId: id, expiresAtMs: null, version: 1, refreshStartedAtMs: null })
      expect(credential && revealed(credential)).toEqual(['access-ann', 'refresh-ann', undefined])
    })

    it('is marked by one refresh only, until that is abandoned', async () => {
      const { accounts } = context.store
      const { id } = await imported(context.store, 'ann')
      expect(await accounts.beginRefresh(id, 2, 70)).toBe(false)
      const begun = await Promise.all(Array.from({ length: 50 }, () => accounts.beginRefresh(id, 1, 70)))
      expect(begun.filter(Boolean)).toHaveLength(1)
      expect((await accounts.credential(id))?.refreshStartedAtMs).toBe(70)
      await accounts.abandonRefresh(id, 2)
      expect(await accounts.beginRefresh(id, 1, 80)).toBe(false)
      await accounts.abandonRefresh(id, 1)
      expect(await accounts.beginRefresh(id, 1, 90)).toBe(true)
    })

    it('is rotated by the fastest of many only', async () => {
      const { accounts } = context.store
      const { id } = await imported(context.store, 'ann')
      await accounts.beginRefresh(id, 1, 70)
      const rotated = await Promise.all(
        Array.from({ length: 50 }, (_, i) => accounts.rotateCredential(id, 1, tokens(`rotated-${i}`), 8_000)),
      )
      expect(rotated.filter(Boolean)).toHaveLength(1)
      const credential = await accounts.credential(id)
      expect(credential).toMatchObject({ version: 2, refreshStartedAtMs: null })
      expect(credential?.refreshToken.reveal()).toBe(`refresh-rotated-${rotated.indexOf(true)}`)
      expect(await accounts.list()).toMatchObject([{ refreshedAtMs: 8_000 }])
    })

    it('is rotated by one of two stores only', async () => {
      const { store, database } = context
      const other = await database.open()
      const { id } = await imported(store, 'ann')
      for (let version = 1; version <= 10; version++) {
        const rotated = await Promise.all(
          [store, other, other, store].map((s, i) =>
            s.accounts.rotateCredential(id, version, tokens(`${version}-${i}`), 1),
          ),
        )
        expect(rotated.filter(Boolean)).toHaveLength(1)
      }
      expect((await other.accounts.credential(id))?.version).toBe(11)
    })
  })
})

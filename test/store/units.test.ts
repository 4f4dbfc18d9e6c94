import { describe, expect, it } from 'vitest'
import { KeyMismatchError } from '../../src/store/key-check.ts'
import { affinityRow } from '../support/affinities.ts'
import { candidate, imported, otherVault, requestRecord, revealed, tokens, vault } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

onEveryEngine((context) => {
  describe('a store', () => {
    it('finds everything again when it is opened anew', async () => {
      const { store, database } = context
      const { id } = await imported(store, 'ann')
      await store.accounts.beginRefresh(id, 1, 77)
      await store.requests.add([requestRecord('r1')])
      await store.settings.change({ affinityMinutes: 3 }, { by: null, atMs: 1 })
      await store.affinity.save({ affinities: [affinityRow('k', { accountId: id })], owners: [] })
      const before = [await store.accounts.list(), await store.accounts.version(), await store.affinity.load(0)]
      await store.close()

      const again = await database.open()
      expect([await again.accounts.list(), await again.accounts.version(), await again.affinity.load(0)]).toEqual(
        before,
      )
      const credential = await again.accounts.credential(id)
      expect(credential).toMatchObject({ version: 1, refreshStartedAtMs: 77 })
      expect(credential && revealed(credential)).toEqual(['access-ann', 'refresh-ann', 'id-ann'])
      expect(await again.requests.get('r1')).toEqual(requestRecord('r1'))
      expect((await again.settings.load()).values.affinityMinutes).toBe(3)
      await again.ping()
    })

    it('shares its database with another store at the same time', async () => {
      const { store, database } = context
      const other = await database.open()
      const names = Array.from({ length: 30 }, (_, i) => `n${i}`)
      await Promise.all(
        names.flatMap((name, i) => [
          (i % 2 ? store : other).accounts.import(candidate(name), i),
          (i % 2 ? other : store).requests.add([requestRecord(name, { atMs: i })]),
        ]),
      )
      expect(await store.accounts.list()).toEqual(await other.accounts.list())
      expect(await store.accounts.list()).toHaveLength(30)
      expect((await other.requests.page({ limit: 50, cursor: null })).items).toHaveLength(30)
      expect(await store.accounts.version()).toBe(30)
    })

    it('does a thing whole or not at all', async () => {
      const { store } = context
      const kept = requestRecord('kept')
      // The second row of the batch breaks a rule of the table.
      const broken = requestRecord('broken', { route: null as unknown as string })
      await expect(store.requests.add([kept, broken])).rejects.toThrow()
      expect(await store.requests.get('kept')).toBeNull()

      const { id } = await imported(store, 'ann')
      const before = [await store.accounts.list(), await store.accounts.version()]
      const noPlan = candidate('ann', { plan: null as unknown as string, tokens: tokens('new') })
      await expect(store.accounts.import(noPlan, 1)).rejects.toThrow()
      expect([await store.accounts.list(), await store.accounts.version()]).toEqual(before)
      expect((await store.accounts.credential(id))?.refreshToken.reveal()).toBe('refresh-ann')
      await store.ping()
    })

    it('names no bound value in the error of a failed query', async () => {
      const broken = requestRecord('r1', { route: null as unknown as string, model: 'my-secret-model' })
      const error = await context.store.requests.add([broken]).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(Error)
      expect(String(error)).not.toContain('my-secret-model')
    })

    it('refuses a database of another key, and says which keys and what to do', async () => {
      await imported(context.store, 'ann')
      const refusal = await context.database.open(otherVault).catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(KeyMismatchError)
      for (const part of [vault.keyId, otherVault.keyId, 'CODEX_LB_ENCRYPTION_KEY_FILE', 'move the database away']) {
        expect(String(refusal)).toContain(part)
      }
      expect(await context.store.accounts.list()).toHaveLength(1)
    })
  })
})

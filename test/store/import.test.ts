import { describe, expect, it } from 'vitest'
import { healthy } from '../../src/domain/account.ts'
import { candidate, imported, noFigures, revealed, tired, tokens } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

describe('importing an account', () => {
  onEveryEngine((context) => {
    const importOf = (...given: Parameters<typeof candidate>) =>
      context.store.accounts.import(candidate(...given), 5_000)
    const storedTokens = async (id: string) => {
      const credential = await context.store.accounts.credential(id)
      return credential && { version: credential.version, tokens: revealed(credential) }
    }

    it('stores a new account with its tokens', async () => {
      const result = await importOf('ann', { workspaceLabel: 'Team A' })
      expect(result).toMatchObject({
        kind: 'imported',
        account: {
          chatgptAccountId: 'workspace-ann',
          seat: 'user-ann',
          email: 'ann@example.com',
          plan: 'plus',
          workspaceLabel: 'Team A',
          health: healthy,
          windows: [],
          credits: null,
          createdAtMs: 5_000,
          refreshedAtMs: 1_000,
        },
      })
      const [account] = await context.store.accounts.list()
      expect(result).toEqual({ kind: 'imported', account })
      expect(account?.id).toMatch(/^acc_[0-9a-f]{20}$/)
      expect(await storedTokens(account?.id ?? '')).toEqual({
        version: 1,
        tokens: ['access-ann', 'refresh-ann', 'id-ann'],
      })
    })

    it('gives a removed account that comes back its old id', async () => {
      const { id } = await imported(context.store, 'ann')
      expect(await context.store.accounts.remove(id)).toBe(true)
      expect((await imported(context.store, 'ann')).id).toBe(id)
    })

    it('heals the account of the same seat and keeps what a person and the history made of it', async () => {
      const { store } = context
      const { id } = await imported(store, 'ann')
      const window = {
        kind: 'short',
        usedPercent: 12.5,
        lengthMs: 1,
        resetAtMs: 2,
        source: 'poll',
        readAtMs: 3,
        staleSinceMs: null,
      } as const
      await store.accounts.saveFigures(id, { ...noFigures, windows: [window] })
      await store.accounts.saveHealth(id, {
        ...tired,
        paused: true,
        signIn: 'reauth_required',
        signInReason: 'invalid_grant',
      })
      await store.accounts.beginRefresh(id, 1, 1)
      const result = await store.accounts.import(
        candidate('ann', { tokens: tokens('new'), refreshedAtMs: 2_000, plan: 'pro', email: 'Ann@example.org' }),
        9_000,
      )
      expect(result).toMatchObject({
        kind: 'updated',
        account: {
          id,
          plan: 'pro',
          email: 'Ann@example.org',
          createdAtMs: 5_000,
          refreshedAtMs: 2_000,
          windows: [window],
        },
      })
      const [account] = await store.accounts.list()
      expect(account?.health).toEqual({ ...healthy, paused: true, fitSinceMs: 9_000 })
      expect(await storedTokens(id)).toEqual({ version: 2, tokens: ['access-new', 'refresh-new', 'id-new'] })
      expect((await store.accounts.credential(id))?.refreshStartedAtMs).toBeNull()
    })

    it('leaves a block that the upstream spoke', async () => {
      const { id } = await imported(context.store, 'ann')
      const block = {
        by: 'window',
        sinceMs: 1,
        untilMs: 9_000,
        code: 'usage_limit_reached',
        endIsKnown: true,
        window: 'weekly',
        meter: null,
        strikes: 2,
      } as const
      await context.store.accounts.saveHealth(id, { ...healthy, blocks: [block] })
      expect((await imported(context.store, 'ann')).health.blocks).toEqual([block])
    })

    it('never replaces a known plan, address or workspace by an unknown one', async () => {
      await imported(context.store, 'ann', { plan: 'team', workspaceId: 'w1', workspaceLabel: 'One' })
      const account = await imported(context.store, 'ann', { plan: 'unknown', email: null })
      expect(account).toMatchObject({
        plan: 'team',
        email: 'ann@example.com',
        workspaceId: 'w1',
        workspaceLabel: 'One',
      })
    })

    it('keeps two seats of one workspace apart', async () => {
      const first = await imported(context.store, 'ann', { chatgptAccountId: 'team' })
      const second = await imported(context.store, 'bob', { chatgptAccountId: 'team' })
      expect(second.id).not.toBe(first.id)
    })

    it('keeps one person in two workspaces apart', async () => {
      const first = await imported(context.store, 'ann')
      const second = await imported(context.store, 'ann', { chatgptAccountId: 'team', tokens: tokens('team') })
      expect(second.id).not.toBe(first.id)
    })

    it('recognises by its address an account that was imported before its seat was known', async () => {
      const first = await imported(context.store, 'ann', { seat: null, email: 'Ann@Example.com' })
      expect(first.seat).toBe('email:ann@example.com')
      const second = await imported(context.store, 'ann', { email: 'ann@example.COM' })
      expect(second).toMatchObject({ id: first.id, seat: 'user-ann' })
      expect(await context.store.accounts.list()).toHaveLength(1)
    })

    it('finds by its address the account of a file that names no seat', async () => {
      const first = await imported(context.store, 'ann')
      const result = await importOf('ann', { seat: null, email: 'ANN@example.com', tokens: tokens('new') })
      expect(result).toMatchObject({ kind: 'updated', account: { id: first.id, seat: 'user-ann' } })
    })

    it('refuses a file without a seat when several accounts have its address', async () => {
      await imported(context.store, 'ann')
      await imported(context.store, 'ann', { seat: 'user-2', tokens: tokens('2') })
      const result = await importOf('ann', { seat: null, tokens: tokens('3') })
      expect(result).toEqual({ kind: 'conflict', reason: 'ambiguous_seat' })
      expect(await context.store.accounts.list()).toHaveLength(2)
    })

    it('refuses a file without a seat whose address became the seat of somebody who moved on', async () => {
      await imported(context.store, 'ann', { seat: null })
      await imported(context.store, 'ann', { tokens: tokens('2') })
      await imported(context.store, 'ann', { email: 'new@example.com', tokens: tokens('3') })
      const result = await importOf('ann', { seat: null, tokens: tokens('4') })
      expect(result).toEqual({ kind: 'conflict', reason: 'ambiguous_seat' })
    })

    it('refuses a refresh token that another account uses', async () => {
      await imported(context.store, 'ann')
      const result = await importOf('bob', { tokens: tokens('ann') })
      expect(result).toEqual({ kind: 'conflict', reason: 'refresh_token_in_use' })
      const { id } = await imported(context.store, 'bob')
      expect(await importOf('bob', { tokens: tokens('ann') })).toMatchObject({ reason: 'refresh_token_in_use' })
      expect(await storedTokens(id)).toMatchObject({ version: 1, tokens: ['access-bob', 'refresh-bob', 'id-bob'] })
    })

    it('keeps newer tokens when an old copy of the file comes in', async () => {
      const { id } = await imported(context.store, 'ann', { refreshedAtMs: 3_000, plan: 'pro' })
      const result = await importOf('ann', { tokens: tokens('old'), refreshedAtMs: 2_999 })
      expect(result).toMatchObject({ kind: 'updated', account: { id, plan: 'pro', refreshedAtMs: 3_000 } })
      expect(await storedTokens(id)).toMatchObject({ version: 1, tokens: ['access-ann', 'refresh-ann', 'id-ann'] })
    })

    it('takes older tokens when the stored ones are no good any more', async () => {
      const { id } = await imported(context.store, 'ann', { refreshedAtMs: 3_000 })
      await context.store.accounts.saveHealth(id, { ...healthy, signIn: 'reauth_required', signInReason: 'x' })
      await importOf('ann', { tokens: tokens('old'), refreshedAtMs: 2_000 })
      expect(await storedTokens(id)).toMatchObject({ version: 2, tokens: ['access-old', 'refresh-old', 'id-old'] })
    })

    it('makes one account of the same file imported many times at once', async () => {
      const results = await Promise.all(Array.from({ length: 20 }, () => importOf('ann')))
      expect(results.filter((result) => result.kind === 'imported')).toHaveLength(1)
      expect(results.filter((result) => result.kind === 'updated')).toHaveLength(19)
      expect(await context.store.accounts.list()).toHaveLength(1)
    })
  })
})

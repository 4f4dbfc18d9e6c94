import { describe, expect, it } from 'vitest'
import type { Session } from '../../src/domain/session.ts'
import { Secret } from '../../src/lib/secrets.ts'
import { onEveryEngine } from './suite.ts'

function session(idHash: string, given: Partial<Session> = {}): Session {
  return {
    idHash,
    level: 'full',
    role: 'admin',
    method: 'password',
    createdAtMs: 1,
    lastSeenAtMs: 1,
    expiresAtMs: 100,
    userAgent: null,
    address: null,
    ...given,
  }
}

describe('the sign-in of the dashboard', () => {
  onEveryEngine((context) => {
    it('has nothing at first, and takes a first password only once', async () => {
      const { signIn } = context.store
      const nothing = {
        passwordHash: null,
        viewerPasswordHash: null,
        totpSecret: null,
        recoveryCodesLeft: 0,
        bootstrapHash: null,
      }
      expect(await signIn.state()).toEqual(nothing)
      await signIn.setBootstrap('token')
      const tries = await Promise.all(['a', 'b', 'c'].map((hash) => signIn.setFirstPassword(hash)))
      expect(tries.filter(Boolean)).toHaveLength(1)
      expect(await signIn.state()).toMatchObject({ passwordHash: 'a', bootstrapHash: null })
    })

    it('keeps the second factor sealed, and lets each step and each recovery code pass once', async () => {
      const { signIn, sessions } = context.store
      for (const id of ['mine', 'other']) await sessions.add(session(id))
      await signIn.setTotp({ secret: new Secret('SEED'), step: 10, recoveryHashes: ['x', 'y'] }, 'mine')
      expect((await sessions.list(1)).map(({ idHash }) => idHash)).toEqual(['mine'])
      const state = await signIn.state()
      expect(state.totpSecret?.reveal()).toBe('SEED')
      expect(state.recoveryCodesLeft).toBe(2)
      expect(await signIn.takeTotpStep(10)).toBe(false)
      const taken = await Promise.all([signIn.takeTotpStep(11), signIn.takeTotpStep(11)])
      expect(taken.toSorted()).toEqual([false, true])
      expect(await signIn.takeTotpStep(9)).toBe(false)
      expect([await signIn.takeRecoveryCode('x'), await signIn.takeRecoveryCode('x')]).toEqual([true, false])
      await sessions.add(session('owing', { level: 'password' }))
      await signIn.clearTotp()
      expect((await sessions.list(1)).map(({ idHash }) => idHash)).toEqual(['mine'])
      expect(await signIn.state()).toMatchObject({ totpSecret: null, recoveryCodesLeft: 0 })
    })

    it('ends the other sessions when the password changes, and all when it is cleared', async () => {
      const { signIn, sessions } = context.store
      for (const id of ['mine', 'other']) await sessions.add(session(id))
      await signIn.changePassword('new', 'mine')
      expect((await sessions.list(1)).map(({ idHash }) => idHash)).toEqual(['mine'])
      await signIn.clear()
      expect(await sessions.list(1)).toEqual([])
      expect((await signIn.state()).passwordHash).toBeNull()
    })

    it('knows a session until it ends, expires or is replaced', async () => {
      const { sessions } = context.store
      await sessions.add(session('a', { level: 'password' }))
      expect(await sessions.get('a', 99)).toMatchObject({ level: 'password' })
      expect(await sessions.get('a', 100)).toBeNull()
      await sessions.touch('a', 50, 200)
      expect(await sessions.get('a', 100)).toMatchObject({ lastSeenAtMs: 50 })
      await sessions.replace('a', session('b'))
      expect([await sessions.get('a', 1), (await sessions.get('b', 1))?.level]).toEqual([null, 'full'])
      expect([await sessions.end('b'), await sessions.end('b')]).toEqual([true, false])
      for (const id of ['c', 'd', 'e']) await sessions.add(session(id, { expiresAtMs: id === 'e' ? 5 : 100 }))
      await sessions.prune(5)
      expect(await sessions.endAll('c')).toBe(1)
      expect((await sessions.list(1)).map(({ idHash }) => idHash)).toEqual(['c'])
    })
  })
})

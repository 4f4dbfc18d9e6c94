import { describe, expect, it } from 'vitest'
import type { FirewallEntry } from '../../src/domain/firewall.ts'
import type { Passkey } from '../../src/domain/passkey.ts'
import type { Session } from '../../src/domain/session.ts'
import { onEveryEngine } from './suite.ts'

const passkey = (id: string, given: Partial<Passkey> = {}): Passkey => ({
  ...{
    id,
    credentialId: `credential ${id}`,
    publicKey: 'key',
    counter: 0,
    transports: ['internal'],
    rpId: 'localhost',
  },
  ...{ name: id, backedUp: false, createdAtMs: 1, lastUsedAtMs: null },
  ...given,
})
const entry = (id: string, cidr: string): FirewallEntry => ({ id, cidr, note: '', createdAtMs: 1 })
const session = (idHash: string, role: Session['role']): Session => ({
  ...{ idHash, role, level: 'full', method: 'password', createdAtMs: 1, lastSeenAtMs: 1, expiresAtMs: 100 },
  ...{ userAgent: null, address: null },
})

describe('who gets in', () => {
  onEveryEngine((context) => {
    it('passkeys: one of each credential, and no more than may be', async () => {
      const { passkeys } = context.store
      expect(await passkeys.add(passkey('a', { createdAtMs: 2 }), 2)).toBe(true)
      expect(await passkeys.add(passkey('b', { credentialId: 'credential a' }), 2)).toBe(false)
      expect(await passkeys.add(passkey('c'), 2)).toBe(true)
      expect(await passkeys.add(passkey('d'), 2)).toBe(false)
      expect(await passkeys.list()).toEqual([passkey('c'), passkey('a', { createdAtMs: 2 })])
      expect([await passkeys.rename('a', 'A'), await passkeys.rename('x', 'X')]).toEqual([true, false])
      expect([await passkeys.remove('c'), await passkeys.remove('c')]).toEqual([true, false])
      expect(await passkeys.list()).toMatchObject([{ id: 'a', name: 'A' }])
    })

    it('passkeys: a counter only grows, unless there is none', async () => {
      const { passkeys } = context.store
      await passkeys.add(passkey('counts', { counter: 5 }), 9)
      await passkeys.add(passkey('not'), 9)
      expect(await Promise.all([6, 6].map((counter) => passkeys.use('counts', counter, 7)))).toEqual([true, false])
      for (const counter of [5, 0]) expect(await passkeys.use('counts', counter, 8)).toBe(false)
      expect([await passkeys.use('not', 0, 7), await passkeys.use('not', 0, 8)]).toEqual([true, true])
      const [counts, not] = (await passkeys.list()).toSorted((a, b) => a.id.localeCompare(b.id))
      expect([counts?.lastUsedAtMs, counts?.counter, not?.lastUsedAtMs]).toEqual([7, 6, 8])
      expect(await passkeys.use('nobody', 1, 1)).toBe(false)
    })

    it('viewers: a change of their password ends their sessions, and no others', async () => {
      const { signIn, sessions } = context.store
      const here = async () => (await sessions.list(1)).map(({ idHash }) => idHash).toSorted()
      await signIn.setFirstPassword('admin')
      for (const [id, role] of [['boss', 'admin'] as const, ['guest', 'viewer'] as const])
        await sessions.add(session(id, role))
      await signIn.setViewerPassword('viewer')
      expect(await here()).toEqual(['boss'])
      expect(await signIn.state()).toMatchObject({ passwordHash: 'admin', viewerPasswordHash: 'viewer' })
      await sessions.add(session('guest', 'viewer'))
      await signIn.setViewerPassword(null)
      expect(await here()).toEqual(['boss'])
      expect((await signIn.state()).viewerPasswordHash).toBeNull()
    })

    it('nothing is left of any way in once they are cleared', async () => {
      const { signIn, sessions, passkeys } = context.store
      await signIn.setFirstPassword('admin')
      await signIn.setViewerPassword('viewer')
      await passkeys.add(passkey('a'), 9)
      await sessions.add(session('guest', 'viewer'))
      await signIn.clear()
      expect(await signIn.state()).toMatchObject({ passwordHash: null, viewerPasswordHash: null })
      expect([await passkeys.list(), await sessions.list(1)]).toEqual([[], []])
    })

    it('the firewall: lets everybody in until told otherwise, and lists each range once', async () => {
      const { firewall } = context.store
      expect(await firewall.load()).toEqual({ mode: { proxy: 'allow_all', dashboard: 'allow_all' }, entries: [] })
      const adding = ['10.0.0.0/8', '10.0.0.0/8', '::1/128', '192.0.2.1/32'].map((cidr, at) =>
        firewall.add(entry(`fw_${at}`, cidr), 2),
      )
      expect(await Promise.all(adding)).toEqual([true, false, true, false])
      await firewall.setModes({ proxy: 'allowlist' })
      await firewall.setModes({ proxy: 'allow_all', dashboard: 'allowlist' })
      const rules = await firewall.load()
      expect(rules.mode).toEqual({ proxy: 'allow_all', dashboard: 'allowlist' })
      expect(rules.entries.map(({ cidr }) => cidr)).toEqual(['10.0.0.0/8', '::1/128'])
      expect([await firewall.remove('fw_0'), await firewall.remove('fw_0')]).toEqual([true, false])
    })
  })
})

import { describe, expect, it } from 'vitest'
import type { LoginFlow } from '../../src/domain/login.ts'
import { Secret } from '../../src/lib/secrets.ts'
import { candidate, imported, tokens } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

const secrets = { method: 'browser', state: new Secret('st'), verifier: new Secret('ver') } as const

function flow(id: string, given: Partial<LoginFlow> = {}): LoginFlow {
  return {
    ...{ id, method: 'browser', status: 'pending', accountId: null, createdAtMs: 1_000, expiresAtMs: 9_000 },
    startedBy: { kind: 'session', name: 'abc', address: '127.0.0.1' },
    ...{ changedAtMs: 1_000, stateHash: 'hash', intervalMs: null, nextPollAtMs: null, secrets },
    ...{ result: null, fault: null },
    ...given,
  }
}
const revealed = (one: LoginFlow | null) => {
  const found = one?.secrets
  if (!found) return null
  return found.method === 'browser'
    ? [found.state.reveal(), found.verifier.reveal()]
    : [found.deviceAuthId.reveal(), found.userCode.reveal()]
}

onEveryEngine((context) => {
  describe('sign-ins with ChatGPT', () => {
    it('come back as they were begun, newest first, with what they prove themselves with', async () => {
      const { logins } = context.store
      expect(await logins.get('none')).toBeNull()
      await logins.add(flow('one'))
      const device = { method: 'device', deviceAuthId: new Secret('dev'), userCode: new Secret('AB-CD') } as const
      const polled = { method: 'device', intervalMs: 5_000, nextPollAtMs: 7_000, secrets: device } as const
      await logins.add(flow('two', { createdAtMs: 2_000, accountId: 'acc_1', stateHash: null, ...polled }))
      const found = await logins.get('one')
      expect({ ...found, secrets: null }).toEqual(flow('one', { secrets: null }))
      expect(revealed(found)).toEqual(['st', 'ver'])
      expect(revealed(await logins.get('two'))).toEqual(['dev', 'AB-CD'])
      expect((await logins.list(9)).map(({ id }) => id)).toEqual(['two', 'one'])
      expect(await logins.list(1)).toHaveLength(1)
    })

    it('are moved by whoever comes first, and forget their secrets at the end', async () => {
      const { logins } = context.store
      await logins.add(flow('one'))
      const taking = () => logins.move('one', 'pending', { status: 'exchanging', changedAtMs: 3_000 })
      expect((await Promise.all([taking(), taking(), taking()])).filter(Boolean)).toHaveLength(1)
      expect(revealed(await logins.get('one'))).toEqual(['st', 'ver'])
      const result = { accountId: 'acc_1', email: 'ann@example.com', plan: 'plus', outcome: 'imported' } as const
      expect(await logins.move('one', 'exchanging', { status: 'succeeded', changedAtMs: 4_000, result })).toBe(true)
      expect(await logins.get('one')).toEqual(
        flow('one', { status: 'succeeded', changedAtMs: 4_000, result, secrets: null }),
      )
      expect(await logins.move('one', 'pending', { status: 'failed', changedAtMs: 5_000 })).toBe(false)
    })

    it('are asked for by one at a time', async () => {
      const { logins } = context.store
      await logins.add(flow('one', { intervalMs: 5_000, nextPollAtMs: 7_000 }))
      const asking = () => logins.takePoll('one', 7_000, 12_000)
      expect((await Promise.all([asking(), asking()])).filter(Boolean)).toHaveLength(1)
      expect(await asking()).toBe(false)
      await logins.slowDown('one', 10_000, 20_000)
      expect(await logins.get('one')).toMatchObject({ intervalMs: 10_000, nextPollAtMs: 20_000 })
      await logins.move('one', 'pending', { status: 'cancelled', changedAtMs: 8_000 })
      expect(await logins.takePoll('one', 20_000, 30_000)).toBe(false)
    })

    it('are deleted when they are old and over', async () => {
      const { logins } = context.store
      await logins.add(flow('waiting'))
      await logins.add(flow('old', { status: 'failed', secrets: null }))
      await logins.add(flow('new', { status: 'failed', secrets: null, createdAtMs: 5_000 }))
      await logins.prune(5_000)
      expect((await logins.list(9)).map(({ id }) => id)).toEqual(['new', 'waiting'])
    })
  })

  describe('an import that is meant for one account', () => {
    it('writes nothing for any other', async () => {
      const { store } = context
      const { id } = await imported(store, 'ann')
      await imported(store, 'bob')
      const other = { kind: 'conflict', reason: 'different_account' }
      expect(await store.accounts.import(candidate('bob', { tokens: tokens('new') }), 9_000, id)).toEqual(other)
      expect(await store.accounts.import(candidate('eve', { tokens: tokens('new') }), 9_000, id)).toEqual(other)
      expect(await store.accounts.import(candidate('ann', { tokens: tokens('new') }), 9_000, 'acc_gone')).toEqual(other)
      expect(await store.accounts.list()).toHaveLength(2)
      const mine = candidate('ann', { tokens: tokens('new'), refreshedAtMs: 8_000 })
      expect(await store.accounts.import(mine, 9_000, id)).toMatchObject({ kind: 'updated', account: { id } })
      expect((await store.accounts.credential(id))?.refreshToken.reveal()).toBe('refresh-new')
    })
  })
})

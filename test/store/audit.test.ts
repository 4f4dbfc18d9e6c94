import { expect, it } from 'vitest'
import type { AuditEntry } from '../../src/domain/audit.ts'
import { onEveryEngine } from './suite.ts'

const entry = (id: string, atMs: number, given: Partial<AuditEntry> = {}): AuditEntry => ({
  ...{ id, atMs, action: 'account.pause', requestId: 'req_1', outcome: 'success' },
  actor: { kind: 'local', name: null, address: '127.0.0.1' },
  target: { kind: 'account', id: 'acc_1' },
  before: { paused: false },
  after: { paused: true },
  ...given,
})

onEveryEngine((context) => {
  it('the audit log comes back as it was written, newest first, page by page', async () => {
    const { audit } = context.store
    const entries = [entry('b', 2), entry('a', 2, { target: null, before: null }), entry('c', 1)]
    for (const one of entries) await audit.add(one)
    const first = await audit.page({ limit: 2, cursor: null })
    expect(first.items).toEqual([entries[0], entries[1]])
    const second = await audit.page({ limit: 2, cursor: first.nextCursor })
    expect(second).toEqual({ items: [entries[2]], nextCursor: null })
  })

  it('is narrowed by action, target, outcome and time', async () => {
    const { audit } = context.store
    await audit.add(entry('1', 1, { action: 'accounts', outcome: 'failure' }))
    await audit.add(entry('2', 2, { target: { kind: 'account', id: 'acc_2' } }))
    await audit.add(entry('3', 3, { action: 'account' }))
    const ids = async (filter: object) =>
      (await audit.page({ limit: 9, cursor: null, filter })).items.map(({ id }) => id).join('')
    expect(await ids({ action: 'account' })).toBe('32')
    expect(await ids({ action: 'account.pause' })).toBe('2')
    expect(await ids({ targetId: 'acc_2' })).toBe('2')
    await audit.add(
      entry('4', 4, { actor: { kind: 'session', name: 'x', address: '192.0.2.1' }, action: 'other', target: null }),
    )
    expect(await ids({ actorKind: 'session' })).toBe('4')
    expect(await ids({ address: '192.0.2.1' })).toBe('4')
    expect(await ids({ targetKind: 'account', actorKind: 'session' })).toBe('')
    expect(await ids({ outcome: 'failure' })).toBe('1')
    expect(await ids({ sinceMs: 2, untilMs: 3 })).toBe('2')
  })

  it('is pruned oldest first, no more than asked for', async () => {
    const { audit } = context.store
    for (const atMs of [1, 2, 3]) await audit.add(entry(`e${atMs}`, atMs))
    expect(await audit.prune(3, 1)).toBe(1)
    expect((await audit.page({ limit: 9, cursor: null })).items.map(({ id }) => id)).toEqual(['e3', 'e2'])
    expect(await audit.prune(3, 9)).toBe(1)
  })
})

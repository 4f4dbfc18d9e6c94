import { expect, it } from 'vitest'
import { dayMs } from '../../../src/domain/quota.ts'
import { defaultSettings } from '../../../src/domain/settings.ts'
import { type BackgroundDeps, backgroundJobs } from '../../../src/jobs/background.ts'
import { createManualClock } from '../../support/clock.ts'
import { engines } from '../../support/stores.ts'

it('the audit log is kept for a year', async () => {
  const [sqlite] = engines()
  if (!sqlite) throw new Error('There is no engine.')
  const database = await sqlite.create()
  try {
    const store = await database.open()
    const clock = createManualClock(Date.UTC(2026, 0, 15))
    const entry = { action: 'account.pause', requestId: null, target: null, outcome: 'success' as const }
    const actor = { kind: 'local' as const, name: null, address: null }
    for (const days of [1, 364, 366, 900]) {
      const atMs = clock.now() - days * dayMs
      await store.audit.add({ ...entry, id: `aud_${days}`, actor, before: null, after: null, atMs })
    }
    // Only what prunes is used.
    const deps = { store, clock, settings: () => defaultSettings, isStopping: () => false }
    const job = backgroundJobs(deps as unknown as BackgroundDeps).find(({ name }) => name === 'retention')
    await job?.run()
    const { items } = await store.audit.page({ limit: 9, cursor: null })
    expect(items.map(({ id }) => id)).toEqual(['aud_1', 'aud_364'])
  } finally {
    await database.dispose()
  }
})

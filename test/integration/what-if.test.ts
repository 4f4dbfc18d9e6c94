import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import type { RequestRecord } from '../../src/domain/request.ts'
import { hourMs, minuteMs } from '../../src/domain/quota.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { Store } from '../../src/store/store.ts'
import { mostArrivals, whatIf } from '../../src/accounts/what-if.ts'
import { seededRandom, withSettings } from '../support/accounts.ts'
import { type RunningCommand, startCommand } from '../support/command.ts'
import { type Rig, startRig } from '../support/start.ts'
import { requestRecord } from '../support/stores.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let rig: Rig
let store: Store
let program: RunningCommand | null = null
beforeEach(async () => {
  rig = await startRig({ accounts: ['a', 'b', 'c'].map((name) => ({ email: `${name}@example.com`, plan: 'plus' })) })
})
afterEach(async () => {
  program?.process.kill('SIGKILL')
  await program?.ended
  program = null
  await rig.close()
})

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/upstream.ts'
import { eventually } from '../support/import-client.ts'
import { bearer, createKey } from '../support/keys.ts'
import { importInto, type Program, startProgram } from '../support/program.ts'
import { jsonOf, turnBody } from '../support/simulator-client.ts'
import { a, ask, expectNoHandles, follow, post, turnsAt } from '../support/turns.ts'
import type { Untyped } from '../support/untyped.ts'

// The real program, killed with requests of a limited key under way: its next life counts each of them once.

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

let simulator: Simulator
let dataDir: string
let program: Program | null = null
let headers: Record<string, string>

beforeEach(async () => {
  simulator = await startSimulator({ accounts: [{ email: a, plan: 'plus' }] })
  dataDir = await mkdtemp(join(tmpdir(), 'codex-lb-limits-'))
})
afterEach(async () => {
  await program?.kill()
  program = null
  await simulator.close()
  await rm(dataDir, { recursive: true, force: true })
})
afterAll(expectNoHandles)

async function start(): Promise<Program> {
  program = await startProgram(dataDir, simulator)
  return program
}
/** With a key that may make so many requests a month. */
async function startLimited(max: number): Promise<Program> {
  const first = await start()
  await importInto(first, simulator, [a])
  const monthly = { period: 'month', isCalendar: false, model: null }
  const limits = [
    { ...monthly, kind: 'requests', max },
    { ...monthly, kind: 'output_tokens', max: 1_000_000 },
  ]
  headers = bearer((await createKey(first, { limits })).key)
  return first
}
const turn = (at: Program, text = 'FAKE_TEXT: one two three') => ask(at, turnBody(text), { headers })
const counted = async ({ url }: Program): Promise<number[][]> => {
  const { limits } = await jsonOf(await fetch(`${url}/v1/usage`, { headers }))
  return limits.map((one: Untyped) => [one.current_value, one.reserved_value])
}
const openReservations = () => {
  const database = new Database(join(dataDir, 'codex-lb.db'))
  const count = database.prepare('select count(*) from reservations').pluck().get()
  database.close()
  return count
}

describe('a program killed', () => {
  it('in the middle of an answer counts it as declared, and what had ended as it was, each once', async () => {
    const first = await startLimited(3)
    expect((await turn(first)).status).toBe(200)
    await eventually('the first one is settled', async () => openReservations() === 0)
    const [, [output] = []] = await counted(first)
    simulator.script(a, { kind: 'stall_after_output' })
    const stalled = follow(await post(first, turnBody('FAKE_EVENTS: 9'), { headers }))
    stalled.done.catch(() => {})
    await eventually('output came', async () => stalled.text().includes('.delta'))
    expect(openReservations()).toBe(1)
    await first.kill()
    const expected = [
      [2, 0],
      [Number(output) + 2_000, 0],
    ]
    for (let life = 0; life < 2; life++) {
      const next = await start()
      expect(await counted(next)).toEqual(expected)
      expect(openReservations()).toBe(0)
      await next.kill()
    }
    const last = await start()
    expect([(await turn(last)).status, (await turn(last)).status]).toEqual([200, 429])
  })

  it('right after its answers has lost none of them', async () => {
    const first = await startLimited(20)
    const told = await Promise.all(Array.from({ length: 12 }, () => turn(first)))
    await first.kill()
    expect(told.map(({ status }) => status)).toEqual(Array(12).fill(200))
    const [requests] = await counted(await start())
    expect(requests).toEqual([12, 0])
  })

  it('under load passes no limit over all its lives', async () => {
    let next = await startLimited(25)
    for (let life = 0; life < 2; life++) {
      const asked = Array.from({ length: 6 }, () => turn(next).catch(() => null))
      await eventually('some came through', async () => turnsAt(simulator).length > life * 3)
      await next.kill()
      await Promise.all(asked)
      next = await start()
    }
    const told = await Promise.all(Array.from({ length: 26 }, () => turn(next)))
    expect(new Set(told.map(({ status }) => status))).toEqual(new Set([200, 429]))
    expect(turnsAt(simulator).length).toBeLessThanOrEqual(25)
    expect((await counted(next))[0]).toEqual([25, 0])
  })
})

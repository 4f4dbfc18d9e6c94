import { afterAll, afterEach, beforeEach, expect, vi } from 'vitest'
import type { SimulatorOptions } from '../../src/simulator/upstream.ts'
import { type AppServer, startAppServer } from './app-server.ts'
import {
  answersIn,
  type ClientVersion,
  type Codex,
  type CodexRun,
  commandsIn,
  createCodex,
  troubleIn,
} from './codex.ts'
import { type ConfigChanges, configToml } from './config.ts'
import { type Outside, startOutside } from './outside.ts'
import { type AccountsGiven, type Product, startProduct } from './product.ts'
import { createServedTable } from './served-table.ts'
import { startTap, type Tap } from './tap.ts'

/** What a test has around it: the product, and between it and the client a tap; behind, nothing but this machine. */
export type Stage = {
  product(): Product
  tap(): Tap
  /** A client of its own, which is removed behind the test. */
  codexWith(changes?: ConfigChanges, login?: object): Promise<Codex>
  appServer(codex: Codex): Promise<AppServer>
  /** The last line of the request log. */
  lastServed(): Promise<{ by: string; triedBefore: { by: string; verdict: string }[] }>
}

export type StageOptions = {
  accounts?: AccountsGiven
  simulator?: SimulatorOptions
  /** Changes to the product's settings, made when it knows the windows of all its accounts. */
  settings?: object
}

const table = createServedTable()

/** Sets the stage for each test of the suite that calls it. */
export function useStage(version: ClientVersion, options: StageOptions = {}): Stage {
  const { accounts = {}, simulator = {}, settings } = options
  let product: Product
  let tap: Tap
  let outside: Outside
  let closing: (() => Promise<void>)[] = []

  beforeEach(async ({ task }) => {
    outside = await startOutside()
    closing.push(outside.close)
    product = await startProduct(accounts, simulator)
    closing.push(product.close)
    tap = await startTap(product.url)
    closing.push(tap.close)
    closing.push(async () => table.add(version, task.name, tap.summary(), await product.served()))
    if (settings === undefined) return
    await vi.waitFor(async () => expect(await product.windows()).toEqual([2, 2, 2]), { timeout: 10_000 })
    await product.change(settings)
  })

  afterEach(async () => {
    const last = closing.toReversed()
    closing = []
    const failures: unknown[] = []
    for (const close of last) await close().catch((error: unknown) => failures.push(error))
    expect(failures).toEqual([])
    expect(outside.asked, 'went to the internet').toEqual([])
  })

  return {
    product: () => product,
    tap: () => tap,
    async codexWith(changes = {}, login) {
      const config = configToml(tap.url, changes)
      const codex = await createCodex({ version, config, outsideUrl: outside.url, ...(login ? { login } : {}) })
      closing.push(codex.remove)
      return codex
    },
    async appServer(codex) {
      const server = await startAppServer(codex)
      closing.push(server.close)
      return server
    },
    async lastServed() {
      const last = (await product.served()).at(-1)
      if (!last?.by) throw new Error('No account has served yet.')
      return { by: last.by, triedBefore: last.tries.slice(0, -1) }
    },
  }
}

/** Prints, at the end of a file, who served what in it. */
export function printServed(): void {
  afterAll(() => console.log(`\nWho served what:\n\n${table.text()}\n`))
}

/** What a person would see: an answer, and nothing else. */
export function expectAnswer(run: CodexRun, answer: string): void {
  expect(troubleIn(run)).toEqual([])
  expect(answersIn(run)).toEqual([answer])
}

export const shellTurn = 'FAKE_TOOL: echo from-the-shell'

export function expectShell(run: CodexRun): void {
  expectAnswer(run, 'The command finished. Its output begins with: from-the-shell')
  expect(commandsIn(run)).toMatchObject([{ aggregated_output: 'from-the-shell\n', exit_code: 0 }])
}

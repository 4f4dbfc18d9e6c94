import { setTimeout as wait } from 'node:timers/promises'
import { closedLoop, type Measured, polite, slowStreams, turns } from './load.ts'
import { residentKib } from './programs.ts'
import { nativePath, publicPath, type RequestKind } from './requests.ts'
import { median, quantile } from './statistics.ts'
import { type Rig, type Target, type TargetName, targetNames } from './targets.ts'

/** How long to measure: `rounds` stretches of `seconds` for each target in each scenario of load. */
export type Effort = { rounds: number; seconds: number; politeRounds: number; slowEvents: number; turns: number }

type Load = { name: string; kind: RequestKind; clients: number; targetRatio: number }

const short = { path: nativePath, answer: 'short', bodyBytes: 4_096 } as const

/** `targetRatio`: how much processor time the product may take for each second that the plain pipe takes. */
const loads: readonly Load[] = [
  { name: 'short streams × 16', clients: 16, targetRatio: 1, kind: short },
  { name: 'short streams × 256', clients: 256, targetRatio: 1.1, kind: short },
  { name: 'long streams × 8', clients: 8, targetRatio: 1, kind: { ...short, answer: 'long' } },
  { name: '1 MB bodies × 8', clients: 8, targetRatio: 1.3, kind: { ...short, bodyBytes: 1_000_000 } },
  { name: '8 MB bodies × 8', clients: 8, targetRatio: 1.3, kind: { ...short, bodyBytes: 8_000_000 } },
  { name: 'JSON × 16', clients: 16, targetRatio: 1.2, kind: { ...short, path: publicPath } },
]

export type LoadResult = {
  name: string
  targetRatio: number
  /** Processor time of the product for each second of the pipe's: median of the rounds' ratios. */
  cpuRatio: number
  targets: Record<TargetName, { perSecond: number; cpuPerThousand: number; firstP50Ms: number; firstP99Ms: number }>
}

export async function measureLoads(rig: Rig, effort: Effort, only: string): Promise<LoadResult[]> {
  return withAll(rig, async (targets) => {
    const results: LoadResult[] = []
    for (const load of loads.filter(({ name }) => name.includes(only))) {
      const rounds: Record<TargetName, Measured[]> = { direct: [], pipe: [], product: [] }
      // What is measured is a server that has run for a while: its code is compiled by then.
      for (const target of targets) await closedLoop(target, load.kind, load.clients, effort.seconds)
      for (let round = 0; round < effort.rounds; round++) {
        // Whoever goes first meets a quieter machine: each does in turn.
        for (const target of rotated(targets, round)) {
          rounds[target.name].push(await closedLoop(target, load.kind, load.clients, effort.seconds))
        }
      }
      results.push(resultOf(load, rounds))
    }
    return results
  })
}

function resultOf({ name, targetRatio }: Load, rounds: Record<TargetName, Measured[]>): LoadResult {
  const ratios = rounds.product.map((one, at) => one.cpuPerThousand / (rounds.pipe[at]?.cpuPerThousand ?? Number.NaN))
  const summary = (all: Measured[]) => {
    const firstMs = all.flatMap((one) => one.firstMs)
    return {
      perSecond: median(all.map((one) => one.perSecond)),
      cpuPerThousand: median(all.map((one) => one.cpuPerThousand)),
      firstP50Ms: quantile(firstMs, 0.5),
      firstP99Ms: quantile(firstMs, 0.99),
    }
  }
  const { direct, pipe, product } = rounds
  const targets = { direct: summary(direct), pipe: summary(pipe), product: summary(product) }
  return { name, targetRatio, cpuRatio: median(ratios), targets }
}

export type PoliteResult = Record<TargetName, { p50Ms: number; p99Ms: number }>

/** The first event of a short stream, when nobody is in a hurry. */
export async function measurePolite(rig: Rig, effort: Effort): Promise<PoliteResult> {
  return withAll(rig, async (targets) => {
    const samples = await polite(targets, short, effort.politeRounds)
    const at = (index: number) => ({
      p50Ms: quantile(samples[index] ?? [], 0.5),
      p99Ms: quantile(samples[index] ?? [], 0.99),
    })
    return { direct: at(0), pipe: at(1), product: at(2) }
  })
}

export type SlowResult = {
  kibPerStream: number
  cpuMicrosecondsPerEvent: number
  delayP50Ms: number
  delayP99Ms: number
}

const slowCount = 1_000

/** A thousand streams at once, each with an event every 250 ms, in processes that have done nothing else. */
export async function measureSlow(rig: Rig, effort: Effort): Promise<Record<TargetName, SlowResult>> {
  const results: Partial<Record<TargetName, SlowResult>> = {}
  for (const name of targetNames) {
    await using target = disposable(await rig.start(name))
    // Code and pools are warm, as they are in a server that runs: what is counted is the streams.
    await turns(target, short, 100, 2_000)
    await wait(1_000)
    const pid = target.program?.process.pid
    const before = residentKib(pid)
    let open = before
    const kind: RequestKind = { ...short, answer: 'slow', events: effort.slowEvents }
    const { delayMs, cpuSeconds, events } = await slowStreams(target, kind, slowCount, () => {
      open = residentKib(pid)
    })
    results[name] = {
      kibPerStream: (open - before) / slowCount,
      cpuMicrosecondsPerEvent: (cpuSeconds / events) * 1e6,
      delayP50Ms: quantile(delayMs, 0.5),
      delayP99Ms: quantile(delayMs, 0.99),
    }
  }
  return results as Record<TargetName, SlowResult>
}

export type MemoryResult = { startMib: number; warmMib: number; afterMib: number; settledMib: number; turns: number }

/** Resident memory of the product after so many turns: it must not keep growing. */
export async function measureMemory(rig: Rig, effort: Effort): Promise<MemoryResult> {
  await using target = disposable(await rig.start('product'))
  const mib = () => residentKib(target.program?.process.pid) / 1024
  const startMib = mib()
  await turns(target, short, 16, effort.turns / 5)
  await wait(1_000)
  const warmMib = mib()
  await turns(target, short, 16, effort.turns)
  const afterMib = mib()
  await wait(3_000)
  return { startMib, warmMib, afterMib, settledMib: mib(), turns: effort.turns }
}

export type StartResult = { readyMs: number; firstTurnMs: number }

/** From the start of the process to its ready line, and to the end of the first turn. Median of three. */
export async function measureStart(rig: Rig): Promise<StartResult> {
  const readyMs: number[] = []
  const firstTurnMs: number[] = []
  for (let run = 0; run < 3; run++) {
    const startedAt = performance.now()
    await using target = disposable(await rig.start('product'))
    readyMs.push(performance.now() - startedAt)
    await turns(target, short, 1, 1)
    firstTurnMs.push(performance.now() - startedAt)
  }
  return { readyMs: median(readyMs), firstTurnMs: median(firstTurnMs) }
}

async function withAll<R>(rig: Rig, work: (targets: Target[]) => Promise<R>): Promise<R> {
  await using direct = disposable(await rig.start('direct'))
  await using pipe = disposable(await rig.start('pipe'))
  await using product = disposable(await rig.start('product'))
  return await work([direct, pipe, product])
}

/** The target, whose program stops when it goes out of scope. */
function disposable(target: Target): Target & AsyncDisposable {
  return { ...target, [Symbol.asyncDispose]: async () => target.program?.stop() }
}

function rotated<T>(list: readonly T[], by: number): T[] {
  return list.map((_, at) => list[(at + by) % list.length] as T)
}

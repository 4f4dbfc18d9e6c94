import type { LoadResult, MemoryResult, PoliteResult, SlowResult, StartResult } from './scenarios.ts'
import { type TargetName, targetNames } from './targets.ts'

/** What the benchmark found; parts that were not asked for are null. */
export type Results = {
  machine: { node: string; platform: string; cpus: number; model: string }
  tookSeconds: number
  loads: LoadResult[]
  polite: PoliteResult | null
  slow: Record<TargetName, SlowResult> | null
  memory: MemoryResult | null
  start: StartResult | null
}

/** The results as text, for people. */
export function reportOf({ loads, polite, slow, memory, start }: Results): string {
  const parts: string[] = []
  if (loads.length > 0) {
    const head = [
      '',
      'CPU ÷ pipe',
      'goal',
      'req/s: direct',
      'pipe',
      'product',
      'first event ms: pipe p50/p99',
      'product',
    ]
    const rows = loads.map(({ name, cpuRatio, targetRatio, targets: { direct, pipe, product } }) => [
      name,
      cpuRatio.toFixed(2),
      `≤ ${targetRatio.toFixed(1)}`,
      ...[direct, pipe, product].map(({ perSecond }) => perSecond.toFixed(0)),
      ...[pipe, product].map(({ firstP50Ms, firstP99Ms }) => `${firstP50Ms.toFixed(2)} / ${firstP99Ms.toFixed(1)}`),
    ])
    parts.push(table([head, ...rows]))
  }
  if (polite) {
    const { direct } = polite
    const rows = targetNames.map((name) => {
      const { p50Ms, p99Ms } = polite[name]
      return [
        name,
        p50Ms.toFixed(2),
        p99Ms.toFixed(2),
        (p50Ms - direct.p50Ms).toFixed(2),
        (p99Ms - direct.p99Ms).toFixed(2),
      ]
    })
    parts.push(table([['one polite client: first event', 'p50 ms', 'p99 ms', 'p50 added', 'p99 added'], ...rows]))
  }
  if (slow) {
    const rows = targetNames.map((name) => {
      const { kibPerStream, cpuMicrosecondsPerEvent, delayP50Ms, delayP99Ms } = slow[name]
      return [name, ...[kibPerStream, cpuMicrosecondsPerEvent].map(whole), delayP50Ms.toFixed(2), delayP99Ms.toFixed(2)]
    })
    parts.push(table([['1,000 slow streams', 'KiB each', 'CPU µs per event', 'delay p50 ms', 'p99 ms'], ...rows]))
  }
  if (memory) {
    const { startMib, warmMib, afterMib, settledMib } = memory
    const row = [`after ${memory.turns} turns`, ...[startMib, warmMib, afterMib, settledMib].map(whole)]
    parts.push(table([['memory of the product, MiB', 'at start', 'warm', 'after', 'settled'], row]))
  }
  if (start) {
    const row = ['from the start of the process', whole(start.readyMs), whole(start.firstTurnMs)]
    parts.push(table([['cold start, ms', 'ready', 'first turn served'], row]))
  }
  return parts.join('\n\n')
}

function whole(value: number): string {
  return Number.isFinite(value) ? value.toFixed(0) : '–'
}

function table(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: string[]) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ')
  const [head = [], ...body] = rows
  return [line(head), widths.map((width) => '─'.repeat(width)).join('  '), ...body.map(line)].join('\n')
}

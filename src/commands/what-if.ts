import { closest } from 'fastest-levenshtein'
import { type WhatIf, whatIf } from '../accounts/what-if.ts'
import { readConfig } from '../config.ts'
import { dayMs, hourMs } from '../domain/quota.ts'
import { type StrategyName, strategyNames } from '../domain/settings.ts'
import { systemClock } from '../lib/clock.ts'
import type { Call, ExitCode, Options } from './command.ts'
import { openStoreFor } from './open-store.ts'

/** `codex-lb what-if`: replays what the log knows, and prints how each strategy would have done. Only reads. */
export async function whatIfCommand(call: Call, options: Options, clock = systemClock): Promise<ExitCode> {
  const ask = askOf(options)
  if ('fault' in ask) {
    call.complain(`codex-lb: ${ask.fault}`)
    return 2
  }
  const { config, warnings } = readConfig(call.env, call.cwd, call.isTerminal)
  for (const warning of warnings) call.complain(`codex-lb: ${warning}`)
  const store = await openStoreFor(call, config)
  try {
    const untilMs = clock.now()
    const { values: settings } = await store.settings.load()
    const { lengthMs, strategies } = ask
    const found = await whatIf({ sinceMs: untilMs - lengthMs, untilMs, strategies, change: {} }, { store, settings })
    for (const line of options.has('json') ? [jsonOf(found)] : linesOf(found)) call.print(line)
    return 0
  } finally {
    await store.close()
  }
}

const usualLengthMs = 7 * dayMs
const longestMs = 30 * dayMs

function askOf(options: Options): { lengthMs: number; strategies: StrategyName[] | null } | { fault: string } {
  const since = options.get('since')?.at(-1)
  const lengthMs = since === undefined ? usualLengthMs : lengthOf(since)
  if (lengthMs === null) return { fault: `option "--since" takes days or hours, 30d at most (7d, 36h), not "${since}"` }
  const strategies: StrategyName[] = []
  for (const name of options.get('strategy') ?? []) {
    const known = strategyNames.find((one) => one === name)
    if (known === undefined) {
      const nearest = closest(name.slice(0, 40), [...strategyNames])
      return { fault: `option "--strategy": there is no "${name}"; the nearest is "${nearest}"` }
    }
    strategies.push(known)
  }
  return { lengthMs, strategies: strategies.length === 0 ? null : strategies }
}

function lengthOf(text: string): number | null {
  const [, count, unit] = /^(\d{1,4})([dh])$/.exec(text) ?? []
  const lengthMs = Number(count) * (unit === 'd' ? dayMs : hourMs)
  return lengthMs > 0 && lengthMs <= longestMs ? lengthMs : null
}

function jsonOf({ sinceMs, untilMs, ...rest }: WhatIf): string {
  const iso = (atMs: number) => new Date(atMs).toISOString()
  return JSON.stringify({ since: iso(sinceMs), until: iso(untilMs), ...rest }, null, 2)
}

const head = ['strategy', 'windows hit', 'refused', 'waited', 'switches', 'cached %', 'tokens paid again']

function linesOf({ sinceMs, untilMs, arrivals, results, assumptions }: WhatIf): string[] {
  const [from, to] = [sinceMs, untilMs].map((atMs) => new Date(atMs).toISOString().slice(0, 16).replace('T', ' '))
  const rows = results.map((one) => [
    one.isCurrent ? `${one.strategy} (now)` : one.strategy,
    ...[one.windowsHit, one.refused, one.waited, one.switches].map(String),
    one.cachedSharePercent.toFixed(1),
    String(one.paidAgainTokens),
  ])
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: string[]) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ')
  return [
    `${arrivals} turns, ${from} to ${to} UTC`,
    '',
    ...[head, ...rows].map(line),
    '',
    `Taken for granted: ${assumptions.join(' ')}`,
  ]
}

import type { Months } from './measure.ts'
import type { RealDays } from './real.ts'

const head = [
  ...[
    'Strategy',
    'Refused %',
    'though open',
    'Failed',
    'Wasted calls',
    'Windows hit',
    'Lost unused %',
    'Spread',
    'Switches ‰',
  ],
  ...['needless ‰', 'Cache kept %', 'Weighted tokens a turn', 'Failover s'],
]

/** One pool as a table in Markdown. */
export function monthsTable({ size, days, seeds, turns, rows }: Months): string {
  const cells = rows.map(({ strategy, report }) => {
    const { refused, refusedWithCapacity, failed, wastedCalls, windowsHit, served } = report
    const { switches, needlessSwitches, cachedTokens, bestCachedTokens, weightedTokens, failovers, failoverMs } = report
    return [
      ...[`\`${strategy}\``, share(refused, report.turns), String(refusedWithCapacity), String(failed)],
      ...[
        String(wastedCalls),
        String(windowsHit),
        report.expiredUnusedPercent.toFixed(1),
        report.spreadPercent.toFixed(1),
      ],
      ...[perMille(switches, report.turns), perMille(needlessSwitches, report.turns)],
      ...[share(cachedTokens, bestCachedTokens), served === 0 ? '–' : (weightedTokens / served).toFixed(0)],
      failovers === 0 ? '–' : (failoverMs / failovers / 1_000).toFixed(1),
    ]
  })
  const months = seeds === 1 ? '' : `, ${seeds} times with other seeds`
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`
  const rule = `| --- |${' ---: |'.repeat(head.length - 1)}`
  return [
    `${size} accounts, ${days} days${months}: ${turns.toLocaleString('en')} turns`,
    '',
    line(head),
    rule,
    ...cells.map(line),
  ].join('\n')
}

export function realLine({ days, turns, refused, faults, calls, refusedCalls }: RealDays): string {
  const found = faults.length === 0 ? 'nothing amiss' : faults.join('; ')
  return `The real server, ${days} days: ${turns} turns, ${calls} calls, ${refusedCalls} of them turned away, ${refused} turns refused; ${found}.`
}

function share(part: number, whole: number): string {
  return whole === 0 ? '–' : ((part / whole) * 100).toFixed(2)
}

function perMille(part: number, whole: number): string {
  return whole === 0 ? '–' : ((part / whole) * 1_000).toFixed(1)
}

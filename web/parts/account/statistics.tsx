import type { AccountStatisticsView } from '../../../src/contract/statistics.ts'
import { Bars, type BarWords } from '../../charts/bars.tsx'
import { age, compact, day, duration } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { Figure } from '../../ui/figure.tsx'

type Statistics = Omit<AccountStatisticsView, 'accountId' | 'readAt'>

const dayMs = 86_400_000
/** As many days as can be told apart on a telephone. */
const shownDays = 60

const words: BarWords = {
  time: day,
  fullTime: (at) => at,
  value: compact,
  point: ({ at, count }) => t('chart.day', { day: day(at), tokens: compact(count) }),
  columns: { time: t('column.day'), value: t('column.tokens'), failed: null },
}

/** What the upstream counts of accounts over their lives. */
export function StatisticsPanel({ statistics, nowMs }: { statistics: Statistics; nowMs: number }) {
  const { lifetimeTokens, peakDailyTokens, longestTurnSeconds, currentStreakDays, longestStreakDays } = statistics
  const { days, countedAt } = statistics
  return (
    <div className="panel stack">
      <dl className="figures">
        <Figure name={t('statistics.lifetime')} value={orUnknown(lifetimeTokens, compact)} />
        <Figure name={t('statistics.peak')} value={orUnknown(peakDailyTokens, compact)} />
        <Figure
          name={t('statistics.streak')}
          value={orUnknown(currentStreakDays, String)}
          {...(longestStreakDays !== null && { detail: t('statistics.streakLongest', { count: longestStreakDays }) })}
        />
        <Figure
          name={t('statistics.longestTurn')}
          value={orUnknown(longestTurnSeconds, (seconds) => duration(seconds * 1_000))}
        />
      </dl>
      {days.length > 0 && <Bars label={t('statistics.days')} bars={barsOf(days)} words={words} />}
      {countedAt !== null && <p className="small">{t('statistics.counted', { age: age(countedAt, nowMs) })}</p>}
    </div>
  )
}

/** The upstream answered, and told nothing. */
export function isSilent({ lifetimeTokens, peakDailyTokens, longestTurnSeconds, days }: Statistics): boolean {
  return [lifetimeTokens, peakDailyTokens, longestTurnSeconds].every((figure) => figure === null) && days.length === 0
}

function orUnknown(value: number | null, text: (value: number) => string): string {
  return value === null ? '–' : text(value)
}

/** Days that the upstream does not list had no use. */
function barsOf(days: Statistics['days']) {
  const tokensOf = new Map(days.map((one) => [one.day, one.tokens]))
  const last = Date.parse(days.at(-1)?.day ?? '')
  const first = Math.max(Date.parse(days[0]?.day ?? ''), last - (shownDays - 1) * dayMs)
  return Array.from({ length: (last - first) / dayMs + 1 }, (_, index) => {
    const at = new Date(first + index * dayMs).toISOString().slice(0, 10)
    return { at, count: tokensOf.get(at) ?? 0, failed: 0 }
  })
}

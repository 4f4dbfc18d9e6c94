import { clock, fullMoment, whole } from '../format.ts'
import { t } from '../messages/index.ts'
import { Table } from '../ui/table.tsx'
import { useWidth } from './width.ts'

export type Bar = { at: string; count: number; failed: number }

/** How bars are named; the usual are requests by the hour. */
export type BarWords = {
  /** Under a bar, and in full. */
  time: (at: string) => string
  fullTime: (at: string) => string
  value: (count: number) => string
  point: (bar: Bar) => string
  columns: { time: string; value: string; failed: string | null }
}

const height = 120
const foot = 20
const plot = height - foot

const requests: BarWords = {
  time: clock,
  fullTime: fullMoment,
  value: whole,
  point: ({ at, count, failed }) => t('chart.point', { time: clock(at), count, failed }),
  columns: { time: t('column.time'), value: t('column.requests'), failed: t('column.failed') },
}

type BarsProps = { label: string; bars: readonly Bar[]; words?: BarWords }

/** Amounts over time; what failed is the lower part of its bar. The same figures as a table below. */
export function Bars({ label, bars, words = requests }: BarsProps) {
  const [frame, width] = useWidth()
  const most = Math.max(1, ...bars.map(({ count }) => count))
  const step = width / Math.max(1, bars.length)
  const scale = (value: number) => (value / most) * (plot - 16)
  const labelEvery = Math.max(1, Math.ceil(56 / Math.max(1, step)))
  return (
    <div className="chart">
      <div ref={frame}>
        {width > 0 && (
          <svg width={width} height={height} role="img" aria-label={label}>
            <line className="grid" x1={0} x2={width} y1={plot} y2={plot} />
            <line className="grid" x1={0} x2={width} y1={16} y2={16} />
            <text x={0} y={11}>
              {words.value(most)}
            </text>
            {bars.map(({ at, count, failed }, index) => (
              <g key={at} transform={`translate(${index * step} 0)`}>
                <title>{words.point({ at, count, failed })}</title>
                <rect width={step} height={plot} fill="transparent" />
                <rect className="bar" {...bar(step, plot - scale(count), scale(count - failed))} />
                <rect className="bar-bad" {...bar(step, plot - scale(failed), scale(failed))} />
                {(bars.length - 1 - index) % labelEvery === 0 && index * step > 4 && (
                  <text {...labelPlace(step, index === bars.length - 1)} y={height - 4}>
                    {words.time(at)}
                  </text>
                )}
              </g>
            ))}
          </svg>
        )}
      </div>
      <details>
        <summary>{t('chart.asTable')}</summary>
        <Table
          label={label}
          rows={bars.toReversed()}
          keyOf={({ at }) => at}
          columns={[
            {
              name: words.columns.time,
              cell: ({ at }) => <span title={words.fullTime(at)}>{words.time(at)}</span>,
            },
            { name: words.columns.value, isNumber: true, cell: ({ count }) => words.value(count) },
            ...(words.columns.failed === null
              ? []
              : [{ name: words.columns.failed, isNumber: true, cell: ({ failed }: Bar) => words.value(failed) }]),
          ]}
        />
      </details>
    </div>
  )
}

/** Under the middle of its bar; the last label would stand out at the side where bars are narrow. */
function labelPlace(step: number, isLast: boolean) {
  return isLast && step < 40
    ? ({ x: step, textAnchor: 'end' } as const)
    : ({ x: step / 2, textAnchor: 'middle' } as const)
}

function bar(step: number, y: number, height: number) {
  const width = Math.max(1, Math.min(28, step * 0.7))
  return { x: (step - width) / 2, y, width, height: Math.max(0, height), rx: Math.min(2, width / 2) }
}

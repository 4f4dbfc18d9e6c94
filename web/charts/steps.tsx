import { dayName, fullMoment, percent } from '../format.ts'
import { t } from '../messages/index.ts'
import { Table } from '../ui/table.tsx'
import { useWidth } from './width.ts'

export type Series = { name: string; points: readonly { t: string; v: number }[] }

const height = 180
const foot = 20
const head = 8
const labelWidth = 84

/** What was left of each window, over time. Steps, because quota jumps; a gap before the first reading stays a gap. */
export function Steps({ label, series }: { label: string; series: readonly Series[] }) {
  const [frame, width] = useWidth()
  const shown = series.filter(({ points }) => points.length > 0)
  const times = shown.flatMap(({ points }) => points.map((point) => Date.parse(point.t)))
  const from = Math.min(...times)
  const to = Math.max(...times, from + 60 * 60_000)
  const plotWidth = width - labelWidth
  const x = (at: string) => ((Date.parse(at) - from) / (to - from)) * plotWidth
  const y = (value: number) => head + ((100 - value) / 100) * (height - foot - head)
  const ends = spread(shown.map(({ points }) => y(points.at(-1)?.v ?? 0)))
  return (
    <div className="chart">
      <div ref={frame}>
        {width > 0 && (
          <svg width={width} height={height} role="img" aria-label={label}>
            {[0, 50, 100].map((value) => (
              <g key={value}>
                <line className="grid" x1={0} x2={plotWidth} y1={y(value)} y2={y(value)} />
                <text x={0} y={y(value) - 3}>
                  {value} %
                </text>
              </g>
            ))}
            {days(from, to).map((at) => (
              <text key={at} x={x(at)} y={height - 4} textAnchor="middle">
                {dayName(at)}
              </text>
            ))}
            {shown.map(({ name, points }, index) => (
              <g key={name}>
                <path className={`line line-${index + 1}`} d={stepPath(points.map(({ t: at, v }) => [x(at), y(v)]))} />
                <text x={plotWidth + 8} y={(ends[index] ?? 0) + 4}>
                  {name}
                </text>
              </g>
            ))}
          </svg>
        )}
      </div>
      <details>
        <summary>{t('chart.asTable')}</summary>
        <Table
          label={label}
          rows={(longest(shown)?.points ?? []).toReversed()}
          keyOf={({ t: at }) => at}
          columns={[
            { name: t('column.time'), cell: ({ t: at }) => fullMoment(at) },
            ...shown.map(({ name, points }) => ({
              name,
              isNumber: true,
              cell: ({ t: at }: { t: string }) => {
                const point = points.find((one) => one.t === at)
                return point === undefined ? '–' : percent(point.v)
              },
            })),
          ]}
        />
      </details>
    </div>
  )
}

function longest(series: readonly Series[]): Series | undefined {
  return series.toSorted((a, b) => b.points.length - a.points.length)[0]
}

function stepPath(points: readonly (readonly [number, number])[]): string {
  const [first, ...others] = points
  if (first === undefined) return ''
  const steps = others.map(([x, y]) => `H${x.toFixed(1)}V${y.toFixed(1)}`)
  // One reading alone is a short mark, not nothing.
  return `M${first[0].toFixed(1)} ${first[1].toFixed(1)}${steps.length === 0 ? 'h4' : steps.join('')}`
}

/** Local midnights within a time. */
function days(from: number, to: number): string[] {
  if (!Number.isFinite(from)) return []
  const found: string[] = []
  const day = new Date(from)
  day.setHours(24, 0, 0, 0)
  for (; day.getTime() <= to; day.setDate(day.getDate() + 1)) found.push(day.toISOString())
  return found
}

/** Labels that would stand on each other move apart. */
function spread(places: readonly number[]): number[] {
  const order = places.map((place, index) => ({ place, index })).sort((a, b) => a.place - b.place)
  const moved: number[] = []
  let last = Number.NEGATIVE_INFINITY
  for (const { place, index } of order) {
    last = Math.max(place, last + 14)
    moved[index] = last
  }
  return moved
}

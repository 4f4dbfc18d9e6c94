import type { WindowView } from '../../src/contract/accounts.ts'
import { age, duration, fullMoment, percent } from '../format.ts'

const sources: Record<WindowView['source'], string> = {
  poll: 'usage poll',
  header: 'answer headers',
  event: 'stream event',
  refusal: 'refusal',
}

/** "5-hour", "weekly": windows are called by their length. */
function windowName({ kind, windowMinutes }: WindowView): string {
  if (kind !== 'short') return kind === 'weekly' ? 'Weekly' : 'Monthly'
  const hours = windowMinutes / 60
  return Number.isInteger(hours) ? `${hours}-hour` : `${windowMinutes}-minute`
}

/** One usage window: how much is used, when it resets, and where and when that was read. */
export function Quota({ window, nowMs }: { window: WindowView; nowMs: number }) {
  const { usedPercent, resetAt, source, readAt } = window
  const name = windowName(window)
  const used = `${percent(usedPercent)} used`
  const tone = usedPercent >= 100 ? 'bad' : usedPercent > 90 ? 'warn' : 'ok'
  return (
    <div className="quota">
      <p>
        <strong>{name}</strong> <span>{used}</span>
      </p>
      <meter className={tone} min={0} max={100} value={usedPercent} aria-label={`${name} window`}>
        {used}
      </meter>
      <p className="small">
        {resetAt === null ? (
          'Reset time not known'
        ) : (
          <time dateTime={resetAt} title={fullMoment(resetAt)}>
            Resets in {duration(Date.parse(resetAt) - nowMs)}
          </time>
        )}
        {' · '}
        <time dateTime={readAt} title={fullMoment(readAt)}>
          {sources[source]}, {age(readAt, nowMs)}
        </time>
      </p>
    </div>
  )
}

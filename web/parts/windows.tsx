import type { AccountView, WindowView } from '../../src/contract/accounts.ts'
import { age, duration, fullMoment, percent, when } from '../format.ts'
import { t } from '../messages/index.ts'
import { QuotaMeter } from '../ui/status.tsx'
import { windowName } from './standing.ts'

const dayMs = 86_400_000

/** A meter per usage window: what is left, when it comes back, and where and when that was read. */
export function Windows({ windows, nowMs }: { windows: readonly WindowView[]; nowMs: number }) {
  if (windows.length === 0) return <p className="small meters">{t('windows.none')}</p>
  return (
    <div className="meters">
      {windows.map((window) => (
        <OneWindow key={window.kind} window={window} nowMs={nowMs} />
      ))}
    </div>
  )
}

/** Limits of their own, beside the windows, for certain models. */
export function Meters({ meters, nowMs }: { meters: AccountView['meters']; nowMs: number }) {
  return meters.map(({ key, name, windows }) => (
    <div key={key} className="stack">
      <div>
        <h3>{name}</h3>
        <p className="small">{t('meters.governs')}</p>
      </div>
      <Windows windows={windows} nowMs={nowMs} />
    </div>
  ))
}

function OneWindow({ window, nowMs }: { window: WindowView; nowMs: number }) {
  const { usedPercent, remainingPercent, resetAt, source, readAt, staleSince } = window
  const read = { source: t(`source.${source}`), age: age(readAt, nowMs) }
  const tooltip = t('windows.tooltip', { used: percent(usedPercent), ...read, time: fullMoment(readAt) })
  return (
    <QuotaMeter
      name={windowName(window)}
      value={t('windows.left', { percent: percent(remainingPercent) })}
      leftPercent={remainingPercent}
      tooltip={tooltip}
    >
      {resetAt === null ? (
        t('windows.noReset')
      ) : (
        <time dateTime={resetAt} title={fullMoment(resetAt)}>
          {back(resetAt, nowMs)}
        </time>
      )}
      {' · '}
      <time dateTime={readAt}>{t('windows.read', read)}</time>
      {staleSince !== null && (
        <time className="tone-warn" dateTime={staleSince} title={fullMoment(staleSince)}>
          {t('windows.stale', { time: when(staleSince, nowMs) })}
        </time>
      )}
    </QuotaMeter>
  )
}

/** Within a day the wait is what counts, further away the day. */
function back(resetAt: string, nowMs: number): string {
  const waitMs = Date.parse(resetAt) - nowMs
  if (waitMs < dayMs) return t('windows.resetsIn', { wait: duration(waitMs) })
  return t('windows.resetsAt', { time: when(resetAt, nowMs) })
}

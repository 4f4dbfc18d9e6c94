import { duration, fullMoment } from '../format.ts'
import { Icon, type IconName } from './icon.tsx'

export type Tone = 'ok' | 'warn' | 'bad' | 'calm'

/** A status: its word, with an icon, in its colour. */
export function StatusWord({ word, tone, icon }: { word: string; tone: Tone; icon: IconName }) {
  return (
    <span className={`status tone-${tone}`}>
      <Icon name={icon} />
      {word}
    </span>
  )
}

type MeterProps = {
  /** "5-hour", "Weekly" */
  name: string
  /** What the value says: "34 % left". */
  value: string
  leftPercent: number
  tooltip: string
  children: React.ReactNode
}

/** What is left of a quota, with what stands under it: when it comes back, where the figure is from. */
export function QuotaMeter({ name, value, leftPercent, tooltip, children }: MeterProps) {
  const tone = leftPercent < 5 ? 'bad' : leftPercent < 15 ? 'warn' : 'calm'
  return (
    <div className="meter" title={tooltip}>
      <div>
        <span className="quiet">{name}</span> <b>{value}</b>
      </div>
      <meter className="hidden" min={0} max={100} value={leftPercent} aria-label={name} aria-valuetext={value} />
      {/* Browsers draw their own meters each in their own way. */}
      <svg className={`gauge ${tone}`} aria-hidden="true">
        <rect width={`${leftPercent}%`} height="6" />
      </svg>
      <div className="small">{children}</div>
    </div>
  )
}

/** A moment in short, with the whole of it behind. */
export function Moment({ at, children, waitFrom }: { at: string; children: string; waitFrom?: number }) {
  const wait = waitFrom === undefined ? '' : `${duration(Math.abs(Date.parse(at) - waitFrom))} · `
  return (
    <time dateTime={at} title={`${wait}${fullMoment(at)}`}>
      {children}
    </time>
  )
}

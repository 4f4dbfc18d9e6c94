import type { SettingsView } from '../../../src/contract/settings.ts'
import { type Key, t } from '../../messages/index.ts'
import { Field, type FormProblem } from '../../ui/field.tsx'
import { Setting } from './setting.tsx'
import type { SettingsDraft } from './settings-form.tsx'

/** Names of the settings that are numbers. */
type NumberName = { [K in keyof SettingsView]: SettingsView[K] extends number ? K : never }[keyof SettingsView]

const texts = {
  relativePower: ['settings.relativePower', 'settings.relativePowerHint'],
  relativeTopK: ['settings.relativeTopK', 'settings.relativeTopKHint'],
  edgeShortPercent: ['settings.edgeShort', 'settings.edgeShortHint'],
  edgeLongPercent: ['settings.edgeLong', 'settings.edgeLongHint'],
  slowStartMinutes: ['settings.slowStart', 'settings.slowStartHint'],
  affinityMinutes: ['settings.affinity', 'settings.affinityHint'],
  maxStreams: ['settings.maxStreams', 'settings.maxStreamsHint'],
  maxTurnStarts: ['settings.maxTurnStarts', 'settings.maxTurnStartsHint'],
  waitSeconds: ['settings.waitSeconds', 'settings.waitSecondsHint'],
  maxWaiting: ['settings.maxWaiting', 'settings.maxWaitingHint'],
  requestLogDays: ['settings.logDays', 'settings.logDaysHint'],
  requestDetailDays: ['settings.detailDays', 'settings.detailDaysHint'],
  usageHistoryDays: ['settings.usageDays', 'settings.usageDaysHint'],
  auditDays: ['settings.auditDays', 'settings.auditDaysHint'],
  keepResponseDays: ['settings.keepDays', 'settings.keepDaysHint'],
} as const satisfies Record<NumberName, readonly [label: Key, hint: Key]>

type Props = {
  name: NumberName
  min?: number
  max?: number
  step?: number | 'any'
  draft: SettingsDraft
  error: FormProblem | null
}

/** A setting that is a number. The limits here are for the arrows of the field; the server judges. */
export function NumberSetting({ name, min = 0, max, step = 1, draft, error }: Props) {
  const value = draft.values[name]
  const [label, hint] = texts[name]
  return (
    <Setting name={name} draft={draft}>
      <Field
        type="number"
        inputMode="decimal"
        name={name}
        label={t(label)}
        hint={t(hint)}
        min={min}
        max={max}
        step={step}
        // An empty field is no number, and the server says so.
        value={Number.isNaN(value) ? '' : value}
        error={error}
        onChange={(event) => draft.set(name, event.target.valueAsNumber)}
      />
    </Setting>
  )
}

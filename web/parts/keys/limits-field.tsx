import type { ApiKeyView } from '../../../src/contract/api-keys.ts'
import { t } from '../../messages/index.ts'
import { Fault, type FormProblem, faultOf } from '../../ui/field.tsx'
import { type RowOf, useRows } from '../../ui/rows.ts'
import { type KeyLimitView, limitWords } from './words.ts'

type Cells = {
  limitId: string | null
  kind: KeyLimitView['kind']
  period: KeyLimitView['period']
  isCalendar: boolean
  max: number
  model: string
}
/** As the server takes them: a new one has no id yet. */
export type EditedLimit = Omit<KeyLimitView, 'id'> & { id?: string }

const kinds = ['requests', 'total_tokens', 'input_tokens', 'output_tokens', 'cost_micro_usd'] as const
const periods = ['minute', 'five_hours', 'day', 'week', 'month'] as const
const micro = 1_000_000

type Props = { limits: readonly EditedLimit[]; error: FormProblem | null; onChange: (limits: EditedLimit[]) => void }

/** How much a key may use, a row per limit. */
export function LimitsField({ limits, error, onChange }: Props) {
  const { rows, add, edit, remove } = useRows<Cells>(
    () => limits.map(cellsOf),
    (next) => onChange(next.map(limitOf)),
  )
  return (
    <fieldset className="stack plain-set">
      <legend>{t('key.limits')}</legend>
      <p className="small">{t('key.limitsWhat')}</p>
      {rows.map((row, at) => (
        <LimitRow
          key={row.id}
          row={row}
          fault={faultOf(error, `limits.${at}`)}
          onEdit={(changed) => edit(row.id, changed)}
          onRemove={() => remove(row.id)}
        />
      ))}
      <div>
        <button
          type="button"
          onClick={() =>
            add({ limitId: null, kind: 'total_tokens', period: 'day', isCalendar: false, max: 1_000_000, model: '' })
          }
        >
          {t('key.addLimit')}
        </button>
      </div>
    </fieldset>
  )
}

type RowProps = {
  row: RowOf<Cells>
  fault: string | undefined
  onEdit: (changed: Partial<Cells>) => void
  onRemove: () => void
}

function LimitRow({ row, fault, onEdit, onRemove }: RowProps) {
  const words = Number.isNaN(row.max) ? '' : limitWords(limitOf(row))
  const isMoney = row.kind === 'cost_micro_usd'
  const options = <T extends string>(names: readonly T[], label: (name: T) => string) =>
    names.map((name) => (
      <option key={name} value={name}>
        {label(name)}
      </option>
    ))
  return (
    <div className="limit-row">
      <input
        type="number"
        aria-label={t('key.limitMax')}
        aria-invalid={fault !== undefined}
        min={isMoney ? 0.000_001 : 1}
        step="any"
        value={Number.isNaN(row.max) ? '' : isMoney ? row.max / micro : row.max}
        onChange={({ target }) =>
          onEdit({ max: isMoney ? Math.round(target.valueAsNumber * micro) : target.valueAsNumber })
        }
      />
      <select
        aria-label={t('key.limitKind')}
        value={row.kind}
        onChange={({ target }) => onEdit(kindChange(row, target.value as Cells['kind']))}
      >
        {options(kinds, (kind) => t(`kind.${kind}`))}
      </select>
      <select
        aria-label={t('key.limitPeriod')}
        value={row.period}
        onChange={({ target }) => onEdit({ period: target.value as Cells['period'] })}
      >
        {options(periods, (period) => t(`period.${period}`))}
      </select>
      <select
        aria-label={t('key.limitWindow')}
        value={row.isCalendar ? 'calendar' : 'rolling'}
        onChange={({ target }) => onEdit({ isCalendar: target.value === 'calendar' })}
      >
        <option value="rolling">{t('key.limitRolling')}</option>
        <option value="calendar">{t('key.limitCalendar')}</option>
      </select>
      <input
        aria-label={t('key.limitModel')}
        placeholder={t('key.limitAll')}
        autoCapitalize="none"
        autoComplete="off"
        spellCheck={false}
        value={row.model}
        onChange={({ target }) => onEdit({ model: target.value.trim() })}
      />
      <button
        type="button"
        className="plain square"
        aria-label={t('key.removeLimit', { limit: words })}
        onClick={onRemove}
      >
        ✕
      </button>
      <Fault id={`limit-${row.id}-fault`} label={t('key.limits')} fault={fault} />
    </div>
  )
}

/** A million tokens are a dollar's worth of nothing: the amount starts anew between money and the rest. */
function kindChange({ kind: before }: Cells, kind: Cells['kind']): Partial<Cells> {
  const isMoney = kind === 'cost_micro_usd'
  if (isMoney === (before === 'cost_micro_usd')) return { kind }
  return { kind, max: isMoney ? 10 * micro : 1_000_000 }
}

function cellsOf({ id, model, ...limit }: EditedLimit): Cells {
  return { ...limit, limitId: id ?? null, model: model ?? '' }
}

function limitOf({ limitId, kind, period, isCalendar, max, model }: Cells): EditedLimit {
  return {
    ...(limitId === null ? {} : { id: limitId }),
    kind,
    period,
    isCalendar,
    max,
    model: model === '' ? null : model,
  }
}

/** What the server needs of the limits that it has sent. */
export function editable(limits: ApiKeyView['limits']): EditedLimit[] {
  return limits.map(({ id, kind, period, isCalendar, max, model }) => ({ id, kind, period, isCalendar, max, model }))
}

import { useId } from 'react'
import type { SettingsView } from '../../../src/contract/settings.ts'
import { t } from '../../messages/index.ts'
import type { FormProblem } from '../../ui/field.tsx'
import { type RowOf, useRows } from '../../ui/rows.ts'
import { planName } from '../standing.ts'

type Capacities = SettingsView['planCapacities']
type Cells = { plan: string } & Capacities[string]
type Row = RowOf<Cells>

const kinds = ['short', 'weekly', 'monthly'] as const
const none = { short: null, weekly: null, monthly: null }

type Props = {
  saved: Capacities
  /** Plans that accounts have, to choose from. */
  plans: readonly string[]
  error: FormProblem | null
  onChange: (capacities: Capacities) => void
}

/** Sizes of plans in credits, a row per plan. A cell that is empty says that the plan has no such window. */
export function PlanCapacities({ saved, plans, error, onChange }: Props) {
  const listId = useId()
  const { rows, add, edit, remove } = useRows<Cells>(
    () => Object.entries(saved).map(([plan, sizes]) => ({ plan, ...sizes })),
    (next) =>
      onChange(Object.fromEntries(next.map(({ plan, short, weekly, monthly }) => [plan, { short, weekly, monthly }]))),
  )
  return (
    <div className="stack">
      {rows.length > 0 && (
        <table className="grid-table" aria-label={t('settings.capacitiesTable')}>
          <thead>
            <tr>
              <th scope="col">{t('settings.plan')}</th>
              {kinds.map((kind) => (
                <th key={kind} scope="col">
                  {t(`settings.credits.${kind}`)}
                </th>
              ))}
              <td />
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <PlanRow
                key={row.id}
                row={row}
                listId={listId}
                fault={faultOfRow(row, rows, error)}
                onEdit={(changed) => edit(row.id, changed)}
                onRemove={() => remove(row.id)}
              />
            ))}
          </tbody>
        </table>
      )}
      {rows.length > 0 && <p className="small">{t('settings.capacityEmpty')}</p>}
      <datalist id={listId}>
        {plans.map((plan) => (
          <option key={plan} value={plan} />
        ))}
      </datalist>
      <div>
        <button type="button" onClick={() => add({ plan: '', ...none })}>
          {t('settings.addPlan')}
        </button>
      </div>
    </div>
  )
}

type Fault = { path: string; message: string }

/** What was said of a row: the name of the cell (`plan` for its name), and what is wrong. */
function faultOfRow({ plan, id }: Row, rows: readonly Row[], error: FormProblem | null): Fault | null {
  if (plan !== '' && rows.some((other) => other.plan === plan && other.id > id)) {
    return { path: 'plan', message: t('settings.planTwice') }
  }
  const start = `planCapacities.${plan}`
  const found = error?.faults?.find(({ path }) => path === start || path.startsWith(`${start}.`))
  if (found === undefined) return null
  if (plan === '') return { path: 'plan', message: t('settings.planMissing') }
  return { path: found.path.slice(start.length + 1) || 'plan', message: found.message }
}

type PlanRowProps = {
  row: Row
  listId: string
  fault: Fault | null
  onEdit: (changed: Partial<Row>) => void
  onRemove: () => void
}

function PlanRow({ row, listId, fault, onEdit, onRemove }: PlanRowProps) {
  const faultId = useId()
  const plan = row.plan === '' ? t('settings.newPlan') : planName(row.plan)
  return (
    <>
      <tr>
        <td>
          <input
            aria-label={t('settings.plan')}
            aria-invalid={fault?.path === 'plan'}
            aria-describedby={faultId}
            list={listId}
            value={row.plan}
            onChange={(event) => onEdit({ plan: event.target.value.trim().toLowerCase() })}
          />
        </td>
        {kinds.map((kind) => {
          const value = row[kind]
          return (
            <td key={kind}>
              <input
                type="number"
                inputMode="decimal"
                min={0}
                step="any"
                aria-label={t('settings.capacityCell', { window: t(`settings.credits.${kind}`), plan })}
                aria-invalid={fault?.path === kind}
                aria-describedby={faultId}
                value={value ?? ''}
                onChange={({ target }) => onEdit({ [kind]: target.value === '' ? null : target.valueAsNumber })}
              />
            </td>
          )
        })}
        <td>
          <button
            type="button"
            className="plain square"
            aria-label={t('settings.removePlan', { plan })}
            onClick={onRemove}
          >
            ✕
          </button>
        </td>
      </tr>
      {fault !== null && (
        <tr>
          <td colSpan={5} className="small tone-bad" id={faultId} role="alert">
            {t('form.fault', { label: plan, fault: fault.message })}
          </td>
        </tr>
      )}
    </>
  )
}

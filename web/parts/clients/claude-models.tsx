import { useQuery } from '@tanstack/react-query'
import { useId } from 'react'
import type { SettingsView } from '../../../src/contract/settings.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import type { FormProblem } from '../../ui/field.tsx'
import { type RowOf, useRows } from '../../ui/rows.ts'

type Models = SettingsView['claudeModels']
type Cells = { name: string; model: string }
type Row = RowOf<Cells>

type Props = {
  saved: Models
  edited: Models
  error: FormProblem | null
  onChange: (models: Models) => void
}

/** The server takes no longer ones. */
const mostLetters = 100

/** Which model of the pool answers to a name of Claude's, a row per name. */
export function ClaudeModels({ saved, edited, error, onChange }: Props) {
  const listId = useId()
  const { data } = useQuery(queries.models())
  const { rows, add, edit, remove } = useRows<Cells>(
    () => Object.entries(edited).map(([name, model]) => ({ name, model })),
    (next) => onChange(Object.fromEntries(next.map(({ name, model }) => [name, model]))),
  )
  const offered = data?.models.map(({ id }) => id)
  const unknown = new Set(offered && Object.values(saved).filter((model) => !offered.includes(model)))
  return (
    <div className="stack">
      <p className="quiet">{t('settings.claudeDefault')}</p>
      {rows.length > 0 && (
        <table className="grid-table" aria-label={t('settings.claudeTable')}>
          <thead>
            <tr>
              <th scope="col">{t('settings.claudeName')}</th>
              <th scope="col">{t('settings.poolModel')}</th>
              <td />
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <ModelRow
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
      {[...unknown].map((model) => (
        <p key={model} className="notice warn">
          {t('settings.modelUnknown', { model })}
        </p>
      ))}
      {rows.length > 0 && <p className="small">{t('settings.claudeHint')}</p>}
      <datalist id={listId}>
        {data?.models.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </datalist>
      <div>
        <button type="button" onClick={() => add({ name: '', model: '' })}>
          {t('settings.addName')}
        </button>
      </div>
    </div>
  )
}

type Fault = { cell: keyof Cells; message: string }

/** What is wrong with a row, and in which cell. The server names both by the name, which is all that it gets of the row. */
function faultOfRow({ id, name, model }: Row, rows: readonly Row[], error: FormProblem | null): Fault | null {
  if (name !== '' && rows.some((other) => other.name === name && other.id > id)) {
    return { cell: 'name', message: t('settings.nameTwice') }
  }
  const found = error?.faults?.find(({ path }) => path === `claudeModels.${name}`)
  if (found === undefined) return null
  if (name === '') return { cell: 'name', message: t('settings.nameMissing') }
  return { cell: 'model', message: model === '' ? t('settings.modelMissing') : found.message }
}

type ModelRowProps = {
  row: Row
  listId: string
  fault: Fault | null
  onEdit: (changed: Partial<Cells>) => void
  onRemove: () => void
}

function ModelRow({ row, listId, fault, onEdit, onRemove }: ModelRowProps) {
  const faultId = useId()
  const name = row.name === '' ? t('settings.newName') : row.name
  const cell = (key: keyof Cells, label: string) => ({
    'aria-label': label,
    'aria-invalid': fault?.cell === key,
    'aria-describedby': faultId,
    autoCapitalize: 'none',
    autoComplete: 'off',
    spellCheck: false,
    maxLength: mostLetters,
    value: row[key],
    onChange: ({ target }: React.ChangeEvent<HTMLInputElement>) => onEdit({ [key]: target.value.trim() }),
  })
  return (
    <>
      <tr>
        <td>
          <input {...cell('name', t('settings.claudeName'))} />
        </td>
        <td>
          <input {...cell('model', t('settings.modelFor', { name }))} list={listId} />
        </td>
        <td>
          <button
            type="button"
            className="plain square"
            aria-label={t('settings.removeName', { name })}
            onClick={onRemove}
          >
            ✕
          </button>
        </td>
      </tr>
      {fault !== null && (
        <tr>
          <td colSpan={3} className="small tone-bad" id={faultId} role="alert">
            {t('form.fault', { label: name, fault: fault.message })}
          </td>
        </tr>
      )}
    </>
  )
}

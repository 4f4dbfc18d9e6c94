import { useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { ModelSourceView } from '../../../src/contract/model-sources.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Fault, Field, type FormProblem } from '../../ui/field.tsx'
import { Problem } from '../../ui/states.tsx'

type Model = ModelSourceView['models'][number]
type Row = { id: number; model: Partial<Model> }
type Props = { source: ModelSourceView | null; error: FormProblem | null }

/** The models of a source with their prices, a group of fields for each; they are in the form by their place. */
export function SourceModels({ source, error }: Props) {
  const id = useId()
  const [rows, setRows] = useState<readonly Row[]>(() =>
    (source?.models ?? [{}]).map((model, index) => ({ id: index, model })),
  )
  const [isAsked, setAsked] = useState(false)
  const offered = useQuery({ ...queries.sourceModels(source?.id ?? ''), enabled: isAsked && source !== null })
  const nextId = Math.max(-1, ...rows.map((row) => row.id)) + 1
  const overall = error?.faults?.find(({ path }) => path === 'models')?.message
  return (
    <fieldset className="choices" aria-describedby={`${id}-fault`}>
      <legend>{t('source.modelsTitle')}</legend>
      <p className="small">{t('source.modelsHint')}</p>
      {rows.map((row, index) => (
        <ModelFields
          key={row.id}
          {...{ index, error, listId: `${id}-list`, model: row.model }}
          onRemove={rows.length > 1 ? () => setRows(rows.filter((one) => one.id !== row.id)) : null}
        />
      ))}
      <Fault id={`${id}-fault`} label={t('source.modelsTitle')} fault={overall} />
      <datalist id={`${id}-list`}>
        {offered.data?.items.map((model) => (
          <option key={model} value={model} />
        ))}
      </datalist>
      <div className="row">
        <button type="button" onClick={() => setRows([...rows, { id: nextId, model: {} }])}>
          {t('source.addModel')}
        </button>
        {source !== null && (
          <button
            type="button"
            disabled={offered.isFetching}
            onClick={() => (isAsked ? void offered.refetch() : setAsked(true))}
          >
            {t(offered.isFetching ? 'state.working' : 'source.fetch')}
          </button>
        )}
      </div>
      <Problem error={offered.error} />
      <p className="small" role="status">
        {offered.data && t('source.fetched', { count: offered.data.items.length })}
      </p>
    </fieldset>
  )
}

type ModelFieldsProps = {
  index: number
  model: Partial<Model>
  listId: string
  error: FormProblem | null
  onRemove: (() => void) | null
}

function ModelFields({ index, model, listId, error, onRemove }: ModelFieldsProps) {
  const count = index + 1
  const text = (value: number | null | undefined) => (value == null ? '' : String(value))
  const name = (cell: keyof Model) => ({ name: `models.${index}.${cell}`, error })
  const word = { autoComplete: 'off', spellCheck: false, autoCapitalize: 'none', list: listId } as const
  const price = { type: 'number', min: 0, step: 'any', inputMode: 'decimal' } as const
  return (
    <fieldset className="source-model">
      <legend className="small">
        {t('source.modelOf', { count })}{' '}
        {onRemove !== null && (
          <button
            type="button"
            className="plain square"
            aria-label={t('source.removeModel', { count })}
            onClick={onRemove}
          >
            ✕
          </button>
        )}
      </legend>
      <div className="source-names">
        <Field
          {...name('model')}
          {...word}
          label={t('source.model')}
          defaultValue={model.model ?? ''}
          maxLength={200}
        />
        <Field
          {...{ ...name('upstreamModel'), ...word, label: t('source.upstreamModel'), required: false }}
          placeholder={t('source.upstreamHint')}
          defaultValue={model.upstreamModel ?? ''}
          maxLength={200}
        />
      </div>
      <div className="source-prices">
        <Field
          {...{ ...name('inputUsdPerMillion'), ...price, label: t('source.input') }}
          defaultValue={text(model.inputUsdPerMillion)}
        />
        <Field
          {...{ ...name('cachedUsdPerMillion'), ...price, label: t('source.cached'), required: false }}
          defaultValue={text(model.cachedUsdPerMillion)}
        />
        <Field
          {...{ ...name('outputUsdPerMillion'), ...price, label: t('source.output') }}
          defaultValue={text(model.outputUsdPerMillion)}
        />
        <Field
          {...{ ...name('contextWindow'), type: 'number', min: 1, label: t('source.context'), required: false }}
          defaultValue={text(model.contextWindow)}
        />
      </div>
    </fieldset>
  )
}

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { ModelSourceView } from '../../../src/contract/model-sources.ts'
import { api } from '../../api.ts'
import { type Key, t } from '../../messages/index.ts'
import { Switch } from '../../ui/controls.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Fault, Field, Form, type FormProblem, faultOf } from '../../ui/field.tsx'
import { toast } from '../../ui/toast.tsx'
import { SourceModels } from './source-models.tsx'

type Props = { source: ModelSourceView | null; onClose: () => void }

/** Makes a source, or changes one: its key is typed anew or stays. */
export function SourceForm({ source, onClose }: Props) {
  const client = useQueryClient()
  const [isActive, setActive] = useState(source?.isActive ?? true)
  const [allowPrivateAddress, setAllowPrivate] = useState(source?.allowPrivateAddress ?? false)
  const save = useMutation({
    mutationFn: (values: Record<string, string>) => {
      const body = { ...bodyOf(values, source !== null), isActive, allowPrivateAddress }
      return source === null ? api.addModelSource(body) : api.changeModelSource(source.id, body)
    },
    onSuccess() {
      toast(t('sources.saved'))
      onClose()
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['model-sources'] }),
  })
  const error = save.error as FormProblem | null
  const plain = { autoComplete: 'off', spellCheck: false, autoCapitalize: 'none', error } as const
  const text = (value: number | null | undefined) => (value == null ? '' : String(value))
  return (
    <Dialog
      isDrawer
      title={source === null ? t('sources.new') : t('sources.edit', { name: source.name })}
      onClose={onClose}
    >
      <Form
        label={t('sources.new')}
        submit={t('action.save')}
        error={error}
        isBusy={save.isPending}
        onSubmit={save.mutate}
      >
        <Field
          name="name"
          label={t('source.name')}
          hint={t('source.nameHint')}
          maxLength={40}
          defaultValue={source?.name ?? ''}
          {...plain}
        />
        <Field
          {...{ name: 'baseUrl', type: 'url', label: t('source.baseUrl'), hint: t('source.baseUrlHint'), ...plain }}
          defaultValue={source?.baseUrl ?? ''}
        />
        <Field
          {...{ ...plain, name: 'apiKey', type: 'password', label: t('source.apiKey'), required: false }}
          autoComplete="new-password"
          hint={t(source?.hasApiKey ? 'source.keyKept' : 'source.keyOptional')}
        />
        {source?.hasApiKey && (
          <label className="check">
            <input type="checkbox" name="clear.apiKey" />
            {t('source.keyClear')}
          </label>
        )}
        <Checks {...{ name: 'use', label: t('source.use'), error, options: uses }} chosen={source?.use ?? []} />
        <Checks
          {...{ name: 'supports', label: t('source.supports'), error, options: protocols }}
          chosen={
            source === null ? ['responses'] : protocols.flatMap(({ value }) => (source.supports[value] ? [value] : []))
          }
        />
        <SourceModels source={source} error={error} />
        <fieldset className="choices">
          <legend>{t('source.budget')}</legend>
          <p className="small">{t('source.budgetHint')}</p>
          <div className="source-prices">
            <Field
              {...{ ...amount, ...plain, name: 'budget.usdPerDay', label: t('source.perDay') }}
              defaultValue={text(source?.budget.usdPerDay)}
            />
            <Field
              {...{ ...amount, ...plain, name: 'budget.usdPerMonth', label: t('source.perMonth') }}
              defaultValue={text(source?.budget.usdPerMonth)}
            />
          </div>
        </fieldset>
        <Field
          {...{ ...plain, name: 'timeoutSeconds', type: 'number', min: 1, max: 600, label: t('source.timeout') }}
          defaultValue={String(source?.timeoutSeconds ?? 60)}
        />
        <Field
          {...{ ...plain, name: 'maxConcurrency', type: 'number', min: 1, max: 1_000, label: t('source.most') }}
          {...{ hint: t('source.mostHint'), required: false }}
          defaultValue={text(source?.maxConcurrency)}
        />
        <Switch label={t('source.active')} what={t('source.activeWhat')} isOn={isActive} onChange={setActive} />
        <Switch
          label={t('source.allowPrivate')}
          what={t('source.allowPrivateWhat')}
          isOn={allowPrivateAddress}
          onChange={setAllowPrivate}
        />
      </Form>
    </Dialog>
  )
}

const amount = { type: 'number', min: 0, step: 'any', inputMode: 'decimal', required: false } as const

type Option<T extends string> = { value: T; label: Key; what?: Key }

const uses: Option<'last_resort' | 'missing_models'>[] = [
  { value: 'last_resort', label: 'source.useLast', what: 'source.useLastWhat' },
  { value: 'missing_models', label: 'source.useMissing', what: 'source.useMissingWhat' },
]
const protocols: Option<'responses' | 'chat' | 'embeddings'>[] = [
  { value: 'responses', label: 'source.responses' },
  { value: 'chat', label: 'source.chat' },
  { value: 'embeddings', label: 'source.embeddings' },
]

type ChecksProps<T extends string> = {
  name: string
  label: string
  options: readonly Option<T>[]
  chosen: readonly T[]
  error: FormProblem | null
}

/** Several of a few. The form has each under the name of the group, a dot and its own. */
function Checks<T extends string>({ name, label, options, chosen, error }: ChecksProps<T>) {
  const id = useId()
  return (
    <fieldset className="choices" aria-describedby={`${id}-fault`}>
      <legend>{label}</legend>
      {options.map(({ value, label: key, what }) => (
        <label key={value}>
          <input type="checkbox" name={`${name}.${value}`} defaultChecked={chosen.includes(value)} />
          <span>
            {t(key)}
            {what !== undefined && <span className="small">{t(what)}</span>}
          </span>
        </label>
      ))}
      <Fault id={`${id}-fault`} label={label} fault={faultOf(error, name)} />
    </fieldset>
  )
}

const modelName = /^models\.(\d+)\.model$/

/** What the server is sent: a key that is set and not typed stays as it is, an empty figure is none. */
function bodyOf(values: Record<string, string>, isChange: boolean) {
  const word = (name: string) => values[name]?.trim() ?? ''
  const number = (name: string) => (word(name) === '' ? null : Number(word(name)))
  const has = (name: string) => values[name] !== undefined
  const key = word('apiKey')
  const apiKey = has('clear.apiKey')
    ? { apiKey: null }
    : key === ''
      ? isChange
        ? {}
        : { apiKey: null }
      : { apiKey: key }
  const rows = Object.keys(values).flatMap((name) => modelName.exec(name)?.[1] ?? [])
  return {
    ...{ name: word('name'), baseUrl: word('baseUrl'), ...apiKey },
    use: uses.flatMap(({ value }) => (has(`use.${value}`) ? [value] : [])),
    supports: Object.fromEntries(protocols.map(({ value }) => [value, has(`supports.${value}`)])),
    models: rows.map((row) => {
      const at = (cell: string) => `models.${row}.${cell}`
      return {
        model: word(at('model')),
        upstreamModel: word(at('upstreamModel')) || null,
        // What is left empty here is asked for by the server, which names the field.
        inputUsdPerMillion: number(at('inputUsdPerMillion')) as number,
        cachedUsdPerMillion: number(at('cachedUsdPerMillion')),
        outputUsdPerMillion: number(at('outputUsdPerMillion')) as number,
        contextWindow: number(at('contextWindow')),
      }
    }),
    budget: { usdPerDay: number('budget.usdPerDay'), usdPerMonth: number('budget.usdPerMonth') },
    timeoutSeconds: number('timeoutSeconds') as number,
    maxConcurrency: number('maxConcurrency'),
  }
}

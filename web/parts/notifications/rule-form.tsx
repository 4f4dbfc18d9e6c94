import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { ChannelView } from '../../../src/contract/notification-channels.ts'
import type { RuleView } from '../../../src/contract/notification-rules.ts'
import { api } from '../../api.ts'
import type { BodyOf } from '../../call.ts'
import { type Key, t } from '../../messages/index.ts'
import { Select, Switch } from '../../ui/controls.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Fault, Field, Form, type FormProblem, faultOf } from '../../ui/field.tsx'
import { toast } from '../../ui/toast.tsx'
import { beginnings, type Condition, type RuleKind } from './rule-words.ts'

type Props = {
  /** The rule to change; null: a new one, which begins with `condition`. */
  rule: RuleView | null
  condition: Condition
  channels: readonly ChannelView[]
  onClose: () => void
}

const kinds = Object.keys(beginnings) as RuleKind[]
const windows = ['short', 'weekly', 'monthly'] as const

/** The numbers that a kind of rule has. */
const numbers: Record<RuleKind, readonly { name: string; label: Key; max: number }[]> = {
  pool_below: [{ name: 'percent', label: 'rule.percentLeft', max: 99 }],
  key_limit: [{ name: 'percent', label: 'rule.percentUsed', max: 99 }],
  error_rate: [
    { name: 'percent', label: 'rule.percentFailed', max: 99 },
    { name: 'minutes', label: 'rule.minutes', max: 60 },
    { name: 'leastRequests', label: 'rule.leastRequests', max: 100_000 },
  ],
  ...{ pool_out: [], account_reauth: [], account_closed: [], egress_down: [], new_version: [] },
}

export function RuleForm({ rule, condition, channels, onClose }: Props) {
  const client = useQueryClient()
  const [{ kind, parameters }, setCondition] = useState<Condition>(condition)
  const [window, setWindow] = useState('window' in parameters ? parameters.window : 'weekly')
  const [isNear, setNear] = useState('allowPrivateAddress' in parameters && parameters.allowPrivateAddress)
  const [chosen, setChosen] = useState<readonly string[]>(rule?.channelIds ?? channels.map(({ id }) => id))
  const [isActive, setActive] = useState(rule?.isActive ?? true)
  const [tellEnd, setTellEnd] = useState(rule?.tellEnd ?? true)
  const [hasQuiet, setHasQuiet] = useState(rule !== null && rule.quietHours !== null)
  const save = useMutation({
    mutationFn: (values: Record<string, string>) => {
      const { from = '', to = '', timeZone = '' } = values
      const figures = numbers[kind].map(({ name }) => [name, Number(values[`parameters.${name}`])])
      const body = {
        parameters: {
          ...Object.fromEntries(figures),
          ...(kind === 'pool_below' ? { window } : {}),
          ...(kind === 'new_version' ? { url: values['parameters.url'], allowPrivateAddress: isNear } : {}),
        },
        name: values.name?.trim() || null,
        channelIds: [...chosen],
        ...{ isActive, tellEnd, minGapMinutes: Number(values.minGapMinutes) },
        quietHours: hasQuiet ? { from, to, timeZone } : null,
      }
      // Which parameters a kind has is in the table of numbers; the server names those that do not fit.
      return rule === null
        ? api.addRule({ kind, ...body } as BodyOf<'POST /api/notification-rules'>)
        : api.changeRule(rule.id, body)
    },
    onSuccess() {
      toast(t('rules.saved'))
      onClose()
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['rules'] }),
  })
  const error = save.error as FormProblem | null
  const title = t(rule === null ? 'rules.new' : 'rules.edit')
  const quiet = rule?.quietHours ?? { from: '22:00', to: '07:00', timeZone: ownZone() }
  return (
    <Dialog isDrawer title={title} onClose={onClose}>
      <Form
        label={title}
        submit={t('action.save')}
        error={quietFaults(error)}
        isBusy={save.isPending}
        onSubmit={save.mutate}
      >
        {rule === null && (
          <Select
            label={t('rule.kind')}
            value={kind}
            options={kinds.map((value) => ({ value, label: t(`ruleKind.${value}`) }))}
            onChange={(value) => setCondition(beginnings[value as RuleKind])}
          />
        )}
        {kind === 'pool_below' && (
          <Select
            label={t('rule.window')}
            value={window}
            options={windows.map((value) => ({ value, label: t(`ruleWindow.${value}`) }))}
            onChange={(value) => setWindow(value as typeof window)}
          />
        )}
        {numbers[kind].map(({ name, label, max }) => (
          <Field
            key={`${kind}.${name}`}
            name={`parameters.${name}`}
            label={t(label)}
            type="number"
            {...{ min: 1, max, error }}
            defaultValue={String((parameters as Record<string, unknown>)[name] ?? '')}
          />
        ))}
        {kind === 'new_version' && (
          <>
            <Field
              name="parameters.url"
              label={t('rule.url')}
              hint={t('rule.urlHint')}
              type="url"
              defaultValue={'url' in parameters ? parameters.url : ''}
              error={error}
            />
            <Switch label={t('rule.urlPrivate')} what={t('rule.urlPrivateWhat')} isOn={isNear} onChange={setNear} />
          </>
        )}
        <ChannelChoice channels={channels} chosen={chosen} error={error} onChange={setChosen} />
        <Field
          name="minGapMinutes"
          label={t('rule.minGap')}
          type="number"
          {...{ min: 1, max: 10_080, error }}
          defaultValue={String(rule?.minGapMinutes ?? 60)}
        />
        <Switch label={t('rule.tellEnd')} what={t('rule.tellEndWhat')} isOn={tellEnd} onChange={setTellEnd} />
        <Switch label={t('rule.hasQuiet')} what={t('rule.hasQuietWhat')} isOn={hasQuiet} onChange={setHasQuiet} />
        {hasQuiet && (
          <>
            <div className="row quiet-hours">
              <Field
                name="from"
                label={t('rule.from')}
                type="time"
                defaultValue={quiet.from}
                error={quietFaults(error)}
              />
              <Field name="to" label={t('rule.until')} type="time" defaultValue={quiet.to} error={quietFaults(error)} />
            </div>
            <Field name="timeZone" label={t('rule.zone')} defaultValue={quiet.timeZone} error={quietFaults(error)} />
          </>
        )}
        <Switch label={t('rule.active')} what={t('rule.activeWhat')} isOn={isActive} onChange={setActive} />
        <Field
          name="name"
          label={t('channel.name')}
          hint={t('channel.optional')}
          maxLength={80}
          required={false}
          defaultValue={rule?.name ?? ''}
          error={error}
        />
      </Form>
    </Dialog>
  )
}

type ChannelChoiceProps = {
  channels: readonly ChannelView[]
  chosen: readonly string[]
  error: FormProblem | null
  onChange: (chosen: string[]) => void
}

function ChannelChoice({ channels, chosen, error, onChange }: ChannelChoiceProps) {
  const faultId = useId()
  return (
    <fieldset className="choices" aria-describedby={faultId}>
      <legend>{t('rule.channels')}</legend>
      {channels.map(({ id, name }) => (
        <label key={id}>
          <input
            type="checkbox"
            checked={chosen.includes(id)}
            onChange={({ target }) =>
              onChange(target.checked ? [...chosen, id] : chosen.filter((other) => other !== id))
            }
          />
          {name}
        </label>
      ))}
      <Fault id={faultId} label={t('rule.channels')} fault={faultOf(error, 'channelIds')} />
    </fieldset>
  )
}

/** The inputs of the quiet hours are called by their last names, and a fault of the whole stands at the second. */
function quietFaults(error: FormProblem | null): FormProblem | null {
  if (error?.faults === undefined) return error
  const faults = error.faults.map(({ path, message }) => ({
    path: path === 'quietHours' ? 'to' : path.replace(/^quietHours\./, ''),
    message,
  }))
  return Object.assign(new Error(error.message), { faults })
}

function ownZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone
}

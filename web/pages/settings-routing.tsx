import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useId } from 'react'
import type { SettingsView } from '../../src/contract/settings.ts'
import { api } from '../api.ts'
import { t } from '../messages/index.ts'
import { queries } from '../queries.ts'
import { Field, Form } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { Loaded } from '../ui/states.tsx'
import { toast } from '../ui/toast.tsx'

const strategies: readonly SettingsView['strategy'][] = ['capacity_weighted', 'round_robin', 'fill_first', 'least_used']

/** How an account is chosen, and how long a thread stays with its own. */
export function RoutingSettings() {
  const settings = useQuery(queries.settings())
  return (
    <Section title={t('settings.routing')}>
      <Loaded query={settings} what={t('what.settings')}>
        {(data) => <RoutingForm key={JSON.stringify(data)} settings={data} />}
      </Loaded>
    </Section>
  )
}

function RoutingForm({ settings }: { settings: SettingsView }) {
  const client = useQueryClient()
  const save = useMutation({
    mutationFn: api.changeSettings,
    onSuccess(saved) {
      client.setQueryData(queries.settings().queryKey, saved)
      toast(t('settings.saved'))
    },
  })
  const id = useId()
  return (
    <Form
      label={t('settings.routing')}
      submit={t('action.save')}
      error={save.error}
      isBusy={save.isPending}
      onSubmit={({ strategy, affinityMinutes }) =>
        save.mutate({
          strategy: strategies.find((one) => one === strategy) ?? settings.strategy,
          affinityMinutes: Number(affinityMinutes),
        })
      }
    >
      <fieldset className="choices" aria-labelledby={id}>
        <legend id={id}>{t('settings.strategy')}</legend>
        {strategies.map((value) => (
          <label key={value}>
            <input type="radio" name="strategy" value={value} defaultChecked={value === settings.strategy} />
            <span>
              {t(`strategy.${value}`)}
              <span className="small">{t(`strategy.${value}.what`)}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <Field
        name="affinityMinutes"
        label={t('settings.affinity')}
        hint={t('settings.affinityHint')}
        type="number"
        min={0}
        max={1440}
        step={1}
        defaultValue={settings.affinityMinutes}
        error={save.error}
      />
    </Form>
  )
}

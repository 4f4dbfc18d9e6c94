import { useQuery } from '@tanstack/react-query'
import type { SettingsGroupView, SettingsView } from '../../../src/contract/settings.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Segments } from '../../ui/controls.tsx'
import type { FormProblem } from '../../ui/field.tsx'
import { Section } from '../../ui/page.tsx'
import { TagsField } from '../../ui/tags-field.tsx'
import { NumberSetting } from '../settings/number-setting.tsx'
import { Setting } from '../settings/setting.tsx'
import { type SettingsDraft, SettingsForm, useSettingsEdit } from '../settings/settings-form.tsx'
import { PlanCapacities } from './plan-capacities.tsx'
import { hasTiers } from './strategies.ts'
import { StrategyChoice } from './strategy-choice.tsx'
import { WhatIf } from './what-if.tsx'

const earlier: readonly SettingsView['preferEarlierReset'][] = ['off', 'short', 'long']

/** All settings of routing in one form: only what was changed is sent. */
export function RoutingForm({ group }: { group: SettingsGroupView }) {
  const edit = useSettingsEdit(group)
  const { draft, error } = edit
  return (
    <div className="sections">
      <SettingsForm label={t('settings.routing')} edit={edit}>
        <Section title={t('settings.strategyTitle')}>
          <div className="panel">
            <Setting
              name="strategy"
              draft={draft}
              words={(value) => t(`strategy.${value as SettingsView['strategy']}`)}
            >
              <StrategyChoice draft={draft} error={error} />
            </Setting>
          </div>
        </Section>
        <Across draft={draft} error={error} />
        <Section title={t('settings.threads')}>
          <div className="panel fields">
            <NumberSetting name="affinityMinutes" max={1_440} draft={draft} error={error} />
          </div>
        </Section>
        <Capacities
          key={`${edit.discards} ${JSON.stringify(group.values.planCapacities)}`}
          draft={draft}
          error={error}
        />
      </SettingsForm>
      <WhatIf changes={draft.changes} />
    </div>
  )
}

type PartProps = { draft: SettingsDraft; error: FormProblem | null }

function Across({ draft, error }: PartProps) {
  const accounts = useQuery(queries.accounts())
  const known = [...new Set((accounts.data?.accounts ?? []).flatMap(({ tags }) => tags))].toSorted()
  return (
    <Section title={t('settings.across')}>
      <div className="panel stack">
        {!hasTiers(draft.values.strategy) && <p className="notice">{t('settings.acrossLess')}</p>}
        <Setting
          name="preferEarlierReset"
          draft={draft}
          words={(value) => t(`settings.earlier.${value as SettingsView['preferEarlierReset']}`)}
        >
          <span className="label">{t('settings.earlier')}</span>
          <div>
            <Segments
              label={t('settings.earlier')}
              value={draft.values.preferEarlierReset}
              options={earlier.map((value) => ({ value, label: t(`settings.earlier.${value}`) }))}
              onChange={(value) => draft.set('preferEarlierReset', value)}
            />
          </div>
        </Setting>
        <div className="fields">
          <NumberSetting name="edgeShortPercent" min={1} max={100} draft={draft} error={error} />
          <NumberSetting name="edgeLongPercent" min={1} max={100} draft={draft} error={error} />
          <NumberSetting name="slowStartMinutes" max={120} draft={draft} error={error} />
          <Setting name="onlyTags" draft={draft}>
            <TagsField
              name="onlyTags"
              label={t('settings.onlyTags')}
              hint={t('settings.onlyTagsHint')}
              tags={draft.values.onlyTags}
              known={known}
              error={error}
              onChange={(tags) => draft.set('onlyTags', tags)}
            />
          </Setting>
        </div>
      </div>
    </Section>
  )
}

function Capacities({ draft, error }: PartProps) {
  const accounts = useQuery(queries.accounts())
  const plans = [...new Set((accounts.data?.accounts ?? []).map(({ planType }) => planType))].toSorted()
  return (
    <Section title={t('settings.capacities')}>
      <div className="panel stack">
        <p className="quiet">{t('settings.capacitiesWhat')}</p>
        <Setting name="planCapacities" draft={draft}>
          <PlanCapacities
            saved={draft.values.planCapacities}
            plans={plans}
            error={error}
            onChange={(capacities) => draft.set('planCapacities', capacities)}
          />
        </Setting>
      </div>
    </Section>
  )
}

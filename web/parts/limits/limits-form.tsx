import type { SettingsGroupView, SettingsView } from '../../../src/contract/settings.ts'
import { t } from '../../messages/index.ts'
import { Choices } from '../../ui/controls.tsx'
import { Field } from '../../ui/field.tsx'
import { Section } from '../../ui/page.tsx'
import { NumberSetting } from '../settings/number-setting.tsx'
import { Setting } from '../settings/setting.tsx'
import { SettingsForm, useSettingsEdit } from '../settings/settings-form.tsx'

const rules: readonly SettingsView['resetCreditRule'][] = ['never', 'pool_out', 'expiring']

/** How much goes on at once, how long requests wait, and what may be spent without a person. */
export function LimitsForm({ group }: { group: SettingsGroupView }) {
  const edit = useSettingsEdit(group)
  const { draft, error } = edit
  return (
    <SettingsForm label={t('settings.limits')} edit={edit}>
      <Section title={t('settings.admission')}>
        <div className="panel fields">
          <NumberSetting name="maxStreams" min={1} draft={draft} error={error} />
          <NumberSetting name="maxTurnStarts" min={1} draft={draft} error={error} />
          <NumberSetting name="waitSeconds" max={300} draft={draft} error={error} />
          <NumberSetting name="maxWaiting" draft={draft} error={error} />
        </div>
      </Section>
      <Section title={t('settings.resetCredits')}>
        <div className="panel">
          <Setting
            name="resetCreditRule"
            draft={draft}
            words={(rule) => t(`resetRule.${rule as (typeof rules)[number]}`)}
          >
            <Choices
              label={t('settings.resetRule')}
              value={draft.values.resetCreditRule}
              options={rules.map((value) => ({
                value,
                label: t(`resetRule.${value}`),
                what: t(`resetRule.${value}.what`),
              }))}
              onChange={(rule) => draft.set('resetCreditRule', rule)}
            />
          </Setting>
        </div>
      </Section>
      <Section title={t('settings.prices')}>
        <div className="panel">
          <Setting name="priceListUrl" draft={draft}>
            <Field
              type="url"
              name="priceListUrl"
              label={t('settings.priceList')}
              hint={t('settings.priceListHint')}
              required={false}
              value={draft.values.priceListUrl ?? ''}
              error={error}
              onChange={({ target }) => draft.set('priceListUrl', target.value === '' ? null : target.value)}
            />
          </Setting>
        </div>
      </Section>
    </SettingsForm>
  )
}

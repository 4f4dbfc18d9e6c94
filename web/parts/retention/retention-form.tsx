import type { SettingsGroupView, SettingsView } from '../../../src/contract/settings.ts'
import { t } from '../../messages/index.ts'
import { Choices } from '../../ui/controls.tsx'
import { Section } from '../../ui/page.tsx'
import { NumberSetting } from '../settings/number-setting.tsx'
import { Setting } from '../settings/setting.tsx'
import { SettingsForm, useSettingsEdit } from '../settings/settings-form.tsx'

const keeping: readonly SettingsView['keepResponses'][] = ['never', 'asked', 'always']

const logs = ['requestLogDays', 'requestDetailDays', 'usageHistoryDays', 'auditDays'] as const

/** What is kept, and for how long. */
export function RetentionForm({ group }: { group: SettingsGroupView }) {
  const edit = useSettingsEdit(group)
  const { draft, error } = edit
  return (
    <SettingsForm label={t('settings.data')} edit={edit}>
      <Section title={t('retention.logs')}>
        <div className="panel stack">
          <p className="quiet">{t('retention.logsWhat')}</p>
          <div className="fields">
            {logs.map((name) => (
              <NumberSetting key={name} name={name} max={3_650} draft={draft} error={error} />
            ))}
          </div>
        </div>
      </Section>
      <Section title={t('clients.kept')}>
        <div className="panel stack">
          <p className="quiet">{t('settings.keepWhat')}</p>
          <Setting
            name="keepResponses"
            draft={draft}
            words={(value) => t(`keepResponses.${value as (typeof keeping)[number]}`)}
          >
            <Choices
              label={t('settings.keepResponses')}
              value={draft.values.keepResponses}
              options={keeping.map((value) => ({
                value,
                label: t(`keepResponses.${value}`),
                what: t(`keepResponses.${value}.what`),
              }))}
              onChange={(value) => draft.set('keepResponses', value)}
            />
          </Setting>
          <div className="fields">
            <NumberSetting name="keepResponseDays" min={1} max={365} draft={draft} error={error} />
          </div>
        </div>
      </Section>
    </SettingsForm>
  )
}

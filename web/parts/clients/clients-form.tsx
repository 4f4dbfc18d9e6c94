import type { SettingsView } from '../../../src/contract/settings.ts'
import { t } from '../../messages/index.ts'
import { Choices, Switch } from '../../ui/controls.tsx'
import { Section } from '../../ui/page.tsx'
import { NumberSetting } from '../settings/number-setting.tsx'
import { SettingsForm, useSettingsEdit } from '../settings/settings-form.tsx'
import { ClaudeModels } from './claude-models.tsx'

const keeping: readonly SettingsView['keepResponses'][] = ['never', 'asked', 'always']

/** All settings about clients in one form. */
export function ClientsForm({ settings }: { settings: SettingsView }) {
  const edit = useSettingsEdit(settings)
  const { draft, error, discards } = edit
  return (
    <SettingsForm label={t('settings.clients')} edit={edit}>
      <Section title={t('clients.connections')}>
        <div className="panel">
          <Switch
            label={t('settings.webSockets')}
            what={t('settings.webSocketsWhat')}
            isOn={draft.values.webSockets}
            onChange={(isOn) => draft.set('webSockets', isOn)}
          />
        </div>
      </Section>
      <Section title={t('clients.claude')}>
        <div className="panel">
          <ClaudeModels
            key={`${discards} ${JSON.stringify(settings.claudeModels)}`}
            saved={settings.claudeModels}
            edited={draft.values.claudeModels}
            error={error}
            onChange={(models) => draft.set('claudeModels', models)}
          />
        </div>
      </Section>
      <Section title={t('clients.kept')}>
        <div className="panel stack">
          <p className="quiet">{t('settings.keepWhat')}</p>
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
          <div className="fields">
            <NumberSetting name="keepResponseDays" min={1} max={365} draft={draft} error={error} />
          </div>
        </div>
      </Section>
    </SettingsForm>
  )
}

import type { SettingsGroupView, SettingsView } from '../../../src/contract/settings.ts'
import { t } from '../../messages/index.ts'
import { Switch } from '../../ui/controls.tsx'
import { Section } from '../../ui/page.tsx'
import { Setting } from '../settings/setting.tsx'
import { SettingsForm, useSettingsEdit } from '../settings/settings-form.tsx'
import { ClaudeModels } from './claude-models.tsx'

/** All settings about clients in one form. */
export function ClientsForm({ group }: { group: SettingsGroupView }) {
  const edit = useSettingsEdit(group)
  const { draft, error, discards } = edit
  return (
    <SettingsForm label={t('settings.clients')} edit={edit}>
      <Section title={t('clients.connections')}>
        <div className="panel">
          <Setting name="webSockets" draft={draft}>
            <Switch
              label={t('settings.webSockets')}
              what={t('settings.webSocketsWhat')}
              isOn={draft.values.webSockets}
              onChange={(isOn) => draft.set('webSockets', isOn)}
            />
          </Setting>
        </div>
      </Section>
      <Section title={t('clients.claude')}>
        <div className="panel">
          <Setting name="claudeModels" draft={draft}>
            <ClaudeModels
              key={`${discards} ${JSON.stringify(group.values.claudeModels)}`}
              saved={group.values.claudeModels as SettingsView['claudeModels']}
              edited={draft.values.claudeModels}
              error={error}
              onChange={(models) => draft.set('claudeModels', models)}
            />
          </Setting>
        </div>
      </Section>
    </SettingsForm>
  )
}

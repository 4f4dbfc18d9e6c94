import type { SettingsGroupView } from '../../../src/contract/settings.ts'
import { t } from '../../messages/index.ts'
import { Select } from '../../ui/controls.tsx'
import { faultOf } from '../../ui/field.tsx'
import { Section } from '../../ui/page.tsx'
import { Setting } from '../settings/setting.tsx'
import { SettingsForm, useSettingsEdit } from '../settings/settings-form.tsx'
import { useWays, wayOf, wayOptions, wayText, wayValue } from './ways.ts'

/** The way of accounts that have none of their own. */
export function DefaultWay({ group }: { group: SettingsGroupView }) {
  const edit = useSettingsEdit(group)
  const { draft, error } = edit
  const known = useWays()
  const chosen = draft.values.defaultEgress
  return (
    <SettingsForm label={t('way.title')} edit={edit}>
      <Section title={t('way.title')}>
        <div className="panel stack">
          <Setting name="defaultEgress" draft={draft} words={() => wayText(null, known)}>
            <Select
              label={t('way.label')}
              value={wayValue(chosen)}
              options={wayOptions(known, chosen)}
              fault={faultOf(error, 'defaultEgress')}
              onChange={(value) => {
                const way = wayOf(value)
                draft.set('defaultEgress', 'id' in way ? way : null)
              }}
            />
          </Setting>
          <p className="small">{t('way.hint')}</p>
          <p className="small">{t('way.closed')}</p>
        </div>
      </Section>
    </SettingsForm>
  )
}

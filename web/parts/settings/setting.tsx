import type { ReactNode } from 'react'
import type { SettingsView } from '../../../src/contract/settings.ts'
import { t } from '../../messages/index.ts'
import { settingName, settingValue } from './setting-names.ts'
import type { SettingsDraft } from './settings-form.tsx'

type Props = {
  name: keyof SettingsView
  draft: SettingsDraft
  /** The value in words, where the plain one says little. */
  words?: (value: unknown) => string
  children: ReactNode
}

/** A setting: its control, and below it the default where it is another one. */
export function Setting({ name, draft, words = settingValue, children }: Props) {
  const initial = draft.defaults[name]
  const isDefault = initial === undefined || JSON.stringify(initial) === JSON.stringify(draft.values[name])
  return (
    <div className="setting" id={name}>
      {children}
      {!isDefault && (
        <p className="small from-default">
          {t('settings.default', { value: words(initial) })}{' '}
          <button type="button" className="plain" onClick={() => draft.reset(name)}>
            {t('settings.reset')}
            <span className="hidden">{t('settings.resetOf', { name: settingName(name) })}</span>
          </button>
        </p>
      )}
    </div>
  )
}

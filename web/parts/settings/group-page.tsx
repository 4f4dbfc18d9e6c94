import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { SettingsGroupView } from '../../../src/contract/settings.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Loaded } from '../../ui/states.tsx'

type Props = { group: SettingsGroupView['group']; children: (group: SettingsGroupView) => ReactNode }

/** A group of settings as soon as it is there. */
export function GroupPage({ group, children }: Props) {
  const settings = useQuery(queries.settingsGroup(group))
  return (
    <Loaded query={settings} what={t('what.settings')}>
      {children}
    </Loaded>
  )
}

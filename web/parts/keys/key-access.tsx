import { useQuery } from '@tanstack/react-query'
import { api } from '../../api.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Switch } from '../../ui/controls.tsx'
import { useSavedAtOnce } from '../../ui/saved-at-once.ts'
import { Loaded, Problem } from '../../ui/states.tsx'

/** Whether this machine's own clients need a key as well. */
export function KeyAccess({ hasActive }: { hasActive: boolean }) {
  const settings = useQuery(queries.settings())
  const required = useSavedAtOnce(
    settings.data?.requireApiKeys ?? false,
    (requireApiKeys) => api.changeSettings({ requireApiKeys }),
    ['settings'],
  )
  return (
    <Loaded query={settings} what={t('what.settings')}>
      {() => (
        <div className="panel stack">
          <Switch
            label={t('keys.require')}
            what={t('keys.requireWhat')}
            isOn={required.value}
            onChange={required.change}
          />
          {!hasActive && !required.value && <p className="notice">{t('keys.requireNone')}</p>}
          <Problem error={required.error} />
        </div>
      )}
    </Loaded>
  )
}

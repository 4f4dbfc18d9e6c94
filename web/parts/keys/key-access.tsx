import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api } from '../../api.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Switch } from '../../ui/controls.tsx'
import { Loaded, Problem } from '../../ui/states.tsx'

/** Whether this machine's own clients need a key as well. */
export function KeyAccess({ hasActive }: { hasActive: boolean }) {
  const client = useQueryClient()
  const settings = useQuery(queries.settings())
  const change = useMutation({
    mutationFn: (requireApiKeys: boolean) => api.changeSettings({ requireApiKeys }),
    onSettled: () => client.invalidateQueries({ queryKey: ['settings'] }),
  })
  return (
    <Loaded query={settings} what={t('what.settings')}>
      {({ requireApiKeys }) => (
        <div className="panel stack">
          <Switch
            label={t('keys.require')}
            what={t('keys.requireWhat')}
            isOn={change.isPending ? change.variables : requireApiKeys}
            onChange={(isOn) => change.mutate(isOn)}
          />
          {!hasActive && !requireApiKeys && <p className="notice">{t('keys.requireNone')}</p>}
          <Problem error={change.error} />
        </div>
      )}
    </Loaded>
  )
}

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api } from '../api.ts'
import { age } from '../format.ts'
import { t } from '../messages/index.ts'
import { useNow } from '../now.ts'
import { queries } from '../queries.ts'
import { Loaded, Problem } from '../ui/states.tsx'
import { Moment } from '../ui/status.tsx'
import { Table } from '../ui/table.tsx'
import { toast } from '../ui/toast.tsx'

/** Browsers that are signed in, and how to end them. */
export function Sessions() {
  const nowMs = useNow(10_000)
  const client = useQueryClient()
  const sessions = useQuery(queries.sessions())
  const others = useMutation({
    mutationFn: api.logOutOthers,
    onSuccess({ ended }) {
      toast(t('sessions.ended', { count: ended }))
      return client.invalidateQueries({ queryKey: ['sessions'] })
    },
  })
  const one = useMutation({
    mutationFn: api.endSession,
    onSuccess: () => toast(t('sessions.endedOne')),
    onSettled: () => client.invalidateQueries({ queryKey: ['sessions'] }),
  })
  const leave = useMutation({
    mutationFn: api.logOut,
    onSettled: () => client.invalidateQueries({ queryKey: ['session'] }),
  })
  return (
    <Loaded query={sessions} what={t('what.sessions')}>
      {({ items }) => (
        <div className="stack">
          <Table
            label={t('sessions.table')}
            rows={items}
            keyOf={({ id }) => id}
            columns={[
              {
                name: t('sessions.browser'),
                clip: ({ userAgent }) => userAgent ?? '',
                cell: ({ userAgent, current }) => (
                  <>
                    {current && <strong>{t('sessions.this')} </strong>}
                    {userAgent ?? t('sessions.unknown')}
                  </>
                ),
              },
              {
                name: t('sessions.role'),
                cell: ({ role, pending }) => (pending ? t('sessions.pending') : t(`role.${role}`)),
              },
              { name: t('sessions.method'), isExtra: true, cell: ({ method }) => t(`method.${method}`) },
              { name: t('sessions.address'), isExtra: true, cell: ({ address }) => address ?? '–' },
              {
                name: t('sessions.seen'),
                cell: ({ lastSeenAt }) => <Moment at={lastSeenAt}>{age(lastSeenAt, nowMs)}</Moment>,
              },
              {
                name: t('column.action'),
                isNameHidden: true,
                isNumber: true,
                cell: ({ id, current, userAgent }) =>
                  !current && (
                    <button
                      type="button"
                      className="plain"
                      aria-label={t('sessions.endName', { name: userAgent ?? t('sessions.unknown') })}
                      disabled={one.isPending}
                      onClick={() => one.mutate(id)}
                    >
                      {t('sessions.end')}
                    </button>
                  ),
              },
            ]}
          />
          <Problem error={others.error ?? one.error ?? leave.error} />
          <div className="row">
            <button type="button" disabled={others.isPending || items.length < 2} onClick={() => others.mutate()}>
              {t('sessions.endOthers')}
            </button>
            <button type="button" disabled={leave.isPending} onClick={() => leave.mutate()}>
              {t('sessions.signOut')}
            </button>
          </div>
        </div>
      )}
    </Loaded>
  )
}

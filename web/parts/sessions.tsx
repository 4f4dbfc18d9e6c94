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
              { name: t('sessions.address'), isExtra: true, cell: ({ address }) => address ?? '–' },
              {
                name: t('sessions.seen'),
                cell: ({ lastSeenAt }) => <Moment at={lastSeenAt}>{age(lastSeenAt, nowMs)}</Moment>,
              },
            ]}
          />
          <Problem error={others.error ?? leave.error} />
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

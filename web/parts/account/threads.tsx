import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { AccountView } from '../../../src/contract/accounts.ts'
import type { AffinityView } from '../../../src/contract/affinities.ts'
import { api } from '../../api.ts'
import { age, compact, when } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Select } from '../../ui/controls.tsx'
import { Confirm } from '../../ui/dialog.tsx'
import { Empty, Loaded, Problem } from '../../ui/states.tsx'
import { Moment } from '../../ui/status.tsx'
import { Table } from '../../ui/table.tsx'
import { toast } from '../../ui/toast.tsx'
import { needsPerson } from '../standing.ts'

type Props = { account: AccountView; nowMs: number }
type Deed = { act: () => Promise<string> }

/** Which threads go to this account as long as that is wise; they can be given to another one, or set free. */
export function Threads({ account, nowMs }: Props) {
  const { accountId } = account
  const client = useQueryClient()
  const threads = useInfiniteQuery(queries.affinities(accountId))
  const [isAsking, setAsking] = useState(false)
  const deed = useMutation({
    mutationFn: ({ act }: Deed) => act(),
    onSuccess: toast,
    onSettled: () => {
      setAsking(false)
      return client.invalidateQueries({ queryKey: ['affinities'] })
    },
  })
  const forget = (which: Parameters<typeof api.forgetAffinities>[0]) =>
    deed.mutate({
      act: async () => t('threads.forgotten', { count: (await api.forgetAffinities(which)).purged }),
    })
  return (
    <Loaded query={threads} what={t('what.threads')}>
      {({ pages }) => {
        const items = pages.flatMap((page) => page.items)
        if (items.length === 0) return <Empty>{t('threads.none')}</Empty>
        return (
          <div className="stack">
            <p>{t(threads.hasNextPage ? 'threads.many' : 'threads.count', { count: items.length })}</p>
            <div className="row ends">
              <MoveTo
                account={account}
                isBusy={deed.isPending}
                onMove={({ accountId: id, displayName: name }) =>
                  deed.mutate({
                    act: async () =>
                      t('threads.moved', { count: (await api.moveAffinities(accountId, id)).moved, name }),
                  })
                }
              />
              <button type="button" disabled={deed.isPending} onClick={() => setAsking(true)}>
                {t('threads.forget')}
              </button>
            </div>
            <Problem error={deed.error} />
            <ThreadTable
              items={items}
              nowMs={nowMs}
              isBusy={deed.isPending}
              onForget={(key) => forget({ keys: [key] })}
            />
            {threads.hasNextPage && (
              <div>
                <button type="button" disabled={threads.isFetchingNextPage} onClick={() => threads.fetchNextPage()}>
                  {t(threads.isFetchingNextPage ? 'state.working' : 'requests.more')}
                </button>
              </div>
            )}
            {isAsking && (
              <Confirm
                title={t('threads.forgetAsk')}
                action={t('threads.forget')}
                isBusy={deed.isPending}
                onConfirm={() => forget({ accountId, all: true })}
                onClose={() => setAsking(false)}
              >
                <p>{t('threads.forgetWhat')}</p>
              </Confirm>
            )}
          </div>
        )
      }}
    </Loaded>
  )
}

type MoveToProps = { account: AccountView; isBusy: boolean; onMove: (to: AccountView) => void }

/** Accounts that only a person can bring back cannot take threads. */
function MoveTo({ account, isBusy, onMove }: MoveToProps) {
  const accounts = useQuery(queries.accounts())
  const [chosen, setChosen] = useState('')
  const others = (accounts.data?.accounts ?? []).filter(
    (one) => one.accountId !== account.accountId && one.status !== 'paused' && !needsPerson(one),
  )
  const to = others.find(({ accountId }) => accountId === chosen) ?? others[0]
  if (to === undefined) return null
  return (
    <>
      <Select
        label={t('threads.moveTo')}
        value={to.accountId}
        options={others.map(({ accountId, displayName }) => ({ value: accountId, label: displayName }))}
        onChange={setChosen}
      />
      <button type="button" disabled={isBusy} onClick={() => onMove(to)}>
        {t('threads.move')}
      </button>
    </>
  )
}

type TableProps = {
  items: readonly AffinityView[]
  nowMs: number
  isBusy: boolean
  onForget: (key: string) => void
}

function ThreadTable({ items, nowMs, isBusy, onForget }: TableProps) {
  return (
    <Table
      label={t('threads.table')}
      rows={items}
      keyOf={({ key }) => key}
      columns={[
        { name: t('threads.kind'), cell: ({ kind }) => t(`kind.${kind}`) },
        { name: t('threads.key'), isExtra: true, cell: ({ key }) => <code title={key}>{shortKey(key)}</code> },
        { name: t('threads.warm'), isNumber: true, cell: ({ warmTokens }) => compact(warmTokens) },
        {
          name: t('threads.used'),
          cell: ({ usedAt }) => (usedAt === null ? '–' : <Moment at={usedAt}>{age(usedAt, nowMs)}</Moment>),
        },
        {
          name: t('threads.expires'),
          isExtra: true,
          cell: ({ expiresAt }) => <Moment at={expiresAt}>{when(expiresAt, nowMs)}</Moment>,
        },
        {
          name: t('column.action'),
          isNameHidden: true,
          isNumber: true,
          cell: ({ key }) => (
            <button
              type="button"
              className="plain"
              aria-label={t('threads.forgetOneName', { key: shortKey(key) })}
              disabled={isBusy}
              onClick={() => onForget(key)}
            >
              {t('threads.forgetOne')}
            </button>
          ),
        },
      ]}
    />
  )
}

function shortKey(key: string): string {
  return key.slice(0, 8)
}

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Outlet, useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useId, useMemo, useState } from 'react'
import type { RequestFilter } from '../api.ts'
import { t } from '../messages/index.ts'
import { RequestTable } from '../parts/request-table.tsx'
import { queries } from '../queries.ts'
import { useIsAdmin } from '../role.tsx'
import { Select } from '../ui/controls.tsx'
import { Page } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/states.tsx'

const pageSize = 50
const typingMs = 300
const spans: Record<string, number> = { '1h': 3_600_000, '1d': 86_400_000, '7d': 604_800_000 }

type Search = ReturnType<typeof useRequestSearch>['search']

/** What happened, and why there? */
export function RequestsPage() {
  const { search, change } = useRequestSearch()
  const filter = useFilter(search)
  const isFiltered = Object.keys(filter).length > 0
  const log = useInfiniteQuery(queries.requests(filter, pageSize))
  const { data: running = [] } = useQuery(queries.running())
  return (
    <Page
      name={t('page.requests')}
      title={t('requests.title')}
      lead={running.length === 0 ? t('requests.live') : t('requests.running', { count: running.length })}
    >
      <Filters search={search} onChange={change} />
      <Loaded query={log} what={t('what.requests')}>
        {({ pages }) => {
          const records = pages.flatMap(({ items }) => items)
          const onTop = running.filter((one) => isShown(one, search))
          return (
            <div className="stack">
              <RequestTable running={onTop} records={records} />
              {records.length + onTop.length === 0 && (
                <Empty>
                  <p>{t(isFiltered ? 'requests.noMatch' : 'requests.none')}</p>
                  {isFiltered && (
                    <button
                      type="button"
                      onClick={() => change({ status: '', account: '', model: '', since: '', q: '' })}
                    >
                      {t('requests.clear')}
                    </button>
                  )}
                </Empty>
              )}
              {log.hasNextPage && (
                <div>
                  <button type="button" disabled={log.isFetchingNextPage} onClick={() => log.fetchNextPage()}>
                    {t(log.isFetchingNextPage ? 'state.working' : 'requests.more')}
                  </button>
                </div>
              )}
            </div>
          )
        }}
      </Loaded>
      <Outlet />
    </Page>
  )
}

function useRequestSearch() {
  const search = useSearch({ from: '/requests' })
  const navigate = useNavigate()
  /** An empty choice leaves the address. */
  const change = (changes: Partial<Record<keyof typeof search, string>>) => {
    const named = Object.entries({ ...search, ...changes }).filter(([, value]) => value !== undefined && value !== '')
    void navigate({ to: '/requests', search: Object.fromEntries(named), replace: true })
  }
  return { search, change }
}

/** The address in the terms of the API. A span begins when it is chosen, so that the list is not asked for each second. */
function useFilter({ status, account, model, since, q }: Search): RequestFilter {
  return useMemo(() => {
    const span = since === undefined ? undefined : spans[since]
    return {
      ...(status && { status }),
      ...(account && { accountId: account }),
      ...(model && { model }),
      ...(span && { since: new Date(Date.now() - span).toISOString() }),
      ...(q && { search: q }),
    }
  }, [status, account, model, since, q])
}

function isShown(one: { accountId: string | null; model: string | null }, { status, account, model, q }: Search) {
  return !status && !q && (!account || one.accountId === account) && (!model || one.model === model)
}

type FiltersProps = { search: Search; onChange: (changes: Search) => void }

function Filters({ search, onChange }: FiltersProps) {
  const accounts = useQuery(queries.accounts())
  const models = useQuery(queries.models())
  const isAdmin = useIsAdmin()
  const all = { value: '', label: t('filter.all') }
  const names = (accounts.data?.accounts ?? []).map((one) => ({ value: one.accountId, label: one.displayName }))
  const slugs = (models.data?.models ?? []).map(({ id }) => ({ value: id, label: id }))
  const choices = [
    {
      name: 'status',
      label: t('filter.status'),
      options: (['success', 'error', 'cancelled'] as const).map((value) => ({ value, label: t(`filter.${value}`) })),
    },
    { name: 'account', label: t('filter.account'), options: names },
    { name: 'model', label: t('filter.model'), options: slugs },
    {
      name: 'since',
      label: t('filter.since'),
      options: (['1h', '1d', '7d'] as const).map((value) => ({ value, label: t(`filter.${value}`) })),
    },
  ] as const
  return (
    <search className="filters" aria-label={t('filter.label')}>
      {choices.map(({ name, label, options }) => (
        <Select
          key={name}
          label={label}
          value={search[name] ?? ''}
          options={[all, ...options]}
          onChange={(value) => onChange({ [name]: value })}
        />
      ))}
      {isAdmin && <TextFilter value={search.q ?? ''} onChange={(q) => onChange({ q })} />}
    </search>
  )
}

/** Asks the server when the typing rests. */
function TextFilter({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const id = useId()
  const [typed, setTyped] = useState(value)
  const [shown, setShown] = useState(value)
  if (shown !== value) {
    setShown(value)
    setTyped(value)
  }
  useEffect(() => {
    if (typed === value) return
    const timer = setTimeout(() => onChange(typed), typingMs)
    return () => clearTimeout(timer)
  }, [typed, value, onChange])
  return (
    <div className="field">
      <label htmlFor={id}>{t('filter.text')}</label>
      <input
        id={id}
        type="search"
        value={typed}
        placeholder={t('filter.textHint')}
        onChange={(event) => setTyped(event.target.value)}
      />
    </div>
  )
}

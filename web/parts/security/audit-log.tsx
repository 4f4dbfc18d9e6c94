import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { AuditFilter, AuditPage } from '../../api.ts'
import { age } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { useNow } from '../../now.ts'
import { queries } from '../../queries.ts'
import { Select } from '../../ui/controls.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { Moment } from '../../ui/status.tsx'
import { Table } from '../../ui/table.tsx'

type Entry = AuditPage['items'][number]

const filters = {
  all: {},
  signIns: { action: 'session' },
  failures: { outcome: 'failure' },
  accounts: { action: 'account' },
  settings: { action: 'settings' },
} as const satisfies Record<string, AuditFilter>
type FilterName = keyof typeof filters

const names = Object.keys(filters) as FilterName[]

/** Who did what, the newest first. */
export function AuditLog() {
  const nowMs = useNow(60_000)
  const [shown, setShown] = useState<FilterName>('all')
  const log = useInfiniteQuery(queries.auditLog(filters[shown]))
  return (
    <div className="stack">
      <div className="fields">
        <Select
          label={t('audit.show')}
          value={shown}
          options={names.map((value) => ({ value, label: t(`audit.${value}`) }))}
          onChange={(value) => setShown(names.find((name) => name === value) ?? 'all')}
        />
      </div>
      <Loaded query={log} what={t('what.audit')}>
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items)
          if (items.length === 0) return <Empty>{t(shown === 'all' ? 'audit.none' : 'audit.noneOf')}</Empty>
          return (
            <>
              <Table
                label={t('audit.table')}
                rows={items}
                keyOf={({ id }) => id}
                columns={[
                  { name: t('audit.at'), cell: ({ at }) => <Moment at={at}>{age(at, nowMs)}</Moment> },
                  {
                    name: t('audit.action'),
                    cell: ({ action, outcome }) => (
                      <>
                        <code>{action}</code>
                        {outcome === 'failure' && <span className="tone-bad"> {t('audit.failed')}</span>}
                      </>
                    ),
                  },
                  { name: t('audit.actor'), clip: actorText, cell: actorText },
                  { name: t('audit.details'), isExtra: true, clip: detailsText, cell: detailsText },
                ]}
              />
              {log.hasNextPage && (
                <div>
                  <button type="button" disabled={log.isFetchingNextPage} onClick={() => log.fetchNextPage()}>
                    {t(log.isFetchingNextPage ? 'state.working' : 'audit.more')}
                  </button>
                </div>
              )}
            </>
          )
        }}
      </Loaded>
    </div>
  )
}

const kinds = ['local', 'session', 'proxy_header', 'open', 'command_line', 'system', 'stranger'] as const

function actorText({ actor: { kind, name, address } }: Entry): string {
  const known = kinds.find((one) => one === kind)
  const who = known === undefined ? kind : t(`actor.${known}`, { name: name ?? '' })
  return [who, address].filter(Boolean).join(' · ')
}

/** What it was about, and what changed: the names of fields are those of the API. */
function detailsText({ target, before, after }: Entry): string {
  const of = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return ''
    return Object.entries(value)
      .map(([name, one]) => `${name}: ${typeof one === 'string' ? one : JSON.stringify(one)}`)
      .join(', ')
  }
  const change = [of(before), of(after)].filter((text) => text !== '').join(' → ')
  return [target?.id, change].filter(Boolean).join(' · ')
}

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { LiveRequest } from '../../src/contract/live.ts'
import type { RequestView } from '../../src/contract/requests.ts'
import { compact, latency, money, second } from '../format.ts'
import { t } from '../messages/index.ts'
import { useNow } from '../now.ts'
import { queries } from '../queries.ts'
import { Moment, StatusWord } from '../ui/status.tsx'
import { type Column, Table } from '../ui/table.tsx'
import { becauseText, decisionOf } from './decision.ts'
import { useSourceNames } from './source-names.ts'

type Row = { live: LiveRequest; record: null } | { live: null; record: RequestView }
type Props = { running: readonly LiveRequest[]; records: readonly RequestView[]; isShort?: boolean }

/** Requests, newest first: those on their way on top, each with how far it has come. */
export function RequestTable({ running, records, isShort = false }: Props) {
  const nowMs = useNow()
  const nameOf = useAccountNames()
  const sourceOf = useSourceNames()
  const rows: Row[] = [
    ...running.map((live) => ({ live, record: null })),
    ...records.map((record) => ({ live: null, record })),
  ]
  return (
    <Table
      label={t('requests.table')}
      rows={rows}
      keyOf={({ live, record }) => (live ? `live ${live.requestId}` : record.id)}
      isLink={({ record }) => record !== null}
      columns={columnsOf(nowMs, nameOf, sourceOf).filter(({ isLong }) => !isShort || !isLong)}
    />
  )
}

/** The name of an account by its id; one that was deleted is called so. */
export function useAccountNames(): (id: string | null) => string {
  const { data } = useQuery(queries.accounts())
  return (id) => {
    if (id === null) return '–'
    const known = data?.accounts.find(({ accountId }) => accountId === id)
    return known?.displayName ?? t(data === undefined ? 'request.unknownAccount' : 'request.deletedAccount')
  }
}

function columnsOf(
  nowMs: number,
  nameOf: (id: string | null) => string,
  sourceOf: (id: string) => string,
): (Column<Row> & { isLong?: boolean })[] {
  const account = ({ live, record }: Row) => (live ? serverOf(live, nameOf, sourceOf) : path(record, nameOf, sourceOf))
  return [
    {
      name: t('column.time'),
      cell: ({ live, record }) =>
        live ? (
          <Time at={live.at} nowMs={nowMs} />
        ) : (
          <Link to="/requests/$requestId" params={{ requestId: record.id }} search={(before) => before}>
            <Time at={record.at} nowMs={nowMs} />
          </Link>
        ),
    },
    {
      name: t('column.model'),
      cell: ({ live, record }) => (
        <>
          {(live ?? record).model ?? <Route route={(live ?? record).route} />}{' '}
          {record?.effort && <span className="small">{record.effort}</span>}{' '}
          <SourceBadge sourceId={(live ?? record).sourceId} sourceOf={sourceOf} />
        </>
      ),
    },
    { name: t('column.account'), isExtra: true, clip: account, cell: account },
    {
      name: t('column.why'),
      isExtra: true,
      isLong: true,
      cell: ({ record }) => <span className="quiet">{record ? becauseText(decisionOf(record.decision)) : ''}</span>,
    },
    {
      name: t('column.firstToken'),
      isNumber: true,
      isExtra: true,
      cell: ({ record }) => (record?.firstTokenMs == null ? '–' : latency(record.firstTokenMs)),
    },
    {
      name: t('column.duration'),
      isNumber: true,
      isExtra: true,
      cell: ({ live, record }) => latency(live ? nowMs - Date.parse(live.at) : record.totalMs),
    },
    { name: t('column.tokens'), isNumber: true, isExtra: true, cell: ({ record }) => tokens(record) },
    {
      name: t('column.cost'),
      isNumber: true,
      isExtra: true,
      isLong: true,
      cell: ({ record }) => (record?.costUsd == null ? '–' : money(record.costUsd)),
    },
    { name: t('column.status'), cell: ({ live, record }) => (live ? <Phase live={live} /> : <Outcome {...record} />) },
  ]
}

/** Stands for what has no model, without the beginning that most of them share. */
function Route({ route }: { route: string }) {
  return (
    <span className="small route" title={route}>
      {route.replace(/^\/backend-api(\/codex)?/, '')}
    </span>
  )
}

function Time({ at, nowMs }: { at: string; nowMs: number }) {
  return <Moment at={at}>{second(at, nowMs)}</Moment>
}

type Server = { accountId: string | null; sourceId: string | null }

/** The account that answered or was tried, or the model source. */
function serverOf(
  { accountId, sourceId }: Server,
  nameOf: (id: string | null) => string,
  sourceOf: (id: string) => string,
): string {
  return sourceId === null ? nameOf(accountId) : sourceOf(sourceId)
}

/** Who answered, behind those that were tried before. */
function path(record: RequestView, nameOf: (id: string | null) => string, sourceOf: (id: string) => string): string {
  const last = serverOf(record, nameOf, sourceOf)
  const tried = new Set(record.attempts.map((attempt) => serverOf(attempt, nameOf, sourceOf)))
  tried.delete(last)
  return [...tried, last].join(' → ')
}

/** Says loudly that no account of the pool has answered. */
function SourceBadge({ sourceId, sourceOf }: { sourceId: string | null; sourceOf: (id: string) => string }) {
  if (sourceId === null) return null
  return <span className="badge">{t('badge.source', { name: sourceOf(sourceId) })}</span>
}

function tokens(record: RequestView | null) {
  if (!record?.usage) return '–'
  const { input, cached, output } = record.usage
  const title = t('tokens.full', { input, cached, output })
  return <span title={title}>{compact(input + output)}</span>
}

function Phase({ live }: { live: LiveRequest }) {
  return <StatusWord word={t(`phase.${live.phase}`)} tone="calm" icon="arrows" />
}

const looks = {
  success: { tone: 'ok', icon: 'tick' },
  error: { tone: 'bad', icon: 'cross' },
  cancelled: { tone: 'calm', icon: 'dash' },
} as const

/** How it ended, with the status that the client saw. */
export function Outcome({ status, httpStatus }: Pick<RequestView, 'status' | 'httpStatus'>) {
  return <StatusWord word={t(`outcome.${status}`, { status: httpStatus })} {...looks[status]} />
}

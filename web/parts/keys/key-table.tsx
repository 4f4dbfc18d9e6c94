import { Link } from '@tanstack/react-router'
import type { ApiKeyView } from '../../../src/contract/api-keys.ts'
import { age, compact, money, when } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { useNow } from '../../now.ts'
import { Moment, StatusWord } from '../../ui/status.tsx'
import { type Column, Table } from '../../ui/table.tsx'
import { keyMarks, limitWords } from './words.ts'

/** Who may use the pool, how much each has left, and what it took. */
export function KeyTable({ keys }: { keys: readonly ApiKeyView[] }) {
  const nowMs = useNow(60_000)
  const columns: Column<ApiKeyView>[] = [
    {
      name: t('key.name'),
      cell: (key) => (
        <>
          <Link to="/keys/$keyId" params={{ keyId: key.id }}>
            {key.name}
          </Link>
          <p className="small code">{key.prefix}…</p>
        </>
      ),
    },
    {
      name: t('column.status'),
      cell: ({ status }) => <StatusWord word={t(`key.status.${status}`)} {...keyMarks[status]} />,
    },
    { name: t('key.limits'), cell: (key) => <Limits limits={key.limits} /> },
    {
      name: t('key.sevenDays'),
      isNumber: true,
      cell: ({ usage: { sevenDays } }) => (
        <>
          {t('key.requests', { count: sevenDays.requests })}
          <p className="small">
            {compact(sevenDays.totalTokens)} · {money(sevenDays.costUsd)}
          </p>
        </>
      ),
    },
    {
      name: t('key.lastUsed'),
      isExtra: true,
      cell: ({ lastUsedAt }) =>
        lastUsedAt === null ? t('key.neverUsed') : <Moment at={lastUsedAt}>{age(lastUsedAt, nowMs)}</Moment>,
    },
    {
      name: t('key.expires'),
      isExtra: true,
      cell: ({ expiresAt }) =>
        expiresAt === null ? t('key.never') : <Moment at={expiresAt}>{when(expiresAt, nowMs)}</Moment>,
    },
  ]
  return <Table label={t('keys.all')} columns={columns} rows={keys} keyOf={({ id }) => id} isLink={() => true} />
}

function Limits({ limits }: Pick<ApiKeyView, 'limits'>) {
  if (limits.length === 0) return <span className="quiet">{t('key.noLimits')}</span>
  return (
    <ul className="plain-list">
      {limits.map((limit) => (
        <li key={limit.id}>{limitWords(limit)}</li>
      ))}
    </ul>
  )
}

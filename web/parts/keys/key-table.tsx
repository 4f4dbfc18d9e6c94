import { Link } from '@tanstack/react-router'
import type { ApiKeyView } from '../../../src/contract/api-keys.ts'
import { age, compact, money, percent, when } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { useNow } from '../../now.ts'
import { Moment, QuotaMeter, StatusWord } from '../../ui/status.tsx'
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
    { name: t('key.limits'), cell: (key) => <LimitStandings limits={key.limits} limitUse={key.limitUse} /> },
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

/** Each limit with what is left of it, and when there will be more. */
export function LimitStandings({ limits, limitUse }: Pick<ApiKeyView, 'limits' | 'limitUse'>) {
  const nowMs = useNow(60_000)
  if (limits.length === 0) return <span className="quiet">{t('key.noLimits')}</span>
  const useOf = new Map(limitUse.map((use) => [use.limitId, use]))
  return (
    <ul className="plain-list stack tight standings">
      {limits.map((limit) => {
        const { left = limit.max, resetAt = null } = useOf.get(limit.id) ?? {}
        const leftPercent = Math.max(0, Math.min(100, (left / limit.max) * 100))
        return (
          <li key={limit.id}>
            <QuotaMeter
              name={limitWords(limit)}
              value={t('key.left', { percent: percent(leftPercent) })}
              leftPercent={leftPercent}
              tooltip=""
            >
              {resetAt !== null && <Moment at={resetAt}>{t('key.back', { when: when(resetAt, nowMs) })}</Moment>}
            </QuotaMeter>
          </li>
        )
      })}
    </ul>
  )
}

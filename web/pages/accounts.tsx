import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { AccountView } from '../../src/contract/accounts.ts'
import { t } from '../messages/index.ts'
import { useNow } from '../now.ts'
import { isSilent, StatisticsPanel } from '../parts/account/statistics.tsx'
import { AccountList } from '../parts/account-list.tsx'
import { AddAccount, AddAccountButton } from '../parts/login/add-account.tsx'
import { serveSentence } from '../parts/standing.ts'
import { WarmUp } from '../parts/warm-up.tsx'
import { queries } from '../queries.ts'
import { AdminOnly } from '../role.tsx'
import { Page, Section } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/states.tsx'

/** Which accounts are fit, and what needs me? */
export function AccountsPage() {
  const accounts = useQuery(queries.accounts())
  const { add = false } = useSearch({ from: '/accounts' })
  const navigate = useNavigate({ from: '/accounts' })
  const count = accounts.data?.accounts.length ?? 0
  const isFirst = accounts.data !== undefined && count === 0
  const adding = (
    <AdminOnly isSilent>
      <AddAccountButton
        isOpen={add}
        onOpen={() => navigate({ search: { add: true } })}
        onClose={() => navigate({ search: {} })}
      />
    </AdminOnly>
  )
  return (
    <Page name={t('page.accounts')} title={sentence(accounts.data?.accounts)} actions={!isFirst && adding}>
      <Section title={t('accounts.all')} aside={count > 0 && <WarmUp />}>
        <Loaded query={accounts} what={t('what.accounts')}>
          {(data) =>
            data.accounts.length === 0 ? <Empty>{t('accounts.none')}</Empty> : <AccountList accounts={data.accounts} />
          }
        </Loaded>
      </Section>
      {isFirst && (
        <Section title={t('accounts.add')}>
          <AdminOnly>
            <AddAccount />
          </AdminOnly>
        </Section>
      )}
      {(accounts.data?.accounts.length ?? 0) > 0 && <PoolStatistics />}
    </Page>
  )
}

function PoolStatistics() {
  const nowMs = useNow(60_000)
  const statistics = useQuery(queries.poolStatistics())
  const pool = statistics.data?.pool
  const aside = pool && (
    <span className="small">{t('statistics.of', { count: pool.accounts, total: pool.accountsTotal })}</span>
  )
  return (
    <Section title={t('statistics.pool')} aside={aside}>
      <Loaded query={statistics} what={t('what.statistics')}>
        {(data) =>
          data.pool.accounts === 0 || isSilent(data.pool) ? (
            <Empty>{t('statistics.poolNone')}</Empty>
          ) : (
            <StatisticsPanel statistics={data.pool} nowMs={nowMs} />
          )
        }
      </Loaded>
    </Section>
  )
}

function sentence(accounts: readonly AccountView[] | undefined): string {
  if (accounts === undefined) return t('page.accounts')
  if (accounts.length === 0) return t('accounts.first')
  return serveSentence(accounts)
}

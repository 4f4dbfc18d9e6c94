import { useQuery } from '@tanstack/react-query'
import type { AccountView } from '../../src/contract/accounts.ts'
import { t } from '../messages/index.ts'
import { useNow } from '../now.ts'
import { isSilent, StatisticsPanel } from '../parts/account/statistics.tsx'
import { AccountList } from '../parts/account-list.tsx'
import { AddAccounts } from '../parts/add-accounts.tsx'
import { serveSentence } from '../parts/standing.ts'
import { queries } from '../queries.ts'
import { AdminOnly } from '../role.tsx'
import { Page, Section } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/states.tsx'

/** Which accounts are fit, and what needs me? */
export function AccountsPage() {
  const accounts = useQuery(queries.accounts())
  return (
    <Page name={t('page.accounts')} title={sentence(accounts.data?.accounts)}>
      <Section title={t('accounts.all')}>
        <Loaded query={accounts} what={t('what.accounts')}>
          {(data) =>
            data.accounts.length === 0 ? <Empty>{t('accounts.none')}</Empty> : <AccountList accounts={data.accounts} />
          }
        </Loaded>
      </Section>
      <Section title={t('accounts.add')}>
        <AdminOnly>
          <AddAccounts />
        </AdminOnly>
      </Section>
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

import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import type { AccountView } from '../../src/contract/accounts.ts'
import { Steps } from '../charts/steps.tsx'
import { age } from '../format.ts'
import { t } from '../messages/index.ts'
import { useNow } from '../now.ts'
import { Preferences } from '../parts/account/preferences.tsx'
import { ResetCredits } from '../parts/account/reset-credits.tsx'
import { isSilent, StatisticsPanel } from '../parts/account/statistics.tsx'
import { StatusFacts } from '../parts/account/status-facts.tsx'
import { Threads } from '../parts/account/threads.tsx'
import { AccountTools } from '../parts/account/tools.tsx'
import { AccountActions } from '../parts/account-actions.tsx'
import { windowText } from '../parts/forecast-text.ts'
import { planName, standingOf, windowName } from '../parts/standing.ts'
import { Meters, Windows } from '../parts/windows.tsx'
import { queries } from '../queries.ts'
import { AdminOnly } from '../role.tsx'
import { Facts } from '../ui/facts.tsx'
import { Page, Section } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/states.tsx'
import { Moment, StatusWord } from '../ui/status.tsx'

/** What is going on with this one? */
export function AccountPage() {
  const { accountId } = useParams({ from: '/accounts/$accountId' })
  const accounts = useQuery(queries.accounts())
  const account = accounts.data?.accounts.find((one) => one.accountId === accountId)
  if (account !== undefined) return <OneAccount account={account} />
  return (
    <Page name={t('page.accounts')} title={accounts.data ? t('account.missing') : t('page.accounts')}>
      <Loaded query={accounts} what={t('what.accounts')}>
        {() => <Link to="/accounts">{t('overview.allAccounts')}</Link>}
      </Loaded>
    </Page>
  )
}

function OneAccount({ account }: { account: AccountView }) {
  const nowMs = useNow()
  const navigate = useNavigate()
  const standing = standingOf(account, nowMs)
  return (
    <Page
      name={account.displayName}
      title={account.displayName}
      lead={
        <p className="row">
          <StatusWord word={standing.label} tone={standing.tone} icon={standing.icon} />
          <span>{standing.why}</span>
        </p>
      }
      actions={<AccountActions account={account} onDeleted={() => navigate({ to: '/accounts' })} />}
    >
      {account.advice !== null && <Advice advice={account.advice} said={standing.why} />}
      <Section title={t('account.windows')}>
        <div className="panel stack">
          <Windows windows={account.windows} nowMs={nowMs} />
          <WindowForecasts account={account} nowMs={nowMs} />
          <Meters meters={account.meters} nowMs={nowMs} />
        </div>
      </Section>
      <div className="columns">
        <div className="stack roomy">
          <Section title={t('account.status')}>
            <StatusFacts account={account} nowMs={nowMs} />
          </Section>
          <Section
            title={t('account.facts')}
            aside={
              <Link to="/requests" search={{ account: account.accountId }}>
                {t('account.requests')}
              </Link>
            }
          >
            <Details account={account} nowMs={nowMs} />
          </Section>
        </div>
        <Section title={t('account.use')}>
          <AdminOnly>
            <Preferences account={account} />
          </AdminOnly>
        </Section>
      </div>
      <AdminOnly isSilent>
        <Section title={t('tools.title')}>
          <AccountTools account={account} />
        </Section>
      </AdminOnly>
      <Section title={t('account.trends')}>
        <Trends account={account} />
      </Section>
      <Section title={t('threads.title')}>
        <AdminOnly>
          <Threads account={account} nowMs={nowMs} />
        </AdminOnly>
      </Section>
      <Section title={t('credits.title')} aside={<span className="small">{t('credits.what')}</span>}>
        <ResetCredits account={account} nowMs={nowMs} />
      </Section>
      <Section title={t('statistics.title')}>
        <Statistics accountId={account.accountId} nowMs={nowMs} />
      </Section>
    </Page>
  )
}

function Trends({ account }: { account: AccountView }) {
  const trends = useQuery(queries.trends(account.accountId))
  const nameOf = (kind: 'short' | 'weekly' | 'monthly') => {
    const window = account.windows.find((one) => one.kind === kind)
    return window === undefined ? t(`window.${kind}`) : windowName(window)
  }
  return (
    <Loaded query={trends} what={t('what.trends')}>
      {({ primary, secondary, monthly }) =>
        primary.length + secondary.length + monthly.length === 0 ? (
          <Empty>{t('account.noTrends')}</Empty>
        ) : (
          <div className="panel">
            <Steps
              label={t('account.trends')}
              series={[
                { name: nameOf('short'), points: primary },
                { name: nameOf('weekly'), points: secondary },
                { name: nameOf('monthly'), points: monthly },
              ]}
            />
          </div>
        )
      }
    </Loaded>
  )
}

/** What happened to the sign-in, unless the status has said so, and what mends it. */
function Advice({ advice: { cause, fix }, said }: { advice: NonNullable<AccountView['advice']>; said: string }) {
  return (
    <section className="notice bad" aria-label={t('advice.title')}>
      {cause !== said && <p>{cause}</p>}
      <p>
        <strong>{fix}</strong>
      </p>
    </section>
  )
}

/** Whether each window lasts until its reset. It stands beside the figures and says nothing where nothing is known. */
function WindowForecasts({ account: { accountId, windows }, nowMs }: { account: AccountView; nowMs: number }) {
  const { data } = useQuery(queries.forecast())
  const found = data?.accounts.find((one) => one.accountId === accountId)
  const lines = (found?.windows ?? []).flatMap((forecast) => {
    const window = windows.find(({ kind }) => kind === forecast.kind)
    const text = windowText(forecast, nowMs)
    return window && text ? [t('forecast.line', { window: windowName(window), text })] : []
  })
  if (lines.length === 0) return null
  return (
    <div>
      <h3>{t('forecast.title')}</h3>
      <ul className="plain-list">
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </div>
  )
}

function Statistics({ accountId, nowMs }: { accountId: string; nowMs: number }) {
  const statistics = useQuery(queries.statistics(accountId))
  return (
    <Loaded query={statistics} what={t('what.statistics')}>
      {(data) =>
        data.readAt === null || isSilent(data) ? (
          <Empty>{t('statistics.none')}</Empty>
        ) : (
          <StatisticsPanel statistics={data} nowMs={nowMs} />
        )
      }
    </Loaded>
  )
}

function Details({ account, nowMs }: { account: AccountView; nowMs: number }) {
  const { planType, workspaceLabel, lastRefreshAt, createdAt, credits, accountId } = account
  return (
    <Facts
      facts={[
        { name: t('fact.plan'), value: [planName(planType), workspaceLabel].filter(Boolean).join(' · ') },
        { name: t('fact.refreshed'), value: <Moment at={lastRefreshAt}>{age(lastRefreshAt, nowMs)}</Moment> },
        { name: t('fact.added'), value: <Moment at={createdAt}>{age(createdAt, nowMs)}</Moment> },
        ...(credits?.has ? [{ name: t('fact.credits'), value: creditsText(credits) }] : []),
        { name: t('fact.id'), value: <code>{accountId}</code> },
      ]}
    />
  )
}

function creditsText({ unlimited, balance }: NonNullable<AccountView['credits']>): string {
  return unlimited ? t('fact.unlimited') : String(balance ?? '–')
}

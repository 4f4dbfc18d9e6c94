import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import type { AccountView } from '../../src/contract/accounts.ts'
import { Steps } from '../charts/steps.tsx'
import { age } from '../format.ts'
import { t } from '../messages/index.ts'
import { useNow } from '../now.ts'
import { AccountActions } from '../parts/account-actions.tsx'
import { planName, standingOf, windowName } from '../parts/standing.ts'
import { Windows } from '../parts/windows.tsx'
import { queries } from '../queries.ts'
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
      <Section title={t('account.windows')}>
        <div className="panel">
          <Windows account={account} nowMs={nowMs} />
        </div>
      </Section>
      <Section title={t('account.trends')}>
        <Trends account={account} />
      </Section>
      <Section
        title={t('account.facts')}
        aside={
          <Link to="/requests" search={{ account: account.accountId }}>
            {t('account.requests')}
          </Link>
        }
      >
        <Facts account={account} nowMs={nowMs} />
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

function Facts({ account, nowMs }: { account: AccountView; nowMs: number }) {
  const { planType, workspaceLabel, inFlight, lastRefreshAt, createdAt, blocked, credits, accountId } = account
  const facts = [
    { name: t('fact.plan'), value: [planName(planType), workspaceLabel].filter(Boolean).join(' · ') },
    { name: t('fact.inFlight'), value: String(inFlight) },
    { name: t('fact.refreshed'), value: <Moment at={lastRefreshAt}>{age(lastRefreshAt, nowMs)}</Moment> },
    { name: t('fact.added'), value: <Moment at={createdAt}>{age(createdAt, nowMs)}</Moment> },
    ...(blocked ? [{ name: t('fact.blocked'), value: blockedText(blocked) }] : []),
    ...(credits?.has ? [{ name: t('fact.credits'), value: creditsText(credits) }] : []),
    { name: t('fact.id'), value: <code>{accountId}</code> },
  ]
  return (
    <dl className="panel facts">
      {facts.map(({ name, value }) => (
        <FactRow key={name} name={name} value={value} />
      ))}
    </dl>
  )
}

function FactRow({ name, value }: { name: string; value: React.ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  )
}

function blockedText({ code, endIsKnown }: NonNullable<AccountView['blocked']>): string {
  return t(endIsKnown ? 'fact.blockedKnown' : 'fact.blockedAssumed', { code })
}

function creditsText({ unlimited, balance }: NonNullable<AccountView['credits']>): string {
  return unlimited ? t('fact.unlimited') : String(balance ?? '–')
}

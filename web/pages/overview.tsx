import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, Navigate } from '@tanstack/react-router'
import type { AccountView } from '../../src/contract/accounts.ts'
import type { Overview } from '../../src/contract/overview.ts'
import { Bars } from '../charts/bars.tsx'
import { compact, duration, fullMoment, money, percent, rate, when, whole } from '../format.ts'
import { t } from '../messages/index.ts'
import { useNow } from '../now.ts'
import { AccountList } from '../parts/account-list.tsx'
import { roomSentence } from '../parts/forecast-text.ts'
import { PoolForecast } from '../parts/pool-forecast.tsx'
import { RequestTable } from '../parts/request-table.tsx'
import { canServe, needsPerson, serveSentence } from '../parts/standing.ts'
import { queries } from '../queries.ts'
import { Figure } from '../ui/figure.tsx'
import { Page, Section } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/states.tsx'
import { QuotaMeter } from '../ui/status.tsx'

const requestsShown = 12
const accountsShown = 8

/** Can I keep working, and until when? */
export function OverviewPage() {
  const nowMs = useNow()
  const overview = useQuery(queries.overview('1d'))
  const accounts = useQuery(queries.accounts())
  const forecast = useQuery(queries.forecast())
  const list = accounts.data?.accounts
  const left = poolSentence(overview.data, list, nowMs)
  const room = forecast.data && list?.some(canServe) ? roomSentence(forecast.data.pool, nowMs) : null
  if (list?.length === 0) return <Navigate to="/welcome" replace />
  return (
    <Page
      name={t('page.overview')}
      title={room ?? left}
      lead={
        list && (
          <>
            {room !== null && <p>{left}</p>}
            <p>{accountsSentence(list)}</p>
          </>
        )
      }
      actions={
        <>
          <Link to="/connect" className="button">
            {t('overview.connect')}
          </Link>
          <Link to="/accounts" search={{ add: true }} className="button main">
            {t('overview.add')}
          </Link>
        </>
      }
    >
      {overview.data?.panic && (
        <p className="notice warn" role="status">
          {t('overview.panic')}
        </p>
      )}
      <Section title={t('overview.today')} aside={<span className="small">{t('overview.cost')}</span>}>
        <Loaded query={overview} what={t('what.figures')}>
          {(data) => (
            <div className="panel stack">
              <Figures overview={data} />
              <Bars label={t('overview.chart')} bars={data.series.map(barOf)} />
            </div>
          )}
        </Loaded>
      </Section>
      <Section title={t('overview.pool')}>
        <Loaded query={overview} what={t('what.pool')}>
          {(data) => <PoolWindows windows={data.windows} nowMs={nowMs} />}
        </Loaded>
      </Section>
      <Section title={t('forecast.title')}>
        <Loaded query={forecast} what={t('what.forecast')}>
          {(data) => <PoolForecast forecast={data} accounts={list ?? []} nowMs={nowMs} />}
        </Loaded>
      </Section>
      <Section title={t('page.accounts')} aside={<Link to="/accounts">{t('overview.allAccounts')}</Link>}>
        <Loaded query={accounts} what={t('what.accounts')}>
          {(data) => <AccountList isStrip accounts={byNeed(data.accounts).slice(0, accountsShown)} />}
        </Loaded>
      </Section>
      <LastRequests waiting={overview.data?.waiting ?? 0} />
    </Page>
  )
}

function LastRequests({ waiting }: { waiting: number }) {
  const log = useInfiniteQuery(queries.requests({}, requestsShown))
  const { data: running = [] } = useQuery(queries.running())
  const aside = (
    <span className="row">
      <span className="small">
        {t('overview.running', { count: running.length })}
        {waiting > 0 && ` · ${t('overview.waiting', { count: waiting })}`}
      </span>
      <Link to="/requests">{t('overview.allRequests')}</Link>
    </span>
  )
  return (
    <Section title={t('page.requests')} aside={aside}>
      <Loaded query={log} what={t('what.requests')}>
        {({ pages }) => {
          const records = pages.flatMap(({ items }) => items).slice(0, requestsShown)
          if (records.length + running.length > 0) {
            return <RequestTable isShort running={running.slice(0, requestsShown)} records={records} />
          }
          return (
            <Empty>
              <p>
                {t('requests.none')} <Link to="/connect">{t('overview.connect')}</Link>
              </p>
            </Empty>
          )
        }}
      </Loaded>
    </Section>
  )
}

/** The page's question, answered in words, from the window that is tightest. */
function poolSentence(overview: Overview | undefined, accounts: AccountView[] | undefined, nowMs: number): string {
  if (overview === undefined || accounts === undefined) return t('page.overview')
  if (!accounts.some(canServe)) {
    const [soonest] = accounts.flatMap(({ blocked }) => blocked?.until ?? []).sort()
    return soonest === undefined ? t('pool.nobody') : t('pool.empty', { time: when(soonest, nowMs) })
  }
  // A window that few accounts have says little of the pool.
  const most = Math.max(...overview.windows.map((window) => window.accounts))
  const telling = overview.windows.filter((window) => window.accounts * 2 > most)
  const tightest = telling.toSorted((a, b) => a.remainingPercent - b.remainingPercent)[0]
  if (tightest === undefined) return t('pool.unknown')
  const left = { percent: percent(tightest.remainingPercent), window: t(`pool.window.${tightest.kind}`) }
  const { nextResetAt } = tightest
  if (nextResetAt === null) return t('pool.left', left)
  return t('pool.leftUntil', { ...left, time: when(nextResetAt, nowMs) })
}

function accountsSentence(accounts: readonly AccountView[]): string {
  const needy = accounts.filter(needsPerson).length
  const serve = serveSentence(accounts)
  return needy === 0 ? serve : `${serve} ${t('overview.needy', { count: needy })}`
}

/** What needs a person comes first, then what cannot serve. */
function byNeed(accounts: readonly AccountView[]): AccountView[] {
  const need = (account: AccountView) => (needsPerson(account) ? 0 : canServe(account) ? 2 : 1)
  return accounts.toSorted((a, b) => need(a) - need(b))
}

function Figures({ overview }: { overview: Overview }) {
  const { requestCount, errorRate, errorCount, usageSummary: usage } = overview
  const cached = usage.inputTokens === 0 ? 0 : (usage.cachedInputTokens / usage.inputTokens) * 100
  return (
    <dl className="figures">
      <Figure name={t('figure.requests')} value={whole(requestCount)} />
      <Figure
        name={t('figure.tokens')}
        value={compact(usage.totalTokens)}
        detail={t('figure.cached', { percent: percent(cached) })}
      />
      <Figure name={t('figure.cost')} value={t('figure.about', { money: money(usage.totalCost) })} />
      <Figure
        name={t('figure.failed')}
        value={rate(errorRate)}
        detail={t('figure.failedCount', { count: errorCount })}
      />
    </dl>
  )
}

function barOf({ t: at, requests, errors }: Overview['series'][number]) {
  return { at, count: requests, failed: errors }
}

function PoolWindows({ windows, nowMs }: { windows: Overview['windows']; nowMs: number }) {
  if (windows.length === 0) return <Empty>{t('windows.none')}</Empty>
  return (
    <div className="panel figures">
      {windows.map(({ kind, remainingPercent, nextResetAt, accounts }) => (
        <QuotaMeter
          key={kind}
          name={t(`window.${kind}`)}
          value={t('windows.left', { percent: percent(remainingPercent) })}
          leftPercent={remainingPercent}
          tooltip={nextResetAt === null ? '' : fullMoment(nextResetAt)}
        >
          {t('pool.accounts', { count: accounts })}
          {nextResetAt !== null && ` · ${t('pool.next', { wait: duration(Date.parse(nextResetAt) - nowMs) })}`}
        </QuotaMeter>
      ))}
    </div>
  )
}

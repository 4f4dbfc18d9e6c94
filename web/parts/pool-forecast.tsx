import { Link } from '@tanstack/react-router'
import type { AccountView } from '../../src/contract/accounts.ts'
import type { Forecast, PoolForecastView } from '../../src/contract/forecast.ts'
import { figure, percent, when } from '../format.ts'
import { t } from '../messages/index.ts'
import { Figure } from '../ui/figure.tsx'
import { Empty } from '../ui/states.tsx'
import { Moment } from '../ui/status.tsx'
import { rangeText } from './forecast-text.ts'
import { windowName } from './standing.ts'

const resetsShown = 6

type Props = { forecast: Forecast; accounts: readonly AccountView[]; nowMs: number }

/** When the pool runs out, or that it lasts; how much that is worth; and when what comes back. */
export function PoolForecast({ forecast: { pool, accuracy }, accounts, nowMs }: Props) {
  const honesty = accuracy.short ?? accuracy.long
  return (
    <div className="columns even">
      {pool.unknown === null ? (
        <div className="panel stack">
          <PoolFigures pool={pool} nowMs={nowMs} />
          <p className="small">
            {t(`forecast.basis.${pool.basis}`)}{' '}
            {honesty === null
              ? t('forecast.range')
              : t('forecast.honest', { percent: percent(honesty.withinRangePercent) })}{' '}
            {pool.accountsWithoutFigures > 0 && t('forecast.partial', { count: pool.accountsWithoutFigures })}
          </p>
        </div>
      ) : (
        <Empty>{t(`forecast.unknown.${pool.unknown}`)}</Empty>
      )}
      <NextResets accounts={accounts} nowMs={nowMs} />
    </div>
  )
}

function PoolFigures({ pool, nowMs }: { pool: PoolForecastView; nowMs: number }) {
  const { runsOutAt, horizonEndsAt, runsOutProbabilityPercent, capacityReturnsAt } = pool
  const { creditsPerHour, latestCreditsPerHour } = pool
  const end = horizonEndsAt === null ? '' : when(horizonEndsAt, nowMs)
  const isLikely = runsOutProbabilityPercent !== null && runsOutProbabilityPercent > 0
  return (
    <dl className="figures">
      {runsOutAt !== null && (
        <Figure
          name={t('forecast.runsOut')}
          value={rangeText(runsOutAt, end, nowMs)}
          {...(isLikely && {
            detail: t('forecast.chance', { percent: percent(runsOutProbabilityPercent), time: end }),
          })}
        />
      )}
      {capacityReturnsAt !== null && <Figure name={t('forecast.returns')} value={when(capacityReturnsAt, nowMs)} />}
      {creditsPerHour !== null && (
        <Figure
          name={t('forecast.pace')}
          value={t('forecast.credits', { value: figure(creditsPerHour) })}
          {...(latestCreditsPerHour !== null && {
            detail: t('forecast.latest', { value: figure(latestCreditsPerHour) }),
          })}
        />
      )}
    </dl>
  )
}

/** When what comes back, the soonest first; what is untouched comes back unnoticed and is left out. */
function NextResets({ accounts, nowMs }: { accounts: readonly AccountView[]; nowMs: number }) {
  const resets = accounts
    .flatMap(({ accountId, displayName, windows }) =>
      windows.flatMap((window) =>
        window.resetAt === null || window.usedPercent === 0
          ? []
          : [{ accountId, displayName, window, at: window.resetAt }],
      ),
    )
    .toSorted((a, b) => a.at.localeCompare(b.at))
    .slice(0, resetsShown)
  return (
    <div className="panel">
      <h3>{t('forecast.resets')}</h3>
      {resets.length === 0 ? (
        <p className="small">{t('forecast.noResets')}</p>
      ) : (
        <ul className="resets">
          {resets.map(({ accountId, displayName, window, at }) => (
            <li key={`${accountId} ${window.kind}`}>
              <Moment at={at} waitFrom={nowMs}>
                {when(at, nowMs)}
              </Moment>
              <Link to="/accounts/$accountId" params={{ accountId }}>
                {displayName}
              </Link>
              <span className="small">
                {t('forecast.reset', { window: windowName(window), percent: percent(window.usedPercent) })}
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

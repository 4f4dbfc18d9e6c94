import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { LiveRequest } from '../../src/contract/live.ts'
import { age, latency } from '../format.ts'
import { t } from '../messages/index.ts'
import { useNow } from '../now.ts'
import { queries } from '../queries.ts'

/** Did it work? A light that waits for a request and tells how far it has come. */
export function FirstLight() {
  const nowMs = useNow()
  const { data: latest = null } = useQuery(queries.latest())
  const log = useInfiniteQuery(queries.requests({}, 1))
  const accounts = useQuery(queries.accounts())
  const last = log.data?.pages[0]?.items[0]
  const name = accounts.data?.accounts.find(({ accountId }) => accountId === latest?.accountId)?.displayName
  const isLit = latest !== null
  return (
    <div className={isLit ? 'light lit' : 'light'} role="status">
      <span className={isLit ? 'dot on' : 'dot pulse'} aria-hidden="true" />
      <div>
        <p>
          <strong>{isLit ? phaseText(latest, name ?? t('request.unknownAccount')) : t('light.waiting')}</strong>
        </p>
        {latest?.record && (
          <p className="small">
            <Link to="/requests/$requestId" params={{ requestId: latest.record.id }}>
              {t('light.open')}
            </Link>
          </p>
        )}
        {!isLit && <p className="small">{last ? t('light.last', { age: age(last.at, nowMs) }) : t('light.none')}</p>}
      </div>
    </div>
  )
}

function phaseText({ phase, model, route, record }: LiveRequest, account: string): string {
  if (phase === 'ended' && record !== null) {
    if (record.status === 'success') return t('light.answered', { account, time: latency(record.totalMs) })
    if (record.status === 'cancelled') return t('light.cancelled')
    return t('light.failed', { message: record.errorMessage ?? record.errorCode ?? String(record.httpStatus) })
  }
  if (phase === 'admitted' || phase === 'ended') return t('light.admitted', { model: model ?? route })
  return t(phase === 'chosen' ? 'light.chosen' : 'light.streaming', { account })
}

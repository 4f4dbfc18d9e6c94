import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { AccountView } from '../../../src/contract/accounts.ts'
import type { ProbeView } from '../../../src/contract/probe.ts'
import { api } from '../../api.ts'
import { latency, percent } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { Problem } from '../../ui/states.tsx'
import { needsPerson, windowName } from '../standing.ts'

/** Sends one tiny turn through the account and says how it went. */
export function ProbeAccount({ account }: { account: AccountView }) {
  const client = useQueryClient()
  const probe = useMutation({
    mutationFn: () => api.probe(account.accountId),
    onSettled: () => client.invalidateQueries({ queryKey: ['accounts'] }),
  })
  const why = needsPerson(account) ? t('probe.signIn') : account.status === 'paused' ? t('probe.paused') : null
  return (
    <div className="stack">
      <p>{t('probe.what')}</p>
      {why !== null && <p className="notice">{why}</p>}
      <button type="button" className="start" disabled={probe.isPending || why !== null} onClick={() => probe.mutate()}>
        {probe.isPending ? t('probe.busy') : t('probe.do')}
      </button>
      <div role="status">{probe.data !== undefined && <Outcome probe={probe.data} />}</div>
      <Problem error={probe.error} />
    </div>
  )
}

function Outcome({ probe }: { probe: ProbeView }) {
  const { ok, model, latencyMs, statusBefore, statusAfter, windowsBefore, windowsAfter, requestId } = probe
  const text = ok
    ? t('probe.good', { model, time: latency(latencyMs) })
    : t('probe.bad', { model, message: messageOf(probe) })
  const windows = windowsAfter.map((after) => {
    const before = windowsBefore.find(({ kind }) => kind === after.kind)
    const value = t('probe.windowLeft', {
      before: before === undefined ? '–' : percent(before.remainingPercent),
      after: percent(after.remainingPercent),
    })
    return { name: windowName(after), value }
  })
  const [before, after] = [t(`probed.${statusBefore}`), t(`probed.${statusAfter}`)]
  const status = before === after ? after : t('probe.change', { before, after })
  return (
    <div className="stack">
      <p className={ok ? 'notice ok' : 'notice bad'}>{text}</p>
      <ul className="plain-list">
        {[{ name: t('probe.status'), value: status }, ...windows].map(({ name, value }) => (
          <li key={name}>{t('probe.line', { name, text: value })}</li>
        ))}
      </ul>
      <Link to="/requests" search={{ q: requestId }}>
        {t('probe.request')}
      </Link>
    </div>
  )
}

function messageOf({ errorMessage, errorCode, statusCode }: ProbeView): string {
  const message = errorMessage ?? t('probe.noAnswer')
  if (errorCode === null) return message
  return t('probe.badCode', { message, code: errorCode, status: statusCode ?? '–' })
}

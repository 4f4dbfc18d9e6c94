import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { EgressProxyView, EgressTest } from '../../../src/contract/egress.ts'
import { api } from '../../api.ts'
import { age, latency, when } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { useNow } from '../../now.ts'
import { queries } from '../../queries.ts'
import { DeleteDialog } from '../../ui/delete-dialog.tsx'
import { Entries } from '../../ui/entries.tsx'
import { EntryButtons } from '../../ui/entry-buttons.tsx'
import type { IconName } from '../../ui/icon.tsx'
import { Problem } from '../../ui/states.tsx'
import { StatusWord, type Tone } from '../../ui/status.tsx'
import { ProxyForm } from './proxy-form.tsx'

const looks: Record<EgressProxyView['health']['status'], { tone: Tone; icon: IconName }> = {
  unknown: { tone: 'calm', icon: 'dashed' },
  ok: { tone: 'ok', icon: 'tick' },
  resting: { tone: 'bad', icon: 'cross' },
  off: { tone: 'calm', icon: 'bars' },
}

/** Every proxy, how it works, and a button that shows whether it does. */
export function Proxies() {
  const proxies = useQuery(queries.egressProxies())
  return (
    <Entries
      title={t('proxies.title')}
      add={t('proxies.add')}
      query={proxies}
      what={t('what.proxies')}
      none={t('proxies.none')}
      entry={(proxy, acts) => <OneProxy key={proxy.id} proxy={proxy} {...acts} />}
      form={(proxy, onClose) => <ProxyForm {...{ proxy, onClose }} />}
      deletion={({ id, name }, onClose) => (
        <DeleteDialog
          title={t('proxies.deleteAsk', { name })}
          remove={() => api.removeEgressProxy(id)}
          done={t('proxies.deleted')}
          queryKey={['egress']}
          onClose={onClose}
        >
          <p>{t('proxies.deleteWhat')}</p>
        </DeleteDialog>
      )}
    />
  )
}

type ProxyProps = { proxy: EgressProxyView; onEdit: () => void; onDelete: () => void }

function OneProxy({ proxy, onEdit, onDelete }: ProxyProps) {
  const { id, name, scheme, host, port, username, health, usedBy } = proxy
  const nowMs = useNow(30_000)
  const client = useQueryClient()
  const test = useMutation({
    mutationFn: () => api.testEgressProxy(id),
    onSettled: () => client.invalidateQueries({ queryKey: ['egress'] }),
  })
  const notes = [
    `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ...(username === null ? [] : [t('proxies.login', { user: username })]),
    usersText(usedBy),
  ]
  const word =
    health.status === 'ok' && health.lastOkAt !== null
      ? t('proxies.okAge', { age: age(health.lastOkAt, nowMs) })
      : t(`proxies.${health.status}`)
  return (
    <li className="panel stack">
      <div className="row between">
        <div className="entry-words">
          <div className="row">
            <strong>{name}</strong>
            <StatusWord word={word} {...looks[health.status]} />
          </div>
          <div className="small">{notes.join(' · ')}</div>
        </div>
        <EntryButtons
          test={{ label: t('proxies.testOf', { name }), word: t('proxies.test'), run: test }}
          edit={{ label: t('proxies.editOf', { name }), onClick: onEdit }}
          remove={{ label: t('proxies.deleteOf', { name }), onClick: onDelete }}
        />
      </div>
      {health.status === 'resting' && <Down health={health} nowMs={nowMs} />}
      <Problem error={test.error} />
      <div role="status" className="result">
        {test.data && <TestResult {...test.data} />}
      </div>
    </li>
  )
}

function Down({ health, nowMs }: { health: EgressProxyView['health']; nowMs: number }) {
  const { downSince, restingUntil, lastError } = health
  if (downSince === null || restingUntil === null || lastError === null) return null
  const words = { time: when(downSince, nowMs), message: lastError.message, until: when(restingUntil, nowMs) }
  return <p className="small">{t('proxies.since', words)}</p>
}

function TestResult({ ok, statusCode, elapsedMs, error }: EgressTest) {
  if (!ok) return <p className="notice bad">{t('proxies.notReached', { message: error?.message ?? '' })}</p>
  return <p className="notice ok">{t('proxies.reached', { time: latency(elapsedMs), status: statusCode ?? '' })}</p>
}

/** Who goes this way. */
export function usersText({ accounts, pools, isDefault }: EgressProxyView['usedBy']): string {
  const parts = [
    ...(isDefault ? [t('proxies.ofAll')] : []),
    ...(accounts.length > 0 ? [t('proxies.accounts', { count: accounts.length })] : []),
    ...(pools.length > 0 ? [t('proxies.pools', { count: pools.length })] : []),
  ]
  return parts.length === 0 ? t('proxies.unused') : parts.join(', ')
}

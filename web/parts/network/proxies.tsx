import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { EgressProxyView, EgressTest } from '../../../src/contract/egress.ts'
import { api } from '../../api.ts'
import { age, latency, when } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { useNow } from '../../now.ts'
import { queries } from '../../queries.ts'
import { Confirm } from '../../ui/dialog.tsx'
import { EntryButtons } from '../../ui/entry-buttons.tsx'
import type { IconName } from '../../ui/icon.tsx'
import { Section } from '../../ui/page.tsx'
import { Empty, Loaded, Problem } from '../../ui/states.tsx'
import { StatusWord, type Tone } from '../../ui/status.tsx'
import { toast } from '../../ui/toast.tsx'
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
  const [edited, setEdited] = useState<EgressProxyView | 'new' | null>(null)
  const [leaving, setLeaving] = useState<EgressProxyView | null>(null)
  return (
    <Section
      title={t('proxies.title')}
      aside={
        <button type="button" onClick={() => setEdited('new')}>
          {t('proxies.add')}
        </button>
      }
    >
      <Loaded query={proxies} what={t('what.proxies')}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>{t('proxies.none')}</Empty>
          ) : (
            <ul className="entries">
              {items.map((proxy) => (
                <OneProxy
                  key={proxy.id}
                  proxy={proxy}
                  onEdit={() => setEdited(proxy)}
                  onDelete={() => setLeaving(proxy)}
                />
              ))}
            </ul>
          )
        }
      </Loaded>
      {edited !== null && <ProxyForm proxy={edited === 'new' ? null : edited} onClose={() => setEdited(null)} />}
      {leaving !== null && <DeleteProxy proxy={leaving} onClose={() => setLeaving(null)} />}
    </Section>
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
          test={{
            label: t('proxies.testOf', { name }),
            word: t('proxies.test'),
            isBusy: test.isPending,
            onClick: () => test.mutate(),
          }}
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

function DeleteProxy({ proxy: { id, name }, onClose }: { proxy: EgressProxyView; onClose: () => void }) {
  const client = useQueryClient()
  const remove = useMutation({
    mutationFn: () => api.removeEgressProxy(id),
    onSuccess() {
      toast(t('proxies.deleted'))
      onClose()
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['egress'] }),
  })
  return (
    <Confirm
      title={t('proxies.deleteAsk', { name })}
      action={t('action.delete')}
      isBusy={remove.isPending}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      <p>{t('proxies.deleteWhat')}</p>
      <Problem error={remove.error} />
    </Confirm>
  )
}

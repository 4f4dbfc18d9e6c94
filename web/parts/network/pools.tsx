import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { EgressPoolView, EgressProxyView } from '../../../src/contract/egress.ts'
import { api } from '../../api.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Select } from '../../ui/controls.tsx'
import { Confirm, Dialog } from '../../ui/dialog.tsx'
import { EntryButtons } from '../../ui/entry-buttons.tsx'
import { Field, Form, type FormProblem } from '../../ui/field.tsx'
import { Section } from '../../ui/page.tsx'
import { Reorder } from '../../ui/reorder.tsx'
import { Empty, Loaded, Problem } from '../../ui/states.tsx'
import { StatusWord } from '../../ui/status.tsx'
import { toast } from '../../ui/toast.tsx'
import { usersText } from './proxies.tsx'
import { useWays } from './ways.ts'

/** Pools of proxies: the first that works is used. */
export function Pools() {
  const pools = useQuery(queries.egressPools())
  const { proxies } = useWays()
  const [edited, setEdited] = useState<EgressPoolView | 'new' | null>(null)
  const [leaving, setLeaving] = useState<EgressPoolView | null>(null)
  return (
    <Section
      title={t('egressPools.title')}
      aside={
        <button type="button" onClick={() => setEdited('new')}>
          {t('egressPools.add')}
        </button>
      }
    >
      <Loaded query={pools} what={t('what.pools')}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>{t('egressPools.none')}</Empty>
          ) : (
            <ul className="entries">
              {items.map((pool) => (
                <li key={pool.id} className="panel row between">
                  <div className="entry-words">
                    <div className="row">
                      <strong>{pool.name}</strong>
                      <StatusWord
                        word={t(pool.down === null ? 'egressPools.open' : 'egressPools.closed')}
                        tone={pool.down === null ? 'ok' : 'bad'}
                        icon={pool.down === null ? 'tick' : 'cross'}
                      />
                    </div>
                    <div className="small">
                      {[membersText(pool, proxies), usersText(pool.usedBy)].filter(Boolean).join(' · ')}
                    </div>
                  </div>
                  <EntryButtons
                    edit={{ label: t('proxies.editOf', { name: pool.name }), onClick: () => setEdited(pool) }}
                    remove={{ label: t('proxies.deleteOf', { name: pool.name }), onClick: () => setLeaving(pool) }}
                  />
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      {edited !== null && (
        <PoolForm pool={edited === 'new' ? null : edited} proxies={proxies} onClose={() => setEdited(null)} />
      )}
      {leaving !== null && <DeletePool pool={leaving} onClose={() => setLeaving(null)} />}
    </Section>
  )
}

function membersText({ memberIds }: EgressPoolView, proxies: readonly EgressProxyView[]): string {
  if (memberIds.length === 0) return t('egressPools.nobody')
  return memberIds.flatMap((id) => proxies.find((one) => one.id === id)?.name ?? []).join(' → ')
}

type FormProps = { pool: EgressPoolView | null; proxies: readonly EgressProxyView[]; onClose: () => void }

function PoolForm({ pool, proxies, onClose }: FormProps) {
  const client = useQueryClient()
  const [memberIds, setMembers] = useState<string[]>(pool?.memberIds ?? [])
  const save = useMutation({
    mutationFn: ({ name = '' }: Record<string, string>) => {
      const body = { name, memberIds }
      return pool === null ? api.addEgressPool(body) : api.changeEgressPool(pool.id, body)
    },
    onSuccess() {
      toast(t('proxies.saved'))
      onClose()
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['egress'] }),
  })
  const error = save.error as FormProblem | null
  const title = pool === null ? t('egressPools.new') : t('egressPools.edit', { name: pool.name })
  const nameOf = (id: string) => proxies.find((one) => one.id === id)?.name ?? id
  const others = proxies.filter(({ id }) => !memberIds.includes(id))
  return (
    <Dialog isDrawer title={title} onClose={onClose}>
      <Form label={title} submit={t('action.save')} error={error} isBusy={save.isPending} onSubmit={save.mutate}>
        <Field name="name" label={t('proxy.name')} maxLength={80} defaultValue={pool?.name ?? ''} error={error} />
        {memberIds.length === 0 ? (
          <p className="small">{t(proxies.length === 0 ? 'egressPools.noProxies' : 'egressPools.nobody')}</p>
        ) : (
          <div className="stack">
            <span className="label">{t('egressPools.members')}</span>
            <Reorder
              label={t('egressPools.members')}
              places={memberIds.map((id) => ({
                id,
                name: nameOf(id),
                note: (
                  <button
                    type="button"
                    className="plain"
                    aria-label={t('egressPools.removeMember', { name: nameOf(id) })}
                    onClick={() => setMembers(memberIds.filter((one) => one !== id))}
                  >
                    ✕
                  </button>
                ),
              }))}
              onChange={setMembers}
            />
          </div>
        )}
        {others.length > 0 && (
          <Select
            label={t('egressPools.addMember')}
            value=""
            options={[
              { value: '', label: t('egressPools.chooseMember') },
              ...others.map(({ id, name }) => ({ value: id, label: name })),
            ]}
            onChange={(id) => {
              if (id !== '') setMembers([...memberIds, id])
            }}
          />
        )}
      </Form>
    </Dialog>
  )
}

function DeletePool({ pool: { id, name }, onClose }: { pool: EgressPoolView; onClose: () => void }) {
  const client = useQueryClient()
  const remove = useMutation({
    mutationFn: () => api.removeEgressPool(id),
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
      <Problem error={remove.error} />
    </Confirm>
  )
}

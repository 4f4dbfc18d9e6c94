import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { EgressPoolView, EgressProxyView } from '../../../src/contract/egress.ts'
import { api } from '../../api.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Select } from '../../ui/controls.tsx'
import { DeleteDialog } from '../../ui/delete-dialog.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Entries } from '../../ui/entries.tsx'
import { EntryButtons } from '../../ui/entry-buttons.tsx'
import { Field, Form, type FormProblem } from '../../ui/field.tsx'
import { Reorder } from '../../ui/reorder.tsx'
import { StatusWord } from '../../ui/status.tsx'
import { toast } from '../../ui/toast.tsx'
import { usersText } from './proxies.tsx'
import { useWays } from './ways.ts'

/** Pools of proxies: the first that works is used. */
export function Pools() {
  const pools = useQuery(queries.egressPools())
  const { proxies } = useWays()
  return (
    <Entries
      title={t('egressPools.title')}
      add={t('egressPools.add')}
      query={pools}
      what={t('what.pools')}
      none={t('egressPools.none')}
      entry={(pool, acts) => <Pool key={pool.id} {...{ pool, proxies }} {...acts} />}
      form={(pool, onClose) => <PoolForm {...{ pool, proxies, onClose }} />}
      deletion={({ id, name }, onClose) => (
        <DeleteDialog
          title={t('proxies.deleteAsk', { name })}
          remove={() => api.removeEgressPool(id)}
          done={t('proxies.deleted')}
          queryKey={['egress']}
          onClose={onClose}
        />
      )}
    />
  )
}

type PoolProps = {
  pool: EgressPoolView
  proxies: readonly EgressProxyView[]
  onEdit: () => void
  onDelete: () => void
}

function Pool({ pool, proxies, onEdit, onDelete }: PoolProps) {
  const { name, down, usedBy } = pool
  const isOpen = down === null
  return (
    <li className="panel row between">
      <div className="entry-words">
        <div className="row">
          <strong>{name}</strong>
          <StatusWord
            word={t(isOpen ? 'egressPools.open' : 'egressPools.closed')}
            tone={isOpen ? 'ok' : 'bad'}
            icon={isOpen ? 'tick' : 'cross'}
          />
        </div>
        <div className="small">{[membersText(pool, proxies), usersText(usedBy)].filter(Boolean).join(' · ')}</div>
      </div>
      <EntryButtons
        edit={{ label: t('proxies.editOf', { name }), onClick: onEdit }}
        remove={{ label: t('proxies.deleteOf', { name }), onClick: onDelete }}
      />
    </li>
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

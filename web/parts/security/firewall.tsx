import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { FirewallView } from '../../../src/contract/firewall.ts'
import { api } from '../../api.ts'
import { ApiError } from '../../call.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Select } from '../../ui/controls.tsx'
import { Confirm } from '../../ui/dialog.tsx'
import { Field, Form } from '../../ui/field.tsx'
import { useSavedAtOnce } from '../../ui/saved-at-once.ts'
import { Empty, Loaded, Problem } from '../../ui/states.tsx'
import { Table } from '../../ui/table.tsx'
import { toast } from '../../ui/toast.tsx'

const areas = ['dashboard', 'proxy'] as const
const modes = ['allow_all', 'allowlist'] as const

/** A change that would shut out whoever makes it is asked about once more. */
type Change = { kind: 'mode'; mode: Partial<FirewallView['mode']> } | { kind: 'remove'; id: string }

/** Which addresses get in at all. */
export function Firewall() {
  const client = useQueryClient()
  const firewall = useQuery(queries.firewall())
  const again = () => client.invalidateQueries({ queryKey: ['firewall'] })
  const change = useMutation({
    mutationFn: ({ change: one, force }: { change: Change; force: boolean }): Promise<unknown> =>
      one.kind === 'mode' ? api.setFirewall({ mode: one.mode, force }) : api.removeAddress({ id: one.id, force }),
    onSuccess(_, { change: one }) {
      toast(t(one.kind === 'mode' ? 'firewall.saved' : 'firewall.removed'))
      return again()
    },
  })
  const { error, variables } = change
  const isLockOut = error instanceof ApiError && error.code === 'would_lock_out'
  return (
    <Loaded query={firewall} what={t('what.firewall')}>
      {({ items, callerAddress }) => (
        <div className="stack">
          <p className="quiet">
            {t('firewall.what')} {t('firewall.you', { address: callerAddress })}
          </p>
          <div className="fields">
            {areas.map((area) => (
              <AreaMode
                key={area}
                area={area}
                onChange={(mode) =>
                  change.mutateAsync({ change: { kind: 'mode', mode: { [area]: mode } }, force: false })
                }
              />
            ))}
          </div>
          {items.length === 0 ? (
            <Empty>{t('firewall.none')}</Empty>
          ) : (
            <Table
              label={t('firewall.table')}
              rows={items}
              keyOf={({ id }) => id}
              columns={[
                {
                  name: t('firewall.address'),
                  cell: ({ cidr, includesCaller }) => (
                    <>
                      <code>{cidr}</code> {includesCaller && <span className="small">({t('firewall.isYours')})</span>}
                    </>
                  ),
                },
                { name: t('firewall.note'), cell: ({ note }) => note },
                {
                  name: t('column.action'),
                  isNameHidden: true,
                  isNumber: true,
                  cell: ({ id, cidr }) => (
                    <button
                      type="button"
                      className="plain"
                      aria-label={t('firewall.removeName', { name: cidr })}
                      disabled={change.isPending}
                      onClick={() => change.mutate({ change: { kind: 'remove', id }, force: false })}
                    >
                      {t('firewall.remove')}
                    </button>
                  ),
                },
              ]}
            />
          )}
          <Problem error={isLockOut ? null : error} />
          <AddAddress
            mine={items.some(({ includesCaller }) => includesCaller) ? null : callerAddress}
            onAdded={again}
          />
          {isLockOut && variables !== undefined && (
            <Confirm
              title={t('firewall.lockTitle')}
              action={t('firewall.force')}
              isBusy={change.isPending}
              onConfirm={() => change.mutate({ ...variables, force: true })}
              onClose={change.reset}
            >
              <p>{t('firewall.lockWhat', { address: callerAddress })}</p>
            </Confirm>
          )}
        </div>
      )}
    </Loaded>
  )
}

type Mode = FirewallView['mode']
type AreaProps = { area: keyof Mode; onChange: (mode: Mode[keyof Mode]) => Promise<unknown> }

function AreaMode({ area, onChange }: AreaProps) {
  const firewall = useQuery(queries.firewall())
  const mode = useSavedAtOnce(firewall.data?.mode[area] ?? 'allow_all', onChange, ['firewall'])
  return (
    <Select
      label={t(`firewall.${area}`)}
      value={mode.value}
      options={modes.map((value) => ({ value, label: t(`firewall.${value}`) }))}
      onChange={(value) => mode.change(value as Mode[keyof Mode])}
    />
  )
}

/** `mine`: the address of whoever looks, while the list has it not. */
function AddAddress({ mine, onAdded }: { mine: string | null; onAdded: () => Promise<unknown> }) {
  /** A new form is an empty one. */
  const [added, setAdded] = useState(0)
  const { mutate, error, isPending } = useMutation({
    mutationFn: api.addAddress,
    onSuccess() {
      setAdded((count) => count + 1)
      toast(t('firewall.added'))
      return onAdded()
    },
  })
  return (
    <>
      <Form
        key={added}
        label={t('firewall.add')}
        submit={t('firewall.add')}
        error={error}
        isBusy={isPending}
        onSubmit={({ cidr = '', note = '' }) => mutate({ cidr, note })}
      >
        <Field
          name="cidr"
          label={t('firewall.address')}
          hint={t('firewall.addressHint')}
          autoComplete="off"
          error={error}
        />
        <Field
          name="note"
          label={t('firewall.note')}
          required={false}
          maxLength={200}
          autoComplete="off"
          error={error}
        />
      </Form>
      {mine !== null && (
        <div>
          <button
            type="button"
            disabled={isPending}
            onClick={() => mutate({ cidr: mine, note: t('firewall.mineNote') })}
          >
            {t('firewall.mine', { address: mine })}
          </button>
        </div>
      )}
    </>
  )
}

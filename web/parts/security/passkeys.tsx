import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { PasskeyView } from '../../../src/contract/passkeys.ts'
import { api } from '../../api.ts'
import { age } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { useNow } from '../../now.ts'
import { addPasskey, browserHasPasskeys } from '../../passkeys.ts'
import { queries } from '../../queries.ts'
import { DeleteDialog } from '../../ui/delete-dialog.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Field, Form } from '../../ui/field.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { Moment } from '../../ui/status.tsx'
import { Table } from '../../ui/table.tsx'
import { toast } from '../../ui/toast.tsx'

/** The admin's passkeys, and a new one where the browser can make one. */
export function Passkeys() {
  const nowMs = useNow(60_000)
  const passkeys = useQuery(queries.passkeys())
  const [renamed, setRenamed] = useState<PasskeyView | null>(null)
  const [removed, setRemoved] = useState<PasskeyView | null>(null)
  return (
    <Loaded query={passkeys} what={t('what.passkeys')}>
      {({ items, unavailable }) => (
        <div className="stack">
          <p className="quiet">{t('passkeys.what')}</p>
          {items.length === 0 ? (
            <Empty>{t('passkeys.none')}</Empty>
          ) : (
            <Table
              label={t('passkeys.table')}
              rows={items}
              keyOf={({ id }) => id}
              columns={[
                { name: t('passkeys.name'), cell: ({ name }) => name },
                {
                  name: t('passkeys.host'),
                  isExtra: true,
                  cell: ({ host, worksHere }) => (worksHere ? host : `${host} (${t('passkeys.notHere')})`),
                },
                {
                  name: t('passkeys.used'),
                  cell: ({ lastUsedAt }) =>
                    lastUsedAt === null ? (
                      t('passkeys.never')
                    ) : (
                      <Moment at={lastUsedAt}>{age(lastUsedAt, nowMs)}</Moment>
                    ),
                },
                {
                  name: t('column.action'),
                  isNameHidden: true,
                  isNumber: true,
                  cell: (passkey) => (
                    <>
                      <button
                        type="button"
                        className="plain"
                        aria-label={t('passkeys.renameName', { name: passkey.name })}
                        onClick={() => setRenamed(passkey)}
                      >
                        {t('passkeys.rename')}
                      </button>
                      <button
                        type="button"
                        className="plain"
                        aria-label={t('passkeys.removeName', { name: passkey.name })}
                        onClick={() => setRemoved(passkey)}
                      >
                        {t('passkeys.remove')}
                      </button>
                    </>
                  ),
                },
              ]}
            />
          )}
          {unavailable !== null || !browserHasPasskeys() ? (
            <p className="notice">{unavailable ?? t('passkeys.unsupported')}</p>
          ) : (
            <AddPasskey hasOne={items.some(({ worksHere }) => worksHere)} />
          )}
          {renamed !== null && <Rename passkey={renamed} onClose={() => setRenamed(null)} />}
          {removed !== null && <Remove passkey={removed} onClose={() => setRemoved(null)} />}
        </div>
      )}
    </Loaded>
  )
}

/** Whoever adds one shows again who it is: with the password, or with one that is known. */
function AddPasskey({ hasOne }: { hasOne: boolean }) {
  const client = useQueryClient()
  const [isOpen, setOpen] = useState(false)
  const [name, setName] = useState('')
  const { mutate, error, isPending } = useMutation({
    mutationFn: addPasskey,
    onSuccess() {
      setOpen(false)
      toast(t('passkeys.added'))
      void client.invalidateQueries({ queryKey: ['session'] })
      return client.invalidateQueries({ queryKey: ['passkeys'] })
    },
  })
  if (!isOpen) {
    return (
      <div>
        <button type="button" onClick={() => setOpen(true)}>
          {t('passkeys.add')}
        </button>
      </div>
    )
  }
  const named = name.trim() || t('passkeys.nameDefault')
  return (
    <div className="stack">
      <Form
        label={t('passkeys.add')}
        submit={t('passkeys.addDo')}
        error={error}
        isBusy={isPending}
        onSubmit={({ password = '' }) => mutate({ name: named, password })}
      >
        <Field
          name="name"
          label={t('passkeys.name')}
          hint={t('passkeys.nameHint')}
          value={name}
          placeholder={t('passkeys.nameDefault')}
          required={false}
          maxLength={60}
          onChange={(event) => setName(event.target.value)}
          error={error}
        />
        <Field
          name="password"
          label={t('field.passwordToRemove')}
          type="password"
          autoComplete="current-password"
          error={error}
        />
      </Form>
      {hasOne && (
        <div>
          <button
            type="button"
            className="plain"
            disabled={isPending}
            onClick={() => mutate({ name: named, password: null })}
          >
            {t('passkeys.withPasskey')}
          </button>
        </div>
      )}
    </div>
  )
}

type OneProps = { passkey: PasskeyView; onClose: () => void }

function Rename({ passkey: { id, name }, onClose }: OneProps) {
  const client = useQueryClient()
  const { mutate, error, isPending } = useMutation({
    mutationFn: (next: string) => api.renamePasskey(id, next),
    onSuccess() {
      onClose()
      toast(t('passkeys.renamed'))
      return client.invalidateQueries({ queryKey: ['passkeys'] })
    },
  })
  return (
    <Dialog title={t('passkeys.renameName', { name })} isDrawer onClose={onClose}>
      <Form
        label={t('passkeys.rename')}
        submit={t('passkeys.renameDo')}
        error={error}
        isBusy={isPending}
        onSubmit={({ name: next = '' }) => mutate(next)}
      >
        <Field name="name" label={t('passkeys.name')} defaultValue={name} maxLength={60} error={error} />
      </Form>
    </Dialog>
  )
}

function Remove({ passkey: { id, name }, onClose }: OneProps) {
  return (
    <DeleteDialog
      title={t('passkeys.removeAsk', { name })}
      action={t('passkeys.removeDo')}
      remove={() => api.removePasskey(id)}
      done={t('passkeys.removed')}
      queryKey={['passkeys']}
      onClose={onClose}
    >
      <p>{t('passkeys.removeWhat')}</p>
    </DeleteDialog>
  )
}

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { AccountView } from '../../src/contract/accounts.ts'
import { api } from '../api.ts'
import { t } from '../messages/index.ts'
import { AdminOnly } from '../role.tsx'
import { Confirm } from '../ui/dialog.tsx'
import { Problem } from '../ui/states.tsx'
import { toast } from '../ui/toast.tsx'
import { SignInAgain } from './login/sign-in-again.tsx'
import { canServe } from './standing.ts'

type Deed = { act: (id: string) => Promise<unknown>; done: string }
type Props = { account: AccountView; onDeleted?: () => void }

/** Pause or put back, and delete: whatever can be done with one account. */
export function AccountActions(props: Props) {
  return (
    <AdminOnly isSilent>
      <Actions {...props} />
    </AdminOnly>
  )
}

function Actions({ account, onDeleted }: Props) {
  const { accountId, displayName: name } = account
  const [isAsking, setAsking] = useState(false)
  const client = useQueryClient()
  const action = useMutation({
    mutationFn: ({ act }: Deed) => act(accountId),
    onSuccess: (_, { act, done }) => {
      toast(done)
      if (act === api.remove) onDeleted?.()
    },
    onSettled: () => {
      setAsking(false)
      return client.invalidateQueries({ queryKey: ['accounts'] })
    },
  })
  return (
    <>
      <div className="row actions">
        <SignInAgain account={account} />
        <Toggle account={account} isBusy={action.isPending} onDo={action.mutate} />
        <button
          type="button"
          className="plain"
          aria-label={t('account.deleteName', { name })}
          disabled={action.isPending}
          onClick={() => setAsking(true)}
        >
          {t('action.delete')}
        </button>
      </div>
      <Problem error={action.error} />
      {isAsking && (
        <Confirm
          title={t('account.deleteAsk', { name })}
          action={t('account.deleteDo')}
          isBusy={action.isPending}
          onConfirm={() => action.mutate({ act: api.remove, done: t('account.deleted', { name }) })}
          onClose={() => setAsking(false)}
        >
          <p>{t('account.deleteWhat')}</p>
        </Confirm>
      )}
    </>
  )
}

/** An account that needs a new sign-in can be neither paused nor put back. */
function Toggle({ account, isBusy, onDo }: { account: AccountView; isBusy: boolean; onDo: (deed: Deed) => void }) {
  const { status, displayName: name } = account
  if (status === 'reauth_required') return null
  const word = canServe(account) ? 'pause' : status === 'paused' ? 'resume' : 'tryNow'
  const deed = word === 'pause' ? { act: api.pause, done: 'paused' } : { act: api.reactivate, done: 'resumed' }
  const done = t(deed.done === 'paused' ? 'account.paused' : 'account.resumed', { name })
  return (
    <button
      type="button"
      aria-label={t(`account.${word}Name`, { name })}
      disabled={isBusy}
      onClick={() => onDo({ act: deed.act, done })}
    >
      {t(`action.${word}`)}
    </button>
  )
}

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { AccountView } from '../../../src/contract/accounts.ts'
import { api } from '../../api.ts'
import { Confirm } from '../../ui/confirm.tsx'
import { Quota } from '../../ui/quota.tsx'
import { messageOf } from '../../ui/states.tsx'
import { StatusWord, standingOf } from '../../ui/status.tsx'

/** Every account: what it is, how it stands, what is used of its windows, and what can be done with it. */
export function Accounts({ accounts, nowMs }: { accounts: readonly AccountView[]; nowMs: number }) {
  return (
    <ul className="accounts">
      {accounts.map((account) => (
        <AccountRow key={account.accountId} account={account} nowMs={nowMs} />
      ))}
    </ul>
  )
}

type Act = (id: string) => Promise<unknown>

function AccountRow({ account, nowMs }: { account: AccountView; nowMs: number }) {
  const { accountId, displayName, planType, workspaceLabel, windows } = account
  const [isDeleting, setDeleting] = useState(false)
  const queries = useQueryClient()
  const action = useMutation({
    mutationFn: (act: Act) => act(accountId),
    onSettled: () => queries.invalidateQueries({ queryKey: ['accounts'] }),
  })
  return (
    <li aria-label={displayName}>
      <div className="who">
        <p className="name">{displayName}</p>
        <p className="small">{[planName(planType), workspaceLabel].filter(Boolean).join(' · ')}</p>
        <StatusWord {...standingOf(account, nowMs)} />
      </div>
      <div className="windows">
        {windows.length === 0 && <p className="small">No usage figures yet.</p>}
        {windows.map((window) => (
          <Quota key={window.kind} window={window} nowMs={nowMs} />
        ))}
      </div>
      <div className="actions">
        <Toggle account={account} isBusy={action.isPending} onAct={action.mutate} />
        <button
          type="button"
          aria-label={`Delete ${displayName}`}
          disabled={action.isPending}
          onClick={() => setDeleting(true)}
        >
          Delete
        </button>
      </div>
      {action.error !== null && (
        <p className="notice bad" role="alert">
          {messageOf(action.error)}
        </p>
      )}
      {isDeleting && (
        <Confirm
          title={`Delete ${displayName}?`}
          action="Delete the account"
          onConfirm={() => action.mutate(api.remove)}
          onClose={() => setDeleting(false)}
        >
          <p>Its login is removed from this server. The log of its requests stays. You can import it again later.</p>
        </Confirm>
      )}
    </li>
  )
}

/** Pause what runs, put back what rests; an account that needs a sign-in has neither. */
function Toggle({ account, isBusy, onAct }: { account: AccountView; isBusy: boolean; onAct: (act: Act) => void }) {
  const { status, blocked, displayName } = account
  if (status === 'reauth_required') return null
  if (status === 'active' && blocked === null) {
    return (
      <button type="button" aria-label={`Pause ${displayName}`} disabled={isBusy} onClick={() => onAct(api.pause)}>
        Pause
      </button>
    )
  }
  const word = status === 'paused' ? 'Resume' : 'Try now'
  return (
    <button
      type="button"
      aria-label={`${word}: ${displayName}`}
      disabled={isBusy}
      onClick={() => onAct(api.reactivate)}
    >
      {word}
    </button>
  )
}

function planName(plan: string): string {
  return `${plan.charAt(0).toUpperCase()}${plan.slice(1)} plan`
}

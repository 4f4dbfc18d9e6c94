import { Link } from '@tanstack/react-router'
import type { AccountView } from '../../src/contract/accounts.ts'
import { t } from '../messages/index.ts'
import { useNow } from '../now.ts'
import { StatusWord } from '../ui/status.tsx'
import { AccountActions } from './account-actions.tsx'
import { needsPerson, planName, standingOf, wishesOf } from './standing.ts'
import { Windows } from './windows.tsx'

/** Accounts: who, how it stands, what is left, or what a person has to do. As a strip it shows how much runs instead of what can be done. */
export function AccountList({ accounts, isStrip = false }: { accounts: readonly AccountView[]; isStrip?: boolean }) {
  const nowMs = useNow()
  return (
    <ul className={isStrip ? 'accounts strip' : 'accounts'} aria-label={t('page.accounts')}>
      {accounts.map((account) => (
        <AccountRow key={account.accountId} account={account} nowMs={nowMs} isStrip={isStrip} />
      ))}
    </ul>
  )
}

function AccountRow({ account, nowMs, isStrip }: { account: AccountView; nowMs: number; isStrip: boolean }) {
  const { accountId, displayName, planType, workspaceLabel, inFlight, tags } = account
  const standing = standingOf(account, nowMs)
  return (
    <li aria-label={displayName}>
      <div>
        <p className="name">
          <Link to="/accounts/$accountId" params={{ accountId }}>
            {displayName}
          </Link>
        </p>
        <p className="small">
          {[planName(planType), workspaceLabel, ...wishesOf(account)].filter(Boolean).join(' · ')}
        </p>
        {tags.length > 0 && (
          <ul className="tags" aria-label={t('account.tags')}>
            {tags.map((tag) => (
              <li key={tag}>{tag}</li>
            ))}
          </ul>
        )}
      </div>
      <div>
        <StatusWord word={standing.label} tone={standing.tone} icon={standing.icon} />
        <p className="small">{standing.why}</p>
      </div>
      {needsPerson(account) && standing.fix !== null ? (
        <p className="small fix">{standing.fix}</p>
      ) : (
        <Windows windows={account.windows} nowMs={nowMs} />
      )}
      {isStrip ? (
        <p className="small number actions">{inFlight > 0 && t('account.running', { count: inFlight })}</p>
      ) : (
        <AccountActions account={account} />
      )}
    </li>
  )
}

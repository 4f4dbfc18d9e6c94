import type { AccountView } from '../../../src/contract/accounts.ts'
import { t } from '../../messages/index.ts'
import { needsPerson } from '../standing.ts'
import { ExportLogin } from './export-login.tsx'
import { ProbeAccount } from './probe-account.tsx'

/** What is done with one account by hand: try whether it answers, and give its login away. */
export function AccountTools({ account }: { account: AccountView }) {
  return (
    <div className="panel stack roomy">
      <ProbeAccount account={account} />
      {!needsPerson(account) && (
        <div className="stack">
          <p>{t('export.what')}</p>
          <ExportLogin account={account} />
        </div>
      )}
    </div>
  )
}

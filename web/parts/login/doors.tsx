import { useQuery } from '@tanstack/react-query'
import type { SignInView } from '../../../src/contract/sign-ins.ts'
import { clock } from '../../format.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Problem } from '../../ui/states.tsx'
import { type Method, useStart } from './sign-ins.ts'

type Props = { accountId: string | null; onStarted: (id: string) => void }

/** The two ways to sign in, and what is under way already, here or in another tab. */
export function SignInDoors({ accountId, onStarted }: Props) {
  const start = useStart(accountId, onStarted)
  const door = (method: Method, label: string, what: string) => (
    <div className="door">
      <p>{what}</p>
      <button type="button" className="main" disabled={start.isPending} onClick={() => start.mutate(method)}>
        {label}
      </button>
    </div>
  )
  return (
    <>
      <UnderWay accountId={accountId} onContinue={onStarted} />
      <div className="doors">
        {door('browser', t('add.browser'), t('add.browserWhat'))}
        {door('device', t('add.code'), t('add.codeWhat'))}
      </div>
      <Problem error={start.error} />
    </>
  )
}

function UnderWay({ accountId, onContinue }: { accountId: string | null; onContinue: (id: string) => void }) {
  const { data } = useQuery(queries.signIns())
  const waiting = (data?.items ?? []).filter(
    (one: SignInView) => one.status === 'pending' && one.accountId === accountId,
  )
  if (waiting.length === 0) return null
  return (
    <ul className="plain-list">
      {waiting.map(({ id, expiresAt }) => (
        <li key={id} className="row between">
          <span>{t('login.pending', { time: clock(Date.parse(expiresAt)) })}</span>
          <button type="button" onClick={() => onContinue(id)}>
            {t('login.continue')}
          </button>
        </li>
      ))}
    </ul>
  )
}

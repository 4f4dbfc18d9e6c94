import { useState } from 'react'
import type { AccountView } from '../../../src/contract/accounts.ts'
import { t } from '../../messages/index.ts'
import { Dialog } from '../../ui/dialog.tsx'
import { SignInDoors } from './doors.tsx'
import { SignInSteps } from './steps.tsx'

/** A new login in the place of one that was lost. It stays to tell how it went when nothing is wrong any more. */
export function SignInAgain({ account: { accountId, displayName: name, advice } }: { account: AccountView }) {
  const [isOpen, setOpen] = useState(false)
  const [flowId, setFlowId] = useState<string | null>(null)
  const close = () => {
    setOpen(false)
    setFlowId(null)
  }
  return (
    <>
      {advice !== null && (
        <button
          type="button"
          className="main"
          aria-label={t('login.againName', { name })}
          onClick={() => setOpen(true)}
        >
          {t('login.again')}
        </button>
      )}
      {isOpen && (
        <Dialog title={t('login.againTitle', { name })} isWide onClose={close}>
          {flowId === null ? (
            <>
              <p>{t('login.againWhat', { name })}</p>
              <SignInDoors accountId={accountId} onStarted={setFlowId} />
              <div className="row actions">
                <button type="button" onClick={close}>
                  {t('action.close')}
                </button>
              </div>
            </>
          ) : (
            <SignInSteps
              id={flowId}
              onStarted={setFlowId}
              onBack={() => setFlowId(null)}
              done={
                <button type="button" className="main" onClick={close}>
                  {t('login.done')}
                </button>
              }
            />
          )}
        </Dialog>
      )}
    </>
  )
}

import { useState } from 'react'
import { t } from '../../messages/index.ts'
import { Dialog } from '../../ui/dialog.tsx'
import { ImportDoor, type Upload, useDrop, useUpload } from '../add-accounts.tsx'
import { SignInDoors } from './doors.tsx'
import { SignInSteps } from './steps.tsx'

/** The three doors laid open: sign in, use a code, import. Files may be dropped anywhere on the page. */
export function AddAccount() {
  const upload = useUpload()
  const isOver = useDrop(upload.take)
  return <Doors upload={upload} isOver={isOver} />
}

type ButtonProps = { isOpen: boolean; onOpen: () => void; onClose: () => void }

/** The same in a dialog, which files that are dropped on the page open as well. */
export function AddAccountButton({ isOpen, onOpen, onClose }: ButtonProps) {
  const upload = useUpload()
  const isOver = useDrop((files) => {
    onOpen()
    upload.take(files)
  })
  const close = () => {
    upload.reset()
    onClose()
  }
  return (
    <>
      <button type="button" className="main" onClick={onOpen}>
        {t('overview.add')}
      </button>
      {isOpen && (
        <Dialog title={t('add.dialog')} isWide onClose={close}>
          <Doors upload={upload} isOver={isOver} onDone={close} />
        </Dialog>
      )}
    </>
  )
}

function Doors({ upload, isOver, onDone }: { upload: Upload; isOver: boolean; onDone?: () => void }) {
  const [flowId, setFlowId] = useState<string | null>(null)
  const back = () => setFlowId(null)
  if (flowId === null) {
    return (
      <div className="stack">
        <SignInDoors accountId={null} onStarted={setFlowId} />
        <ImportDoor upload={upload} isOver={isOver} />
        {onDone !== undefined && (
          <div className="row actions">
            <button type="button" onClick={onDone}>
              {t('action.close')}
            </button>
          </div>
        )}
      </div>
    )
  }
  return (
    <SignInSteps
      id={flowId}
      onStarted={setFlowId}
      onBack={back}
      done={
        <>
          <button type="button" onClick={back}>
            {t('login.more')}
          </button>
          {onDone !== undefined && (
            <button type="button" className="main" onClick={onDone}>
              {t('login.done')}
            </button>
          )}
        </>
      }
    />
  )
}

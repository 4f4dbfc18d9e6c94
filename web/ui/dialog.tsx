import { type ReactNode, useId, useLayoutEffect, useRef } from 'react'
import { t } from '../messages/index.ts'

type DialogProps = {
  title: string
  /** At the side of the page, with a button that closes it. */
  isDrawer?: boolean
  /** For more than a question. */
  isWide?: boolean
  children: ReactNode
  onClose: () => void
}

/** Holds the focus until it is closed; Escape closes it, and so does a press beside it. */
export function Dialog({ title, isDrawer = false, isWide = false, children, onClose }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  // A layout effect, because only a dialog that is still in the page gives the focus back when it is closed.
  useLayoutEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard has Escape and the close button.
    <dialog
      ref={dialog}
      className={isDrawer ? 'drawer' : isWide ? 'roomy-dialog' : ''}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onClick={(event) => {
        if (event.target === dialog.current && isOutside(event.nativeEvent, dialog.current)) onClose()
      }}
    >
      <div className="stack">
        <div className="row between">
          <h2 id={titleId}>{title}</h2>
          {isDrawer && (
            <button type="button" onClick={onClose}>
              {t('action.close')}
            </button>
          )}
        </div>
        {children}
      </div>
    </dialog>
  )
}

function isOutside({ clientX, clientY }: MouseEvent, element: Element): boolean {
  const { left, right, top, bottom } = element.getBoundingClientRect()
  return clientX < left || clientX > right || clientY < top || clientY > bottom
}

type ConfirmProps = {
  title: string
  children: ReactNode
  /** What the button says that does it. */
  action: string
  isBusy: boolean
  onConfirm: () => void
  onClose: () => void
}

/** Asks before something that cannot be undone. Escape and the first button leave everything as it is. */
export function Confirm({ title, children, action, isBusy, onConfirm, onClose }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <div className="row actions">
        <button type="button" onClick={onClose}>
          {t('action.keep')}
        </button>
        <button type="button" className="danger" disabled={isBusy} onClick={onConfirm}>
          {action}
        </button>
      </div>
    </Dialog>
  )
}

import { type ReactNode, useEffect, useRef } from 'react'

type ConfirmProps = {
  title: string
  children: ReactNode
  /** What the button says that does it. */
  action: string
  onConfirm: () => void
  onClose: () => void
}

/** Asks before something that cannot be undone. Escape and the first button leave everything as it is. */
export function Confirm({ title, children, action, onConfirm, onClose }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onClose={onClose}>
      <h2 id="confirm-title">{title}</h2>
      {children}
      <form method="dialog" className="actions">
        <button type="submit">Keep it</button>
        <button type="submit" className="danger" onClick={onConfirm}>
          {action}
        </button>
      </form>
    </dialog>
  )
}

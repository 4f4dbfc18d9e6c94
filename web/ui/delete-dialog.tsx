import { type QueryKey, useMutation, useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { t } from '../messages/index.ts'
import { Confirm } from './dialog.tsx'
import { Problem } from './states.tsx'
import { toast } from './toast.tsx'

type Props = {
  title: string
  /** What the button says that does it. */
  action?: string
  /** What goes with it. */
  children?: ReactNode
  remove: () => Promise<unknown>
  /** What is said once it is gone. */
  done: string
  /** What has to be asked for again then. */
  queryKey: QueryKey
  onClose: () => void
}

/** Asks before something is deleted, deletes it, and stays with the reason when that fails. */
export function DeleteDialog({ title, action, children, remove, done, queryKey, onClose }: Props) {
  const client = useQueryClient()
  const deletion = useMutation({
    mutationFn: remove,
    onSuccess() {
      toast(done)
      onClose()
    },
    onSettled: () => client.invalidateQueries({ queryKey }),
  })
  return (
    <Confirm
      title={title}
      action={action ?? t('action.delete')}
      isBusy={deletion.isPending}
      onConfirm={() => deletion.mutate()}
      onClose={onClose}
    >
      {children}
      <Problem error={deletion.error} />
    </Confirm>
  )
}

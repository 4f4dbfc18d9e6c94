import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '../api.ts'
import { t } from '../messages/index.ts'

/** Who a viewer is here, and the way out. Admins have theirs among the signed-in browsers. */
export function ViewerSession() {
  const client = useQueryClient()
  const leave = useMutation({
    mutationFn: api.logOut,
    onSettled: () => client.invalidateQueries({ queryKey: ['session'] }),
  })
  return (
    <div className="row">
      <span className="small">{t('role.signedInAs')}</span>
      <button type="button" disabled={leave.isPending} onClick={() => leave.mutate()}>
        {t('sessions.signOut')}
      </button>
    </div>
  )
}

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { t } from '../messages/index.ts'
import { AdminOnly } from '../role.tsx'
import { Confirm } from '../ui/dialog.tsx'
import { Problem } from '../ui/states.tsx'
import { toast } from '../ui/toast.tsx'

/** Begins the short windows that nobody has begun. */
export function WarmUp() {
  const [isAsking, setAsking] = useState(false)
  const client = useQueryClient()
  const warmUp = useMutation({
    mutationFn: api.warmUp,
    onSuccess: ({ warmed, failed, skipped }) => toast(t('warm.result', { warmed, failed, skipped })),
    onSettled: () => {
      setAsking(false)
      return client.invalidateQueries({ queryKey: ['accounts'] })
    },
  })
  return (
    <AdminOnly isSilent>
      <button type="button" disabled={warmUp.isPending} onClick={() => setAsking(true)}>
        {t('warm.do')}
      </button>
      <Problem error={warmUp.error} />
      {isAsking && (
        <Confirm
          title={t('warm.title')}
          action={t('warm.confirm')}
          isBusy={warmUp.isPending}
          onConfirm={() => warmUp.mutate()}
          onClose={() => setAsking(false)}
        >
          <p>{t('warm.what')}</p>
        </Confirm>
      )}
    </AdminOnly>
  )
}

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../../api.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Field, Form } from '../../ui/field.tsx'
import { Loaded, Problem } from '../../ui/states.tsx'
import { toast } from '../../ui/toast.tsx'

/** Whether there is a way in for those who only look. */
export function Viewers() {
  const client = useQueryClient()
  const viewers = useQuery(queries.viewers())
  /** A new form is an empty one. */
  const [changes, setChanges] = useState(0)
  const again = () => Promise.all([['viewers'], ['sessions']].map((queryKey) => client.invalidateQueries({ queryKey })))
  const set = useMutation({
    mutationFn: api.setViewerPassword,
    onSuccess() {
      setChanges((count) => count + 1)
      toast(t('viewers.done'))
      return again()
    },
  })
  const remove = useMutation({
    mutationFn: api.removeViewerPassword,
    onSuccess() {
      toast(t('viewers.removed'))
      return again()
    },
  })
  return (
    <Loaded query={viewers} what={t('what.viewers')}>
      {({ passwordSet }) => (
        <div className="stack">
          <p className="quiet">{t('viewers.what')}</p>
          <p className={passwordSet ? 'tone-ok' : 'quiet'}>{t(passwordSet ? 'viewers.on' : 'viewers.off')}</p>
          <Form
            key={changes}
            label={t('viewers.title')}
            submit={t(passwordSet ? 'viewers.change' : 'viewers.set')}
            error={set.error}
            isBusy={set.isPending}
            onSubmit={({ password = '' }) => set.mutate(password)}
          >
            <Field
              name="password"
              label={t('viewers.password')}
              hint={t('viewers.hint')}
              type="password"
              autoComplete="new-password"
              error={set.error}
            />
          </Form>
          {passwordSet && (
            <div>
              <button type="button" disabled={remove.isPending} onClick={() => remove.mutate()}>
                {t('viewers.remove')}
              </button>
            </div>
          )}
          <Problem error={remove.error} />
        </div>
      )}
    </Loaded>
  )
}

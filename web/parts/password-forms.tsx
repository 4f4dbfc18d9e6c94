import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { t } from '../messages/index.ts'
import { queries } from '../queries.ts'
import { Field, Form } from '../ui/field.tsx'
import { toast } from '../ui/toast.tsx'

/** The first password: from then on everybody signs in, this browser is in already. */
export function FirstPassword() {
  const client = useQueryClient()
  const { mutate, error, isPending } = useMutation({
    mutationFn: (password: string) => api.setFirstPassword({ password }),
    onSuccess(session) {
      client.setQueryData(queries.session().queryKey, session)
      toast(t('password.set'))
    },
  })
  return (
    <Form
      label={t('password.title')}
      submit={t('password.setDo')}
      error={error}
      isBusy={isPending}
      onSubmit={({ password = '' }) => mutate(password)}
    >
      <Field
        name="password"
        label={t('field.newPassword')}
        hint={t('field.newPasswordHint')}
        type="password"
        autoComplete="new-password"
        error={error}
      />
    </Form>
  )
}

export function ChangePassword() {
  const client = useQueryClient()
  /** A new form is an empty one. */
  const [changes, setChanges] = useState(0)
  const { mutate, error, isPending } = useMutation({
    mutationFn: ({ current, next }: { current: string; next: string }) => api.changePassword(current, next),
    onSuccess() {
      setChanges((count) => count + 1)
      toast(t('password.changed'))
      return client.invalidateQueries({ queryKey: ['sessions'] })
    },
  })
  return (
    <Form
      key={changes}
      label={t('password.title')}
      submit={t('password.changeDo')}
      error={error}
      isBusy={isPending}
      onSubmit={({ currentPassword = '', newPassword = '' }) => mutate({ current: currentPassword, next: newPassword })}
    >
      <Field
        name="currentPassword"
        label={t('field.currentPassword')}
        type="password"
        autoComplete="current-password"
        error={error}
      />
      <Field
        name="newPassword"
        label={t('field.newPassword')}
        hint={t('password.changeHint')}
        type="password"
        autoComplete="new-password"
        error={error}
      />
    </Form>
  )
}

export function RemovePassword() {
  const client = useQueryClient()
  const { mutate, error, isPending } = useMutation({
    mutationFn: api.removePassword,
    onSuccess() {
      toast(t('password.removed'))
      return client.invalidateQueries({ queryKey: ['session'] })
    },
  })
  return (
    <>
      <p className="quiet">{t('password.removeWhat')}</p>
      <Form
        label={t('password.removeTitle')}
        submit={t('password.removeDo')}
        error={error}
        isBusy={isPending}
        onSubmit={({ password = '' }) => mutate(password)}
      >
        <Field
          name="password"
          label={t('field.passwordToRemove')}
          type="password"
          autoComplete="current-password"
          error={error}
        />
      </Form>
    </>
  )
}

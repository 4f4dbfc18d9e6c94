import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { SignInView } from '../../../src/contract/sign-ins.ts'
import { api } from '../../api.ts'
import { t } from '../../messages/index.ts'
import { Field, Form } from '../../ui/field.tsx'

/** Takes the address that the sign-in has ended on, where the browser could not get back by itself. */
export function PasteForm({ flow }: { flow: SignInView }) {
  const client = useQueryClient()
  const paste = useMutation({
    mutationFn: (callbackUrl: string) => api.pasteCallback(flow.id, callbackUrl),
    onSuccess: (next) => client.setQueryData(['sign-ins', flow.id], next),
    onSettled: () => client.invalidateQueries({ queryKey: ['sign-ins'] }),
  })
  return (
    <Form
      label={t('login.paste')}
      submit={t('login.pasteDo')}
      error={paste.error}
      isBusy={paste.isPending}
      onSubmit={({ callbackUrl = '' }) => paste.mutate(callbackUrl)}
    >
      <Field
        name="callbackUrl"
        label={t('login.paste')}
        hint={t('login.pasteHint', { address: flow.callbackUrl ?? '' })}
        error={paste.error}
        autoComplete="off"
        spellCheck={false}
      />
    </Form>
  )
}

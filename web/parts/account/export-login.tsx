import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { AccountView } from '../../../src/contract/accounts.ts'
import { api } from '../../api.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Choices } from '../../ui/controls.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Field, Form } from '../../ui/field.tsx'
import { toast } from '../../ui/toast.tsx'

const formats = ['codex', 'opencode'] as const
type Format = (typeof formats)[number]

/** A file with the login, after the password was asked for again and the danger was told. */
export function ExportLogin({ account: { accountId, displayName: name } }: { account: AccountView }) {
  const [isOpen, setOpen] = useState(false)
  const [format, setFormat] = useState<Format>('codex')
  const session = useQuery(queries.session())
  const close = () => {
    setOpen(false)
    save.reset()
  }
  const save = useMutation({
    mutationFn: (password: string | undefined) =>
      api.exportAccount(accountId, { format, ...(password === undefined ? {} : { password }) }),
    onSuccess({ file, text }) {
      download(file, text)
      toast(t('export.done', { file }))
      close()
    },
  })
  return (
    <>
      <button type="button" className="start" onClick={() => setOpen(true)}>
        {t('export.do')}
      </button>
      {isOpen && (
        <Dialog title={t('export.title', { name })} isWide onClose={close}>
          <div className="notice warn">
            <p>{t('export.warn')}</p>
            <p>{t('export.secret')}</p>
          </div>
          <Form
            label={t('export.do')}
            submit={t('export.download')}
            error={save.error}
            isBusy={save.isPending}
            onSubmit={({ password }) => save.mutate(password)}
          >
            <Choices
              label={t('export.format')}
              value={format}
              options={formats.map((value) => ({ value, label: t(`export.${value}`) }))}
              onChange={setFormat}
            />
            {session.data?.passwordRequired && (
              <Field
                name="password"
                type="password"
                label={t('export.password')}
                autoComplete="current-password"
                error={save.error}
              />
            )}
          </Form>
          <div className="row actions">
            <button type="button" onClick={close}>
              {t('action.close')}
            </button>
          </div>
        </Dialog>
      )}
    </>
  )
}

/** The browser saves it; nothing of it stays in the page. */
function download(file: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
  const link = document.createElement('a')
  link.href = url
  link.download = file
  link.click()
  URL.revokeObjectURL(url)
}

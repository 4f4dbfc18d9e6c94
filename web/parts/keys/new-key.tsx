import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { ApiKeyCreated } from '../../../src/contract/api-keys.ts'
import { api } from '../../api.ts'
import { t } from '../../messages/index.ts'
import { Copyable } from '../../ui/controls.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { useDraft } from '../../ui/draft.ts'
import { Field } from '../../ui/field.tsx'
import { Problem } from '../../ui/states.tsx'
import { ConnectClient } from '../connect-client.tsx'
import { KeyRulesFields, noRules } from './key-rules.tsx'

/** Asks for a name, and for rules where somebody wants them; then shows the key. */
export function NewKey({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const [name, setName] = useState('')
  const draft = useDraft(noRules)
  const create = useMutation({
    mutationFn: () => api.createApiKey({ name, ...draft.changes }),
    onSettled: () => client.invalidateQueries({ queryKey: ['api-keys'] }),
  })
  const send = (event: FormEvent) => {
    event.preventDefault()
    create.mutate()
  }
  if (create.data !== undefined) return <KeySecret made={create.data} onClose={onClose} />
  const { error } = create
  return (
    <Dialog title={t('keys.create')} onClose={onClose}>
      <form className="stack" aria-label={t('keys.create')} noValidate onSubmit={send}>
        <Field
          name="name"
          label={t('key.name')}
          hint={t('key.nameHint')}
          autoFocus
          maxLength={128}
          autoComplete="off"
          value={name}
          error={error}
          onChange={({ target }) => setName(target.value)}
        />
        <details>
          <summary>{t('keys.limitsAndMore')}</summary>
          <KeyRulesFields draft={draft} error={error} />
        </details>
        <Problem error={error} />
        <div className="row actions">
          <button type="button" onClick={onClose}>
            {t('action.close')}
          </button>
          <button type="submit" className="main" disabled={create.isPending}>
            {create.isPending ? t('state.working') : t('keys.createDo')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

/** The only time that a key is shown. Only its button closes it: a press beside it must not cost the key. */
export function KeySecret({ made, onClose }: { made: ApiKeyCreated; onClose: () => void }) {
  return (
    <Dialog title={t('key.made')} onClose={() => {}}>
      <p className="notice warn">{t('key.madeWhat')}</p>
      <Copyable label={t('key.key')} where={t('key.where')} text={made.key} />
      <h3>{t('key.use')}</h3>
      <ConnectClient apiKey={made.key} />
      <div className="row actions">
        <button type="button" className="main" onClick={onClose}>
          {t('key.madeDone')}
        </button>
      </div>
    </Dialog>
  )
}

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react'
import type { SettingsView } from '../../../src/contract/settings.ts'
import { api } from '../../api.ts'
import type { ApiError } from '../../call.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { useDraft } from '../../ui/draft.ts'
import { SaveBar } from '../../ui/save-bar.tsx'
import { toast } from '../../ui/toast.tsx'
import type { SettingsDraft } from './number-setting.tsx'

export type SettingsEdit = {
  draft: SettingsDraft
  error: Error | ApiError | null
  isBusy: boolean
  /** How often edits were thrown away: parts that keep what is typed begin anew with each. */
  discards: number
  save(): void
}

/** Edits of settings, until they are saved or thrown away. Only what was changed is sent. */
export function useSettingsEdit(settings: SettingsView): SettingsEdit {
  const client = useQueryClient()
  const draft = useDraft(settings)
  const [discards, setDiscards] = useState(0)
  const saving = useMutation({
    mutationFn: api.changeSettings,
    onSuccess(saved) {
      client.setQueryData(queries.settings().queryKey, saved)
      draft.discard()
      toast(t('settings.saved'))
    },
  })
  const discard = () => {
    draft.discard()
    saving.reset()
    setDiscards(discards + 1)
  }
  return {
    draft: { ...draft, discard },
    error: saving.error,
    isBusy: saving.isPending,
    discards,
    save: () => saving.mutate(draft.changes),
  }
}

type SettingsFormProps = { label: string; edit: SettingsEdit; children: ReactNode }

/** A form of settings, which leads to what the server did not take. */
export function SettingsForm({ label, edit: { draft, error, isBusy, save }, children }: SettingsFormProps) {
  const form = useRef<HTMLFormElement>(null)
  useEffect(() => {
    if (error !== null) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [error])
  const send = (event: FormEvent) => {
    event.preventDefault()
    save()
  }
  return (
    <form ref={form} className="sections" aria-label={label} noValidate onSubmit={send}>
      {children}
      <SaveBar isSticky draft={draft} error={error} isBusy={isBusy} />
    </form>
  )
}

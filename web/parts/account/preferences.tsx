import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useEffect, useRef } from 'react'
import type { AccountChange, AccountView } from '../../../src/contract/accounts.ts'
import type { SettingsView } from '../../../src/contract/settings.ts'
import { api } from '../../api.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { Choices, Select } from '../../ui/controls.tsx'
import { type Draft, useDraft } from '../../ui/draft.ts'
import { Field, type FormProblem, faultOf } from '../../ui/field.tsx'
import { SaveBar } from '../../ui/save-bar.tsx'
import { TagsField } from '../../ui/tags-field.tsx'
import { toast } from '../../ui/toast.tsx'
import { useWays, wayOf, wayOptions, wayText, wayValue } from '../network/ways.ts'
import { hasTiers } from '../routing/strategies.ts'

const policies: readonly AccountView['policy'][] = ['normal', 'preserve', 'burn_first']

/** What a person wants of one account: when it serves, before whom, and its tags. */
export function Preferences({ account }: { account: AccountView }) {
  const { accountId, displayName: name, policy, priority, tags, egress, alias } = account
  const client = useQueryClient()
  const accounts = useQuery(queries.accounts())
  const settings = useQuery(queries.settings())
  const draft = useDraft({ policy, priority, tags, egress, alias })
  const form = useRef<HTMLFormElement>(null)
  const save = useMutation({
    mutationFn: (changes: AccountChange) => api.changeAccount(accountId, changes),
    async onSuccess(_, sent) {
      await client.invalidateQueries({ queryKey: ['accounts'] })
      void client.invalidateQueries({ queryKey: ['egress'] })
      // The form goes on while it is saved.
      draft.saved(sent)
      toast(t('account.useSaved', { name }))
    },
  })
  const { error } = save
  useEffect(() => {
    if (error !== null) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [error])
  const known = [...new Set((accounts.data?.accounts ?? []).flatMap((one) => one.tags))].toSorted()
  const isIgnored = settings.data !== undefined && !hasTiers(settings.data.strategy)
  const send = (event: FormEvent) => {
    event.preventDefault()
    save.mutate(draft.changes)
  }
  const discard = () => {
    draft.discard()
    save.reset()
  }
  return (
    <form ref={form} className="panel stack" aria-label={t('account.use')} noValidate onSubmit={send}>
      {isIgnored && <p className="notice">{t('policy.ignored')}</p>}
      <Field
        name="alias"
        label={t('account.alias')}
        hint={t('account.aliasHint')}
        required={false}
        maxLength={80}
        placeholder={account.email ?? ''}
        value={draft.values.alias ?? ''}
        error={error}
        onChange={(event) => draft.set('alias', event.target.value === '' ? null : event.target.value)}
      />
      <Choices
        label={t('policy.label')}
        value={draft.values.policy}
        options={policies.map((value) => ({
          value,
          label: t(`policy.${value}`),
          what: t(`policy.${value}.what`),
        }))}
        onChange={(value) => draft.set('policy', value)}
      />
      <Field
        type="number"
        name="priority"
        label={t('account.priority')}
        hint={t('account.priorityHint')}
        min={-100}
        max={100}
        value={Number.isNaN(draft.values.priority) ? '' : draft.values.priority}
        error={error}
        onChange={(event) => draft.set('priority', event.target.valueAsNumber)}
      />
      <TagsField
        name="tags"
        label={t('account.tags')}
        hint={t('account.tagsHint')}
        tags={draft.values.tags}
        known={known}
        error={error}
        onChange={(value) => draft.set('tags', value)}
      />
      <AccountWay draft={draft} settings={settings.data} error={error} />
      <SaveBar draft={{ ...draft, discard }} error={error} isBusy={save.isPending} />
    </form>
  )
}

type WayProps = {
  draft: Draft<Pick<AccountView, 'policy' | 'priority' | 'tags' | 'egress'>>
  settings: SettingsView | undefined
  error: FormProblem | null
}

/** How the account reaches the upstream. Shown where there is something to choose. */
function AccountWay({ draft, settings, error }: WayProps) {
  const known = useWays()
  const chosen = draft.values.egress
  if (known.proxies.length + known.pools.length === 0 && chosen.kind === 'default') return null
  const ofAll = t('way.default', { way: wayText(settings?.defaultEgress ?? null, known) })
  return (
    <div className="stack">
      <Select
        label={t('account.way')}
        value={wayValue(chosen)}
        options={[{ value: 'default', label: ofAll }, ...wayOptions(known, chosen)]}
        fault={faultOf(error, 'egress')}
        onChange={(value) => draft.set('egress', wayOf(value))}
      />
      <p className="small">{t('account.wayHint')}</p>
    </div>
  )
}

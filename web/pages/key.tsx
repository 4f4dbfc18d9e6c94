import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import type { ApiKeyChange, ApiKeyView } from '../../src/contract/api-keys.ts'
import { api } from '../api.ts'
import { age } from '../format.ts'
import { t } from '../messages/index.ts'
import { useNow } from '../now.ts'
import { type KeyRules, KeyRulesFields } from '../parts/keys/key-rules.tsx'
import { LimitStandings } from '../parts/keys/key-table.tsx'
import { editable } from '../parts/keys/limits-field.tsx'
import { KeySecret } from '../parts/keys/new-key.tsx'
import { figuresOf, keyMarks } from '../parts/keys/words.ts'
import { queries } from '../queries.ts'
import { Switch } from '../ui/controls.tsx'
import { Confirm } from '../ui/dialog.tsx'
import { useDraft } from '../ui/draft.ts'
import { Facts } from '../ui/facts.tsx'
import { Field } from '../ui/field.tsx'
import { Page, Section } from '../ui/page.tsx'
import { SaveBar } from '../ui/save-bar.tsx'
import { Empty, Loaded, Problem } from '../ui/states.tsx'
import { Moment, StatusWord } from '../ui/status.tsx'
import { toast } from '../ui/toast.tsx'

/** One key: what it took, what it may do, and how to end it. */
export function KeyPage() {
  const { keyId } = useParams({ from: '/keys/$keyId' })
  const keys = useQuery(queries.apiKeys())
  return (
    <Loaded query={keys} what={t('what.keys')}>
      {({ items }) => {
        const key = items.find(({ id }) => id === keyId)
        return key === undefined ? <Gone /> : <OneKey key={key.id} apiKey={key} />
      }}
    </Loaded>
  )
}

function Gone() {
  return (
    <Page name={t('page.keys')} title={t('page.keys')}>
      <Empty>
        {t('key.gone')} <Link to="/keys">{t('keys.all')}</Link>
      </Empty>
    </Page>
  )
}

function OneKey({ apiKey }: { apiKey: ApiKeyView }) {
  const nowMs = useNow(60_000)
  const { name, prefix, status, usage, limits, limitUse, createdAt, lastUsedAt, accountsInScope } = apiKey
  const lead = (
    <>
      <StatusWord word={t(`key.status.${status}`)} {...keyMarks[status]} /> <span className="code">{prefix}…</span>
    </>
  )
  return (
    <Page name={name} title={name} lead={lead} actions={<KeyActions apiKey={apiKey} />}>
      <Section title={t('key.facts')}>
        <Facts
          facts={[
            { name: t('key.sevenDays'), value: figuresOf(usage.sevenDays) },
            { name: t('key.lifetime'), value: figuresOf(usage.lifetime) },
            { name: t('key.limits'), value: <LimitStandings limits={limits} limitUse={limitUse} /> },
            {
              name: t('key.lastUsed'),
              value:
                lastUsedAt === null ? t('key.neverUsed') : <Moment at={lastUsedAt}>{age(lastUsedAt, nowMs)}</Moment>,
            },
            { name: t('key.created'), value: <Moment at={createdAt}>{age(createdAt, nowMs)}</Moment> },
          ]}
        />
      </Section>
      <Section title={t('key.rules')}>
        {accountsInScope !== null && <p className="notice">{t('key.inScope', { count: accountsInScope })}</p>}
        <KeyForm apiKey={apiKey} />
      </Section>
    </Page>
  )
}

function KeyForm({ apiKey }: { apiKey: ApiKeyView }) {
  const client = useQueryClient()
  const saved: KeyRules & Pick<ApiKeyView, 'name' | 'isActive'> = {
    ...{ name: apiKey.name, isActive: apiKey.isActive, notes: apiKey.notes, limits: editable(apiKey.limits) },
    ...{ allowedModels: apiKey.allowedModels, enforcedModel: apiKey.enforcedModel },
    ...{ enforcedEffort: apiKey.enforcedEffort, allowedEfforts: apiKey.allowedEfforts },
    ...{ enforcedServiceTier: apiKey.enforcedServiceTier, accountIds: apiKey.accountIds, tags: apiKey.tags },
    ...{ allowedAddresses: apiKey.allowedAddresses, poolSharePercent: apiKey.poolSharePercent },
    expiresAt: apiKey.expiresAt,
  }
  const draft = useDraft(saved)
  /** Grows when the edits are over, so that rows that are edited in place begin anew. */
  const [round, setRound] = useState(0)
  const save = useMutation({
    mutationFn: (changes: ApiKeyChange) => api.changeApiKey(apiKey.id, changes),
    async onSuccess({ name }) {
      await client.invalidateQueries({ queryKey: ['api-keys'] })
      draft.discard()
      setRound((before) => before + 1)
      toast(t('key.saved', { name }))
    },
  })
  const { error } = save
  const send = (event: FormEvent) => {
    event.preventDefault()
    save.mutate(draft.changes)
  }
  const discard = () => {
    draft.discard()
    setRound((before) => before + 1)
    save.reset()
  }
  return (
    <form className="panel stack" aria-label={t('key.rules')} noValidate onSubmit={send}>
      <Field
        name="name"
        label={t('key.name')}
        maxLength={128}
        autoComplete="off"
        value={draft.values.name}
        error={error}
        onChange={({ target }) => draft.set('name', target.value)}
      />
      <Switch
        label={t('key.isActive')}
        what={t('key.isActiveWhat')}
        isOn={draft.values.isActive}
        onChange={(isOn) => draft.set('isActive', isOn)}
      />
      <KeyRulesFields key={round} draft={draft} error={error} />
      <SaveBar draft={{ ...draft, discard }} error={error} isBusy={save.isPending} isSticky />
    </form>
  )
}

function KeyActions({ apiKey: { id, name } }: { apiKey: ApiKeyView }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const [asking, setAsking] = useState<'renew' | 'delete' | null>(null)
  const refresh = () => client.invalidateQueries({ queryKey: ['api-keys'] })
  const renew = useMutation({
    mutationFn: () => api.renewApiKey(id),
    onSettled: () => {
      setAsking(null)
      return refresh()
    },
  })
  const remove = useMutation({
    mutationFn: () => api.deleteApiKey(id),
    async onSuccess() {
      toast(t('key.deleted', { name }))
      await navigate({ to: '/keys' })
    },
    onSettled: () => {
      setAsking(null)
      return refresh()
    },
  })
  return (
    <>
      <button type="button" onClick={() => setAsking('renew')}>
        {t('key.renew')}
      </button>
      <button type="button" className="danger" onClick={() => setAsking('delete')}>
        {t('key.delete')}
      </button>
      <Problem error={renew.error ?? remove.error} />
      {asking === 'renew' && (
        <Confirm
          title={t('key.renewAsk', { name })}
          action={t('key.renewDo')}
          isBusy={renew.isPending}
          onConfirm={() => renew.mutate()}
          onClose={() => setAsking(null)}
        >
          <p>{t('key.renewWhat')}</p>
        </Confirm>
      )}
      {asking === 'delete' && (
        <Confirm
          title={t('key.deleteAsk', { name })}
          action={t('key.deleteDo')}
          isBusy={remove.isPending}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsking(null)}
        >
          <p>{t('key.deleteWhat')}</p>
        </Confirm>
      )}
      {renew.data !== undefined && <KeySecret made={renew.data} onClose={() => renew.reset()} />}
    </>
  )
}

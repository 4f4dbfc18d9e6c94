import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react'
import type { SettingsGroupView, SettingsView } from '../../../src/contract/settings.ts'
import { api } from '../../api.ts'
import { ApiError } from '../../call.ts'
import { t } from '../../messages/index.ts'
import { queries } from '../../queries.ts'
import { type Draft, useDraft } from '../../ui/draft.ts'
import { SaveBar } from '../../ui/save-bar.tsx'
import { toast } from '../../ui/toast.tsx'
import { settingName, settingValue } from './setting-names.ts'

type Name = keyof SettingsView

/** Edits of settings; `values` has those of the group that is edited. */
export type SettingsDraft = Draft<SettingsView> & {
  defaults: Partial<SettingsView>
  /** Puts the default of a setting back, until that is saved or thrown away. */
  reset(name: keyof SettingsView): void
}

/** A setting that somebody else has changed after it was edited here. */
type Conflict = { name: Name; theirs: unknown; mine: unknown }

export type SettingsEdit = {
  draft: SettingsDraft
  error: Error | ApiError | null
  isBusy: boolean
  /** How often values were put back that nobody has typed: parts that keep what is typed begin anew with each. */
  discards: number
  conflicts: readonly Conflict[]
  /** Gives an edit up for what somebody else has saved. */
  takeTheirs(name: keyof SettingsView): void
  save(): void
}

const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)

/** Edits of a group's settings, until they are saved or thrown away. Only what was changed is sent. */
export function useSettingsEdit(group: SettingsGroupView): SettingsEdit {
  const client = useQueryClient()
  const { queryKey } = queries.settingsGroup(group.group)
  // The server's own shape; a form reads the settings of its group only.
  const saved = group.values as SettingsView
  const draft = useDraft(saved)
  /** What was saved when an edit began. */
  const [bases, setBases] = useState<Partial<SettingsView>>({})
  const [discards, setDiscards] = useState(0)
  const conflictsWith = (now: SettingsView): Conflict[] =>
    (Object.keys(draft.changes) as Name[])
      .filter((name) => name in bases && !isSame(bases[name], now[name]) && !isSame(draft.values[name], now[name]))
      .map((name) => ({ name, theirs: now[name], mine: draft.values[name] }))

  const saving = useMutation({
    mutationFn: (version: number) =>
      api.changeSettingsGroup(group.group, { ...typed(draft.changes), expectedVersion: version }),
    onSuccess(now) {
      client.setQueryData(queryKey, now)
      void client.invalidateQueries({ queryKey: ['settings'] })
      draft.discard()
      setBases({})
      toast(t('settings.saved'))
    },
    onError(error) {
      if (!(error instanceof ApiError) || error.code !== 'settings_conflict' || error.current === null) return
      const now = error.current as SettingsGroupView
      client.setQueryData(queryKey, now)
      // What somebody else has changed is none of what was edited here.
      if (conflictsWith(now.values as SettingsView).length === 0) saving.mutate(now.version)
    },
  })
  const forget = (...names: Name[]) =>
    setBases((before) => Object.fromEntries(Object.entries(before).filter(([name]) => !names.includes(name as Name))))
  const set: SettingsDraft['set'] = (name, value) => {
    setBases((before) => (name in before ? before : { ...before, [name]: saved[name] }))
    draft.set(name, value)
  }
  const drop: SettingsDraft['drop'] = (...names) => {
    forget(...names)
    draft.drop(...names)
  }
  const defaults: Partial<SettingsView> = Object.fromEntries(group.fields.map((field) => [field.name, field.default]))
  const conflicts = conflictsWith(saved)
  const isToldAsConflict = saving.error instanceof ApiError && saving.error.code === 'settings_conflict'
  return {
    draft: {
      ...draft,
      ...{ defaults, set, drop },
      reset(name) {
        set(name, defaults[name] as SettingsView[typeof name])
        setDiscards(discards + 1)
      },
      discard() {
        draft.discard()
        setBases({})
        saving.reset()
        setDiscards(discards + 1)
      },
    },
    error: isToldAsConflict ? null : saving.error,
    isBusy: saving.isPending,
    discards,
    conflicts,
    takeTheirs(name) {
      drop(name)
      setDiscards(discards + 1)
    },
    save: () => saving.mutate(group.version),
  }
}

/** An empty field of a number is no wish for the default, as null would be: the server is to say that it is no number. */
function typed(changes: Partial<SettingsView>): Partial<SettingsView> {
  const sent = Object.entries(changes).map(([name, value]) => [name, Number.isNaN(value) ? '' : value])
  return Object.fromEntries(sent) as Partial<SettingsView>
}

type SettingsFormProps = { label: string; edit: SettingsEdit; children: ReactNode }

/** A form of settings, which leads to what the server did not take, and to the setting that the address names. */
export function SettingsForm({ label, edit, children }: SettingsFormProps) {
  const { draft, error, isBusy, save } = edit
  const form = useRef<HTMLFormElement>(null)
  useEffect(() => {
    if (error !== null) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [error])
  useEffect(() => {
    const lead = () => {
      const name = decodeURIComponent(location.hash.slice(1))
      const place = name === '' ? undefined : form.current?.querySelector(`#${CSS.escape(name)}`)
      place?.scrollIntoView({ block: 'center' })
      place?.querySelector<HTMLElement>('input:checked, input, select, textarea, button')?.focus()
    }
    lead()
    addEventListener('hashchange', lead)
    return () => removeEventListener('hashchange', lead)
  }, [])
  const send = (event: FormEvent) => {
    event.preventDefault()
    save()
  }
  return (
    <form ref={form} className="sections" aria-label={label} noValidate onSubmit={send}>
      {children}
      <Conflicts edit={edit} />
      <SaveBar isSticky draft={draft} error={error} isBusy={isBusy} />
    </form>
  )
}

/** Both values, where somebody else was faster. */
function Conflicts({ edit: { conflicts, takeTheirs } }: { edit: SettingsEdit }) {
  return (
    <div role="status" className="conflicts">
      {conflicts.length > 0 && (
        <section className="notice warn stack" aria-label={t('settings.conflict')}>
          <strong>{t('settings.conflict')}</strong>
          {conflicts.map(({ name, theirs, mine }) => {
            const words = { name: settingName(name), theirs: settingValue(theirs), mine: settingValue(mine) }
            return (
              <div key={name} className="row between">
                <span>{t('settings.conflictOne', words)}</span>
                <button type="button" onClick={() => takeTheirs(name)}>
                  {t('settings.takeTheirs', { theirs: words.theirs })}
                </button>
              </div>
            )
          })}
        </section>
      )}
    </div>
  )
}

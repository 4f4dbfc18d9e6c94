import type { Actor } from '../domain/access.ts'
import { defaultSettings, type Settings, type SettingsState, settingMeta } from '../domain/settings.ts'
import type { Clock } from '../lib/clock.ts'
import type { SettingsChangeBy, SettingsChanged, Store } from '../store/store.ts'

/** A change as a person writes it: null puts a setting back to its default, unless null is a value of it. */
export type SettingsEdit = { [K in keyof Settings]?: Settings[K] | null | undefined }

/** The settings as they are in force here. */
export type SettingsKeeper = {
  now(): Settings
  state(): SettingsState
  /** In force when the promise resolves. @throws ZodError for what is not valid */
  change(edit: SettingsEdit, by: Actor, expected?: SettingsChangeBy['expected']): Promise<SettingsChanged>
  /** Takes over what another process has changed. */
  refresh(): Promise<void>
}

type KeeperDeps = {
  store: Store['settings']
  clock: Clock
  /** Told after every change, wherever it was made, with what counted before. */
  onChange: (before: Settings) => void
}

export async function createSettingsKeeper({ store, clock, onChange }: KeeperDeps): Promise<SettingsKeeper> {
  let current = await store.load()
  /** Two answers may come in another order than they were given. */
  const adopt = (state: SettingsState) => {
    if (state.revision <= current.revision) return
    const before = current.values
    current = state
    onChange(before)
  }
  return {
    now: () => current.values,
    state: () => current,
    async change(edit, { kind, name }, expected) {
      const changed = await store.change(resolved(edit), { by: { kind, name }, atMs: clock.now(), expected })
      adopt(changed.state)
      return changed
    },
    async refresh() {
      if ((await store.revision()) !== current.revision) adopt(await store.load())
    },
  }
}

/** The edit with defaults where null asks for them, without what it leaves open. */
export function resolved(edit: SettingsEdit): Partial<Settings> {
  const names = Object.keys(edit) as (keyof Settings)[]
  const named = names.filter((name) => edit[name] !== undefined)
  return Object.fromEntries(
    named.map((name) => [
      name,
      edit[name] === null && !settingMeta[name].isNullable ? defaultSettings[name] : edit[name],
    ]),
  )
}

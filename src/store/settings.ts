import { isDeepStrictEqual } from 'node:util'
import { eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import {
  type GroupState,
  pickSettings,
  Settings,
  type SettingsGroup,
  type SettingsState,
  settingMeta,
  settingsGroups,
  settingsOf,
} from '../domain/settings.ts'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Db, Unit } from './unit.ts'

type Row = Tables['settings']['$inferSelect']

/** The row of releases that kept all settings in one. It still counts for groups that have no row yet. */
const allInOne = 'settings'
const nameOf = (group: SettingsGroup) => `${allInOne}.${group}`

export function createSettings({ settings, counters }: Tables, unit: Unit): Store['settings'] {
  /** The counter's row is locked: units that change settings take turns, so what they read afterwards holds. */
  async function count(tx: Db, by: 0 | 1): Promise<number> {
    const [row] = await tx
      .insert(counters)
      .values({ name: 'settings', value: by })
      .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + ${by}` } })
      .returning({ value: counters.value })
    return row?.value ?? 0
  }
  async function revision(tx: Db): Promise<number> {
    const [row] = await tx.select().from(counters).where(eq(counters.name, 'settings'))
    return row?.value ?? 0
  }
  async function put(tx: Db, row: Row): Promise<void> {
    await tx.insert(settings).values(row).onConflictDoUpdate({ target: settings.name, set: row })
  }
  return {
    load() {
      return unit('settings.load', async (tx) => {
        // In this order: rows that are newer than their number are read once more, older ones would stay.
        const number = await revision(tx)
        return stateOf(await tx.select().from(settings), number)
      })
    },
    revision: () => unit('settings.revision', revision),
    change(change, { by, atMs, expected }) {
      return unit('settings.change', async (tx) => {
        const number = await count(tx, 0)
        const state = stateOf(await tx.select().from(settings), number)
        if (expected && state.groups[expected.group].version !== expected.version) return { kind: 'stale', state }
        const values = Settings.parse({ ...state.values, ...change })
        const groups = { ...state.groups }
        const changed = settingsGroups.filter((group) => {
          const names = settingsOf(group)
          return !isDeepStrictEqual(pickSettings(values, names), pickSettings(state.values, names))
        })
        for (const group of changed) {
          const stands: GroupState = {
            version: groups[group].version + 1,
            updatedAtMs: Math.round(atMs),
            updatedBy: by,
          }
          groups[group] = stands
          await put(tx, { name: nameOf(group), value: pickSettings(values, settingsOf(group)), ...stands })
        }
        const revisionNow = changed.length > 0 ? await count(tx, 1) : number
        return { kind: 'changed', before: state.values, state: { values, groups, revision: revisionNow } }
      })
    },
  }
}

function stateOf(rows: readonly Row[], revision: number): SettingsState {
  const byName = new Map(rows.map((row) => [row.name, row]))
  const groups = settingsGroups.map((group) => {
    const { version = 0, updatedAtMs = null, updatedBy = null } = byName.get(nameOf(group)) ?? {}
    return [group, { version, updatedAtMs, updatedBy }]
  })
  return { values: readSettings(byName), groups: Object.fromEntries(groups), revision }
}

const fields = z.record(z.string(), z.unknown()).catch({})

/** One unreadable field, of an older or a newer release, must not cost the person the others. */
function readSettings(rows: ReadonlyMap<string, Row>): Settings {
  const old = fields.parse(rows.get(allInOne)?.value)
  // The name that this strategy had at first.
  if (old.strategy === 'least_used') old.strategy = 'usage_weighted'
  const byGroup = settingsGroups.map((group) => fields.parse(rows.get(nameOf(group))?.value))
  // A setting that has moved to another group since is still found; where it is now comes first.
  const elsewhere: Record<string, unknown> = Object.assign({}, old, ...byGroup)
  const own = Object.fromEntries(settingsGroups.map((group, at) => [group, byGroup[at] ?? {}]))
  const usable = Object.entries(Settings.shape).flatMap(([field, schema]) => {
    const group = own[settingMeta[field as keyof Settings].group] ?? {}
    const read = schema.safeParse(Object.hasOwn(group, field) ? group[field] : elsewhere[field])
    return read.success ? [[field, read.data]] : []
  })
  return Settings.parse(Object.fromEntries(usable))
}

import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { Pool } from '../accounts/pool.ts'
import {
  GroupChange,
  SettingsChange,
  SettingsGroupList,
  SettingsGroupView,
  SettingsView,
} from '../contract/settings.ts'
import type { Principal } from '../domain/access.ts'
import {
  defaultSettings,
  pickSettings,
  type Settings,
  type SettingsGroup,
  type SettingsState,
  settingMeta,
  settingsGroups,
  settingsOf,
} from '../domain/settings.ts'
import type { Egress } from '../egress/registry.ts'
import { AppError } from '../errors.ts'
import { resolved, type SettingsEdit, type SettingsKeeper } from '../settings/keeper.ts'
import { iso } from './account-views.ts'
import { checkEgress } from './check-egress.ts'
import { type Call, route } from './route.ts'

export type SettingsDeps = { pool: Pick<Pool, 'get'>; egress: Pick<Egress, 'downOf'>; settings: SettingsKeeper }

const ofGroup = z.object({ group: z.string() })

export function settingsRoutes(deps: SettingsDeps) {
  const { settings } = deps
  return [
    route(
      { method: 'GET', path: '/api/settings', access: 'admin', summary: 'All settings', answer: SettingsView },
      async () => settings.now(),
    ),
    route(
      {
        method: 'PATCH',
        path: '/api/settings',
        access: 'admin',
        audit: 'settings.change',
        summary: 'Change the settings that are named, of whatever group; null puts the default back',
        body: SettingsChange,
        answer: SettingsView,
      },
      async (call) => (await change(call, call.body, undefined, deps)).values,
    ),
    route(
      {
        method: 'GET',
        path: '/api/settings/groups',
        access: 'admin',
        summary: 'All settings by group, with the version of each group and the default of each setting',
        answer: SettingsGroupList,
      },
      async ({ request }) => {
        const items = settingsGroups.map((group) => groupView(group, settings.state(), request.principal))
        return { items, nextCursor: null }
      },
    ),
    route(
      {
        method: 'GET',
        path: '/api/settings/groups/:group',
        access: 'admin',
        summary: 'The settings of one group',
        params: ofGroup,
        answer: SettingsGroupView,
      },
      async ({ params, request }) => groupView(groupOf(params.group), settings.state(), request.principal),
    ),
    route(
      {
        method: 'PATCH',
        path: '/api/settings/groups/:group',
        access: 'admin',
        audit: 'settings.change',
        summary: 'Change settings of one group, unless it has another version than the one that is expected',
        params: ofGroup,
        body: GroupChange,
        answer: SettingsGroupView,
      },
      async (call) => {
        const group = groupOf(call.params.group)
        const { expectedVersion, ...edit } = call.body
        checkGroup(group, edit)
        const expected = expectedVersion === undefined ? undefined : { group, version: expectedVersion }
        call.audit({ target: { kind: 'settings', id: group } })
        return groupView(group, await change(call, edit, expected, deps), call.request.principal)
      },
    ),
  ]
}

type Expected = { group: SettingsGroup; version: number } | undefined

/** @throws AppError for accounts that are not there, and when the group has another version */
async function change(
  { request, audit }: Pick<Call<never, never, never>, 'request' | 'audit'>,
  edit: SettingsEdit,
  expected: Expected,
  { pool, egress, settings }: SettingsDeps,
): Promise<SettingsState> {
  const named = resolved(edit)
  checkAccounts(named, { ...settings.now(), ...named }, pool)
  checkEgress(named.defaultEgress ?? { kind: 'direct' }, 'defaultEgress', egress)
  const actor = request.principal?.actor ?? { kind: 'stranger' as const, name: null, address: null }
  const changed = await settings.change(edit, actor, expected)
  if (changed.kind === 'stale') throw conflict(expected, changed.state, request.principal)
  const { before, state } = changed
  const names = Object.keys(named) as (keyof Settings)[]
  audit({ before: pickSettings(before, names), after: pickSettings(state.values, names) })
  return state
}

function conflict(expected: Expected, state: SettingsState, principal: Principal | null): AppError {
  if (expected === undefined) throw new Error('A change that expects no version cannot be stale.')
  const current = groupView(expected.group, state, principal)
  const message = `Somebody else has changed these settings: they have version ${current.version} now, not ${expected.version}.`
  return new AppError('settings_conflict', { message, current })
}

/** @throws AppError */
function groupOf(name: string): SettingsGroup {
  const group = settingsGroups.find((one) => one === name)
  if (group === undefined) throw new AppError('settings_group_not_found')
  return group
}

/** @throws AppError naming each setting that belongs elsewhere */
function checkGroup(group: SettingsGroup, edit: SettingsEdit): void {
  const fields = (Object.keys(edit) as (keyof Settings)[])
    .filter((name) => settingMeta[name].group !== group)
    .map((path) => ({ path, message: `belongs to the group "${settingMeta[path].group}", not "${group}".` }))
  refuse(fields)
}

function groupView(group: SettingsGroup, state: SettingsState, principal: Principal | null): SettingsGroupView {
  const { version, updatedAtMs, updatedBy } = state.groups[group]
  const names = settingsOf(group)
  return {
    group,
    version,
    updatedAt: updatedAtMs === null ? null : iso(updatedAtMs),
    updatedBy: updatedBy && { kind: updatedBy.kind, name: principal?.role === 'admin' ? updatedBy.name : null },
    values: pickSettings(state.values, names),
    fields: names.map((name) => ({
      name,
      unit: settingMeta[name].unit,
      default: defaultSettings[name],
      isDefault: isDeepStrictEqual(state.values[name], defaultSettings[name]),
      isNullable: settingMeta[name].isNullable,
    })),
  }
}

/** Settings that name accounts name accounts that are there. @throws AppError naming each field at fault */
function checkAccounts(change: Partial<Settings>, next: Settings, pool: Pick<Pool, 'get'>): void {
  const unknown = (id: string) => pool.get(id) === null
  const message = 'There is no account with this id.'
  const fields = (change.drainOrder ?? []).flatMap((id, at) =>
    unknown(id) ? [{ path: `drainOrder.${at}`, message }] : [],
  )
  const { singleAccountId } = next
  const names = change.strategy !== undefined || change.singleAccountId !== undefined
  if (names && next.strategy === 'single_account' && singleAccountId === null) {
    fields.push({ path: 'singleAccountId', message: 'Name the account that is to serve alone.' })
  } else if (change.singleAccountId != null && unknown(change.singleAccountId)) {
    fields.push({ path: 'singleAccountId', message })
  }
  refuse(fields)
}

function refuse(fields: { path: string; message: string }[]): void {
  const [first] = fields
  if (first) throw new AppError('invalid_request', { message: `${first.path}: ${first.message}`, fields })
}

import type { Pool } from '../accounts/pool.ts'
import { SettingsChange, SettingsView } from '../contract/settings.ts'
import type { Settings } from '../domain/settings.ts'
import { AppError } from '../errors.ts'
import { type AnyRoute, route } from './route.ts'

export type SettingsDeps = {
  pool: Pick<Pool, 'get'>
  read: () => Settings
  change: (change: Partial<Settings>) => Promise<Settings>
}

export function settingsRoutes({ pool, read, change }: SettingsDeps): AnyRoute[] {
  return [
    route(
      { method: 'GET', path: '/api/settings', access: 'viewer', summary: 'All settings', answer: SettingsView },
      async () => read(),
    ),
    route(
      {
        method: 'PATCH',
        path: '/api/settings',
        access: 'admin',
        audit: 'settings.change',
        summary: 'Change the settings that are named',
        body: SettingsChange,
        answer: SettingsView,
      },
      async ({ body, audit }) => {
        const named: Partial<Settings> = Object.fromEntries(
          Object.entries(body).filter(([, value]) => value !== undefined),
        )
        checkAccounts(named, { ...read(), ...named }, pool)
        const before = read()
        const after = await change(named)
        const names = Object.keys(named) as (keyof Settings)[]
        const changed = (of: Settings) => Object.fromEntries(names.map((name) => [name, of[name]]))
        audit({ before: changed(before), after: changed(after) })
        return after
      },
    ),
  ]
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
  const [first] = fields
  if (first) throw new AppError('invalid_request', { message: `${first.path}: ${first.message}`, fields })
}

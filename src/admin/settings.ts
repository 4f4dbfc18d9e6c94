import { SettingsChange, SettingsView } from '../contract/settings.ts'
import type { Settings } from '../domain/settings.ts'
import { type AnyRoute, route } from './route.ts'

export type SettingsDeps = { read: () => Settings; change: (change: Partial<Settings>) => Promise<Settings> }

export function settingsRoutes({ read, change }: SettingsDeps): AnyRoute[] {
  return [
    route(
      { method: 'GET', path: '/api/settings', access: 'session', summary: 'All settings', answer: SettingsView },
      async () => read(),
    ),
    route(
      {
        method: 'PATCH',
        path: '/api/settings',
        access: 'session',
        summary: 'Change the settings that are named',
        body: SettingsChange,
        answer: SettingsView,
      },
      async ({ body }) => {
        const named = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined))
        return change(named)
      },
    ),
  ]
}

import type { FastifyInstance } from 'fastify'
import { SettingsChange } from '../contract/settings.ts'
import type { Settings } from '../domain/settings.ts'

export type SettingsDeps = { read: () => Settings; save: (settings: Settings) => Promise<void> }

export function addSettingsRoutes(app: FastifyInstance, { read, save }: SettingsDeps): void {
  app.get('/api/settings', { config: { access: 'local' } }, async () => read())
  app.patch<{ Body: Partial<Settings> }>(
    '/api/settings',
    { schema: { body: SettingsChange }, config: { access: 'local' } },
    async ({ body }) => {
      await save({ ...read(), ...body })
      return read()
    },
  )
}

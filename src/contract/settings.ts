import { z } from 'zod'
import { Settings } from '../domain/settings.ts'

export { Settings as SettingsView } from '../domain/settings.ts'

/** Without their defaults, which would reset what a change does not name. */
const changes = Object.fromEntries(
  Object.entries(Settings.shape).map(([name, field]) => [name, field.unwrap().optional()]),
)

/** A change names only what it changes; a name that is no setting is an error. */
export const SettingsChange = z.strictObject(changes) as unknown as z.ZodType<Partial<Settings>>

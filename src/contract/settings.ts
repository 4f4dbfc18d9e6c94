import { Settings } from '../domain/settings.ts'

export { Settings as SettingsView } from '../domain/settings.ts'

/** A change names only what it changes; a name that is no setting is an error. */
export const SettingsChange = Settings.partial().strict()

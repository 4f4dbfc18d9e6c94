import { z } from 'zod'
import { Settings, settingsGroups } from '../domain/settings.ts'
import { moment } from './common.ts'

export { Settings as SettingsView } from '../domain/settings.ts'

/**
 * Without their defaults, which would reset what a change does not name. Null puts a setting back to its default, where
 * null is no value of the setting itself.
 */
const changes = Object.fromEntries(
  Object.entries(Settings.shape).map(([name, field]) => [name, field.unwrap().nullable().optional()]),
)

export type SettingsChange = { [K in keyof Settings]?: Settings[K] | null | undefined }

/** A change names only what it changes; a name that is no setting is an error. */
export const SettingsChange = z.strictObject(changes) as unknown as z.ZodType<SettingsChange>

export type GroupChange = SettingsChange & { expectedVersion?: number | undefined }

/** The same for one group. With the version that the change is made against, nothing is changed when there is a newer one. */
export const GroupChange = z.strictObject({
  expectedVersion: z.int().min(0).optional(),
  ...changes,
}) as unknown as z.ZodType<GroupChange>

export const SettingsGroupView = z.object({
  group: z.enum(settingsGroups),
  /** Grows by one with each change; 0: all is as it came. */
  version: z.int(),
  updatedAt: moment.nullable(),
  /** Who has changed it last. A viewer does not see the name. */
  updatedBy: z.object({ kind: z.string(), name: z.string().nullable() }).nullable(),
  values: z.record(z.string(), z.unknown()),
  fields: z.array(
    z.object({
      name: z.string(),
      unit: z.string().nullable(),
      default: z.unknown(),
      isDefault: z.boolean(),
      /** Whether null is a value of the setting; else null in a change puts the default back. */
      isNullable: z.boolean(),
    }),
  ),
})
export type SettingsGroupView = z.infer<typeof SettingsGroupView>

export const SettingsGroupList = z.object({ items: z.array(SettingsGroupView), nextCursor: z.null() })

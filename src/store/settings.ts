import { eq } from 'drizzle-orm'
import { z } from 'zod'
import { Settings } from '../domain/settings.ts'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Unit } from './unit.ts'

const name = 'settings'

export function createSettings({ settings }: Tables, unit: Unit): Store['settings'] {
  return {
    async load() {
      const [row] = await unit('settings.load', async (tx) => tx.select().from(settings).where(eq(settings.name, name)))
      return readSettings(row?.value)
    },
    async save(next) {
      const value = Settings.parse(next)
      await unit('settings.save', async (tx) => {
        await tx.insert(settings).values({ name, value }).onConflictDoUpdate({ target: settings.name, set: { value } })
      })
    },
  }
}

/** One unreadable field, of an older or a newer release, must not cost the person the others. */
function readSettings(stored: unknown): Settings {
  const given = z.record(z.string(), z.unknown()).catch({}).parse(stored)
  // The name that this strategy had at first.
  if (given.strategy === 'least_used') given.strategy = 'usage_weighted'
  const usable = Object.entries(Settings.shape).flatMap(([field, schema]) => {
    const read = schema.safeParse(given[field])
    return read.success ? [[field, read.data]] : []
  })
  return Settings.parse(Object.fromEntries(usable))
}

import { asc, count, eq } from 'drizzle-orm'
import type { FirewallArea, FirewallMode } from '../domain/firewall.ts'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Unit } from './unit.ts'

export function createFirewall({ firewallEntries: t, firewallAreas: areas }: Tables, unit: Unit): Store['firewall'] {
  return {
    load: () =>
      unit('firewall.load', async (tx) => {
        const entries = await tx.select().from(t).orderBy(asc(t.createdAtMs), asc(t.id))
        const mode: Record<FirewallArea, FirewallMode> = { proxy: 'allow_all', dashboard: 'allow_all' }
        for (const row of await tx.select().from(areas)) mode[row.area] = row.mode
        return { mode, entries }
      }),
    add: (entry, most) =>
      unit('firewall.add', async (tx) => {
        const [there] = await tx.select({ all: count() }).from(t)
        if ((there?.all ?? 0) >= most) return false
        const added = await tx.insert(t).values(entry).onConflictDoNothing().returning({ id: t.id })
        return added.length > 0
      }),
    remove: (id) =>
      unit('firewall.remove', async (tx) => {
        const removed = await tx.delete(t).where(eq(t.id, id)).returning({ id: t.id })
        return removed.length > 0
      }),
    async setModes(modes) {
      await unit('firewall.setModes', async (tx) => {
        for (const [area, mode] of Object.entries(modes) as [FirewallArea, FirewallMode][]) {
          await tx.insert(areas).values({ area, mode }).onConflictDoUpdate({ target: areas.area, set: { mode } })
        }
      })
    },
  }
}

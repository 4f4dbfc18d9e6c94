import { and, asc, count, eq, lt, or } from 'drizzle-orm'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Unit } from './unit.ts'

export function createPasskeys({ passkeys: t }: Tables, unit: Unit): Store['passkeys'] {
  return {
    list: () => unit('passkeys.list', async (tx) => tx.select().from(t).orderBy(asc(t.createdAtMs), asc(t.id))),
    add: (passkey, most) =>
      unit('passkeys.add', async (tx) => {
        const [there] = await tx.select({ all: count() }).from(t)
        if ((there?.all ?? 0) >= most) return false
        const added = await tx.insert(t).values(passkey).onConflictDoNothing().returning({ id: t.id })
        return added.length > 0
      }),
    rename: (id, name) =>
      unit('passkeys.rename', async (tx) => {
        const renamed = await tx.update(t).set({ name }).where(eq(t.id, id)).returning({ id: t.id })
        return renamed.length > 0
      }),
    remove: (id) =>
      unit('passkeys.remove', async (tx) => {
        const removed = await tx.delete(t).where(eq(t.id, id)).returning({ id: t.id })
        return removed.length > 0
      }),
    use: (id, counter, nowMs) =>
      unit('passkeys.use', async (tx) => {
        // An authenticator that does not count says 0 each time.
        const grown = counter === 0 ? or(lt(t.counter, counter), eq(t.counter, 0)) : lt(t.counter, counter)
        const used = await tx
          .update(t)
          .set({ counter, lastUsedAtMs: nowMs })
          .where(and(eq(t.id, id), grown))
          .returning({ id: t.id })
        return used.length > 0
      }),
  }
}

import { and, desc, eq, gt, lte, ne } from 'drizzle-orm'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Unit } from './unit.ts'

export function createSessions({ sessions }: Tables, unit: Unit): Store['sessions'] {
  return {
    async add(session) {
      await unit('sessions.add', async (tx) => {
        await tx.insert(sessions).values(session)
      })
    },
    async get(idHash, nowMs) {
      const [row] = await unit('sessions.get', async (tx) =>
        tx
          .select()
          .from(sessions)
          .where(and(eq(sessions.idHash, idHash), gt(sessions.expiresAtMs, nowMs))),
      )
      return row ?? null
    },
    async touch(idHash, lastSeenAtMs, expiresAtMs) {
      await unit('sessions.touch', async (tx) => {
        await tx.update(sessions).set({ lastSeenAtMs, expiresAtMs }).where(eq(sessions.idHash, idHash))
      })
    },
    async replace(idHash, session) {
      await unit('sessions.replace', async (tx) => {
        await tx.delete(sessions).where(eq(sessions.idHash, idHash))
        await tx.insert(sessions).values(session)
      })
    },
    end: (idHash) =>
      unit('sessions.end', async (tx) => {
        const ended = await tx
          .delete(sessions)
          .where(eq(sessions.idHash, idHash))
          .returning({ idHash: sessions.idHash })
        return ended.length > 0
      }),
    endAll: (keptIdHash) =>
      unit('sessions.endAll', async (tx) => {
        const others = keptIdHash === null ? undefined : ne(sessions.idHash, keptIdHash)
        const ended = await tx.delete(sessions).where(others).returning({ idHash: sessions.idHash })
        return ended.length
      }),
    list: (nowMs) =>
      unit('sessions.list', async (tx) =>
        tx.select().from(sessions).where(gt(sessions.expiresAtMs, nowMs)).orderBy(desc(sessions.lastSeenAtMs)),
      ),
    async prune(nowMs) {
      await unit('sessions.prune', async (tx) => {
        await tx.delete(sessions).where(lte(sessions.expiresAtMs, nowMs))
      })
    },
  }
}

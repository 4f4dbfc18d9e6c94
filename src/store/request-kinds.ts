import { asc, eq, gt, sql } from 'drizzle-orm'
import { dimensions, type KnownKind, type RequestKind } from '../domain/request-sums.ts'
import type { Tables } from './schema.ts'
import type { Db, Unit } from './unit.ts'

/** Clients name models and themselves: beyond so many combinations what they say is not told apart any more. */
const maxKinds = 200_000
const other = '(other)'

export type Kinds = ReturnType<typeof createKinds>

/** The numbers of kinds, given once and kept in memory. */
export function createKinds({ requestKinds: t, counters }: Tables, unit: Unit) {
  const byName = new Map<string, number>()
  const known: KnownKind[] = []
  let newestId = 0
  let isLoaded = false

  const remember = (kinds: readonly KnownKind[]) => {
    isLoaded = true
    for (const kind of kinds) {
      if (kind.id <= newestId) continue
      byName.set(nameOf(kind), kind.id)
      known.push(kind)
      newestId = kind.id
    }
  }
  const newer = (tx: Db) => tx.select().from(t).where(gt(t.id, newestId)).orderBy(asc(t.id))
  /** Numbers are given in the order of commits: the counter's row is held until the end of the unit. */
  const add = async (tx: Db, kind: RequestKind, name: string): Promise<number> => {
    const [last] = await tx
      .insert(counters)
      .values({ name: 'request_kinds', value: 1 })
      .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + 1` } })
      .returning({ id: counters.value })
    const id = last?.id ?? 0
    const [made] = await tx
      .insert(t)
      .values({ ...kind, id, name })
      .onConflictDoNothing()
      .returning({ id: t.id })
    if (made) return id
    // Another process has met it first.
    const [found] = await tx.select({ id: t.id }).from(t).where(eq(t.name, name))
    return found?.id ?? 0
  }
  return {
    /** Gives numbers within one unit. A unit may be undone: `settled` is called when it was not. */
    inUnit() {
      const added = new Map<string, number>()
      return {
        async idOf(tx: Db, kind: RequestKind): Promise<number> {
          if (!isLoaded) remember((await newer(tx)).map(withoutName))
          const kept = byName.size + added.size < maxKinds ? kind : restOf(kind)
          const name = nameOf(kept)
          const id = byName.get(name) ?? added.get(name) ?? (await add(tx, kept, name))
          if (!byName.has(name)) added.set(name, id)
          return id
        },
        settled() {
          // Not among those that are listed: one that another process has added before it may still be unknown here.
          for (const [name, id] of added) byName.set(name, id)
        },
      }
    },
    /** All that are known, by number; another process may have added some. Do not change it. */
    async list(): Promise<readonly KnownKind[]> {
      const more = await unit('requestSums.kinds', async (tx) => newer(tx))
      remember(more.map(withoutName))
      return known
    },
  }
}

function withoutName({ name: _name, ...kind }: KnownKind & { name: string }): KnownKind {
  return kind
}

function nameOf(kind: RequestKind): string {
  return JSON.stringify(dimensions.map((one) => kind[one]))
}

function restOf({ account, key }: RequestKind): RequestKind {
  return { account, key, model: other, client: other, effort: other, tier: other }
}

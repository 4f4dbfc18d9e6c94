import { and, asc, desc, eq, gte, inArray, isNull, lt, type SQL, sql } from 'drizzle-orm'
import type { StoredName, StoredObject } from '../domain/stored.ts'
import { itemsById } from '../domain/stored-items.ts'
import { AppError } from '../errors.ts'
import type { Vault } from '../lib/secrets.ts'
import { createResponseEvents } from './response-events.ts'
import { createResponseItems } from './response-items.ts'
import { type ContentRow, createResponseRows, type ObjectRow, storable, whole } from './response-rows.ts'
import type { Tables } from './schema.ts'
import type { Store, StoredPage } from './store.ts'
import type { Db, Unit } from './unit.ts'

/** No conversation is longer; it keeps a damaged row from costing a walk without end. */
const longestChain = 10_000
/** Metadata is sealed, so a page that is narrowed to it is looked for in batches, over at most so many rows. */
const searchedRows = 5_000
const batchRows = 100

export function createResponses(tables: Tables, unit: Unit, vault: Vault): Store['responses'] {
  const { responses: t, responseContents: c } = tables
  const rows = createResponseRows(vault)
  const { prune: pruneEvents, ...events } = createResponseEvents(tables, unit, rows)
  const { index, holders } = createResponseItems(tables, unit)
  const running = inArray(t.status, ['queued', 'in_progress'])
  const ofKey = (keyId: string | null) => (keyId === null ? isNull(t.keyId) : eq(t.keyId, keyId))
  const named = ({ kind, id, keyId }: StoredName) => and(eq(t.id, storable(id)), eq(t.kind, kind), ofKey(keyId))
  const withContent = (tx: Db, where: SQL | undefined) =>
    tx.select({ row: t, content: c }).from(t).innerJoin(c, eq(c.responseId, t.id)).where(where).$dynamic()
  const opened = (found: readonly { row: ObjectRow; content: ContentRow }[]): StoredObject[] =>
    found.map(({ row, content }) => rows.objectOf(row, content))

  return {
    ...events,
    holders,
    add(object) {
      const { row, content } = rows.rowsOf(object)
      const itemIds = itemsById(object).keys()
      return unit('responses.add', async (tx) => {
        const added = await tx.insert(t).values(row).onConflictDoNothing().returning({ id: t.id })
        if (added.length === 0) return false
        await tx.insert(c).values(content)
        await index(tx, row, itemIds)
        return true
      })
    },
    async get(name) {
      const found = await unit('responses.get', async (tx) => withContent(tx, named(name)))
      return opened(found)[0] ?? null
    },
    async chain({ kind, id, keyId }, { sinceMs, maxBytes }) {
      const walked = await unit('responses.chain', async (tx) => {
        const walk: ObjectRow[] = []
        let bytes = 0
        for (let next: string | null = storable(id); next !== null && walk.length < longestChain; ) {
          const [row]: ObjectRow[] = await tx
            .select()
            .from(t)
            .where(and(eq(t.id, next), eq(t.kind, kind), gte(t.createdAtMs, sinceMs)))
          if (row !== undefined && row.keyId !== keyId && walk.length === 0) return 'foreign'
          if (row === undefined || row.keyId !== keyId) break
          walk.push(row)
          bytes += row.inputBytes + row.outputBytes
          if (bytes > maxBytes) return 'too_large'
          next = row.previousId
        }
        const contents: ContentRow[] = []
        for (const row of walk) contents.push(...(await tx.select().from(c).where(eq(c.responseId, row.id))))
        return walk.flatMap((row, at) => (contents[at] ? [{ row, content: contents[at] }] : []))
      })
      if (typeof walked === 'string') return { kind: walked }
      if (walked.length === 0) return { kind: 'unknown' }
      return { kind: 'found', objects: opened(walked), isWhole: walked.at(-1)?.row.previousId === null }
    },
    change(id, { output, status, aliveUntilMs }) {
      const sealed = output && rows.sealOutput(id, output)
      const set = {
        ...(status && { status }),
        ...(aliveUntilMs !== undefined && { aliveUntilMs: whole(aliveUntilMs) }),
        ...(sealed && { outputBytes: sealed.outputBytes }),
      }
      return unit('responses.change', async (tx) => {
        const changed = await tx
          .update(t)
          .set(set)
          .where(and(eq(t.id, id), running))
          .returning({ id: t.id, kind: t.kind, keyId: t.keyId, createdAtMs: t.createdAtMs })
        const [row] = changed
        if (row === undefined) return false
        if (sealed) await tx.update(c).set({ output: sealed.output }).where(eq(c.responseId, id))
        if (output) await index(tx, row, itemsById({ id, input: [], output }).keys())
        return true
      })
    },
    async renew(ids, aliveUntilMs) {
      if (ids.length === 0) return []
      const renewed = await unit('responses.renew', async (tx) =>
        tx
          .update(t)
          .set({ aliveUntilMs: Math.round(aliveUntilMs) })
          .where(and(inArray(t.id, [...ids]), running))
          .returning({ id: t.id }),
      )
      return renewed.map(({ id }) => id)
    },
    async lost(nowMs, limit) {
      const found = await unit('responses.lost', async (tx) =>
        withContent(tx, and(lt(t.aliveUntilMs, nowMs), running)).limit(limit),
      )
      return opened(found)
    },
    async setMetadata(name, metadata) {
      const sealed = rows.sealMetadata(name.id, metadata)
      const changed = await unit('responses.setMetadata', async (tx) =>
        tx.update(t).set({ metadata: sealed }).where(named(name)).returning({ id: t.id }),
      )
      return changed.length > 0
    },
    async remove(name) {
      const removed = await unit('responses.remove', async (tx) =>
        tx.delete(t).where(named(name)).returning({ id: t.id }),
      )
      return removed.length > 0
    },
    async page(query) {
      const found = await unit('responses.page', async (tx) => search(tx, query))
      const items: StoredObject[] = []
      for (const { row, content } of found.slice(0, query.limit)) items.push(rows.objectOf(row, content))
      return { items, hasMore: found.length > query.limit }
    },
    prune({ objectsMs, eventsMs }, limit) {
      return unit('responses.prune', async (tx) => {
        const old = tx.select({ id: t.id }).from(t).where(lt(t.createdAtMs, objectsMs)).limit(limit)
        const removed = await tx.delete(t).where(inArray(t.id, old)).returning({ id: t.id })
        return removed.length === limit || (await pruneEvents(tx, eventsMs, limit)) === limit
      })
    },
  }

  /** One more than the page holds, where there is one more. */
  async function search(tx: Db, query: StoredPage): Promise<{ row: ObjectRow; content: ContentRow }[]> {
    const { kind, keyId, sinceMs, order, limit, model, metadata = {} } = query
    const direction = order === 'asc' ? asc : desc
    const wanted = Object.entries(metadata)
    const base = [eq(t.kind, kind), ofKey(keyId), gte(t.createdAtMs, sinceMs)]
    const found: { row: ObjectRow; content: ContentRow }[] = []
    let place = query.after === null ? null : await placeOf(tx, { kind, id: query.after, keyId })
    for (let searched = 0; found.length <= limit && searched < searchedRows; searched += batchRows) {
      const beyond =
        place &&
        sql`(${t.createdAtMs}, ${t.id}) ${sql.raw(order === 'asc' ? '>' : '<')} (${place.createdAtMs}, ${place.id})`
      const batch: ObjectRow[] = await tx
        .select()
        .from(t)
        .where(and(...base, model === undefined ? undefined : eq(t.model, storable(model)), beyond ?? undefined))
        .orderBy(direction(t.createdAtMs), direction(t.id))
        .limit(batchRows)
      const fitting = batch.filter((row) => {
        const own = wanted.length === 0 ? {} : rows.metadataOf(row)
        return wanted.every(([name, value]) => own[name] === value)
      })
      for (const row of fitting.slice(0, limit + 1 - found.length)) {
        const [content] = await tx.select().from(c).where(eq(c.responseId, row.id))
        if (content) found.push({ row, content })
      }
      place = batch.at(-1) ?? place
      if (batch.length < batchRows) break
    }
    return found
  }

  async function placeOf(tx: Db, name: StoredName): Promise<Pick<ObjectRow, 'createdAtMs' | 'id'>> {
    const [row] = await tx.select({ createdAtMs: t.createdAtMs, id: t.id }).from(t).where(named(name))
    if (row) return row
    throw new AppError('invalid_request', { message: `There is no ${name.id} in the list.`, param: 'after' })
  }
}

import { desc, eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { RequestRecord } from '../domain/request.ts'
import { AppError } from '../errors.ts'
import type { Tables } from './schema.ts'
import type { Store } from './store.ts'
import type { Unit } from './unit.ts'

type Row = Tables['requests']['$inferSelect']
type Place = { atMs: number; id: string }

export function createRequests({ requests: t }: Tables, unit: Unit): Store['requests'] {
  return {
    async add(records) {
      if (records.length === 0) return
      await unit('requests.add', async (tx) => {
        await tx.insert(t).values(records.map(rowOf)).onConflictDoNothing()
      })
    },
    /** Throws AppError invalid_request for a cursor that is not ours. */
    async page({ limit, cursor }) {
      const after = cursor === null ? null : readCursor(cursor)
      const rows = await unit('requests.page', async (tx) =>
        tx
          .select()
          .from(t)
          .where(after === null ? undefined : sql`(${t.atMs}, ${t.id}) < (${after.atMs}, ${after.id})`)
          .orderBy(desc(t.atMs), desc(t.id))
          .limit(limit + 1),
      )
      const items = rows.slice(0, limit).map(recordOf)
      const last = items.at(-1)
      return { items, nextCursor: rows.length > limit && last ? writeCursor(last) : null }
    },
    async get(id) {
      const [row] = await unit('requests.get', async (tx) => tx.select().from(t).where(eq(t.id, id)))
      return row ? recordOf(row) : null
    },
  }
}

const Cursor = z.tuple([z.int(), z.string()])

function writeCursor({ atMs, id }: Place): string {
  return Buffer.from(JSON.stringify([atMs, id])).toString('base64url')
}

function readCursor(cursor: string): Place {
  try {
    const [atMs, id] = Cursor.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
    return { atMs, id }
  } catch (error) {
    throw new AppError('invalid_request', { message: 'The cursor is not valid.', param: 'cursor' }, { cause: error })
  }
}

function rowOf({ usage, ...record }: RequestRecord): Row {
  return {
    ...record,
    model: storable(record.model),
    effort: storable(record.effort),
    serviceTier: storable(record.serviceTier),
    errorCode: storable(record.errorCode),
    errorMessage: storable(record.errorMessage),
    client: storable(record.client),
    sessionId: storable(record.sessionId),
    threadId: storable(record.threadId),
    responseId: storable(record.responseId),
    inputTokens: usage?.input ?? null,
    cachedTokens: usage?.cached ?? null,
    outputTokens: usage?.output ?? null,
    reasoningTokens: usage?.reasoning ?? null,
    costMicroUsd: whole(record.costMicroUsd),
    firstTokenMs: whole(record.firstTokenMs),
    totalMs: Math.round(record.totalMs),
    decision: record.decision ?? null,
  }
}

function recordOf(row: Row): RequestRecord {
  const { inputTokens, cachedTokens, outputTokens, reasoningTokens, ...record } = row
  if (inputTokens === null) return { ...record, usage: null }
  const usage = {
    input: inputTokens,
    cached: cachedTokens ?? 0,
    output: outputTokens ?? 0,
    reasoning: reasoningTokens ?? 0,
  }
  return { ...record, usage }
}

function whole(value: number | null): number | null {
  return value === null ? null : Math.round(value)
}

/** Text that came from outside: PostgreSQL refuses a NUL, and one such request would cost the whole batch. */
function storable(text: string | null): string | null {
  return text === null ? null : text.replaceAll('\0', '')
}

import type { RequestRecord, TokenUsage } from '../domain/request.ts'
import type { Tables } from './schema.ts'

type Row = Tables['requests']['$inferSelect']

export function rowOf({ usage, ...record }: RequestRecord): Row {
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
    waitedMs: whole(record.waitedMs),
    inputTokens: usage?.input ?? null,
    cachedTokens: usage?.cached ?? null,
    outputTokens: usage?.output ?? null,
    reasoningTokens: usage?.reasoning ?? null,
    costMicroUsd: whole(record.costMicroUsd),
    firstTokenMs: whole(record.firstTokenMs),
    totalMs: Math.round(record.totalMs),
    counted: true,
    decision: record.decision ?? null,
  }
}

type TokenColumns = Pick<Row, 'inputTokens' | 'cachedTokens' | 'outputTokens' | 'reasoningTokens'>

/** The row with its token columns as one value. */
export function withUsage<R extends TokenColumns>(row: R): Omit<R, keyof TokenColumns> & { usage: TokenUsage | null } {
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
export function storable<T extends string | null>(text: T): T | string {
  return text === null ? text : text.replaceAll('\0', '')
}

/** The request that a row keeps. */
export function recordOfRow({ counted: _counted, moved, ...row }: Row): RequestRecord {
  return { ...withUsage(row), moved: moved ?? false }
}

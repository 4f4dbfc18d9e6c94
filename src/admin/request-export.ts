import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { RequestExportQuery } from '../contract/requests.ts'
import type { RequestRecord } from '../domain/request.ts'
import { csvOf } from '../reports/csv.ts'
import type { RequestLog } from '../reports/request-log.ts'
import { iso } from './account-views.ts'
import { filterOf } from './request-filter.ts'
import { route } from './route.ts'

type Deps = { log: RequestLog; flush: () => Promise<void>; accountName: (id: string) => string | null }

/** Ten million lines take a while; a reader who stops for long is let go much sooner. */
const exportMs = 60 * 60_000
const stalledMs = 60_000
const pageRows = 200

/** `GET /api/request-logs/export.csv` */
export function requestExportRoute({ log, flush, accountName }: Deps) {
  return route(
    {
      method: 'GET',
      path: '/api/request-logs/export.csv',
      access: 'admin',
      summary: 'The log as a table, newest first, with the filters of the list',
      query: RequestExportQuery,
      answer: z.string(),
      answerType: 'text/csv',
      deadlineMs: exportMs,
    },
    async ({ query, reply }) => {
      await flush()
      const filter = filterOf(query)
      const rows = async function* () {
        for (let cursor: string | null = null, isFirst = true; isFirst || cursor !== null; isFirst = false) {
          const page = await log.page({ limit: pageRows, cursor, filter, isSlim: true })
          for (const one of page.items) yield rowOf(one, accountName)
          cursor = page.nextCursor
        }
      }
      letGoOfStalled(reply)
      reply.header('content-disposition', 'attachment; filename="codex-lb-requests.csv"')
      reply.type('text/csv; charset=utf-8')
      return reply.send(csvOf(columns, rows()))
    },
  )
}

/** Nobody may keep a table half read for ever: it holds memory, and its reading goes on and on. */
function letGoOfStalled({ raw }: FastifyReply): void {
  let sent = 0
  const check = setInterval(() => {
    const now = raw.socket?.bytesWritten ?? 0
    if (now === sent && raw.writableNeedDrain) raw.destroy()
    sent = now
  }, stalledMs)
  check.unref()
  const end = setTimeout(() => raw.destroy(), exportMs)
  end.unref()
  raw.once('close', () => {
    clearInterval(check)
    clearTimeout(end)
  })
}

const columns = [
  ...['id', 'requestId', 'at', 'route', 'model', 'effort', 'serviceTier', 'accountId', 'account', 'keyId', 'status'],
  ...['moved', 'httpStatus', 'errorCode', 'errorMessage', 'inputTokens', 'cachedInputTokens', 'outputTokens'],
  ...['reasoningTokens', 'costUsd', 'firstTokenMs', 'totalMs', 'waitedMs', 'transport', 'client', 'clientAddress'],
  ...['sessionId', 'threadId', 'responseId', 'sourceId', 'egressId'],
]

function rowOf(one: RequestRecord, accountName: Deps['accountName']) {
  const { usage } = one
  const cost = one.costMicroUsd === null ? null : one.costMicroUsd / 1e6
  const account = one.accountId === null ? null : accountName(one.accountId)
  return [
    ...[
      one.id,
      one.requestId,
      iso(one.atMs),
      one.route,
      one.model,
      one.effort,
      one.serviceTier,
      one.accountId,
      account,
    ],
    ...[one.keyId, one.status, one.moved, one.httpStatus, one.errorCode, one.errorMessage, usage?.input ?? null],
    ...[usage?.cached ?? null, usage?.output ?? null, usage?.reasoning ?? null, cost, one.firstTokenMs, one.totalMs],
    ...[one.waitedMs, one.transport, one.client, one.clientAddress, one.sessionId, one.threadId, one.responseId],
    ...[one.sourceId, one.egressId],
  ]
}

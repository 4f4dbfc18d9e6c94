import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { Report, ReportQuery } from '../contract/reports.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { csvOf } from '../reports/csv.ts'
import { report } from '../reports/report.ts'
import type { Traffic } from '../reports/traffic.ts'
import { reportRows, reportView } from './report-views.ts'
import type { Names } from './request-facets.ts'
import { type Call, route } from './route.ts'

export type ReportDeps = { traffic: Traffic; names: Names; clock: Clock; flush: () => Promise<void> }

/** The first report after an upgrade may have to read the log itself. */
const deadlineMs = 120_000

export function reportRoutes({ traffic, names, clock, flush }: ReportDeps) {
  const made = async ({ query, request }: Pick<Call<unknown, typeof ReportQuery, unknown>, 'query' | 'request'>) => {
    refuseViewers(query, request)
    await flush()
    const { accountId, keyId, serviceTier, model, client, effort, groupBy = [], ...rest } = query
    const filter = { account: accountId, key: keyId, model, client, effort, tier: serviceTier }
    const asked = { ...rest, groupBy: [...new Set(groupBy)], filter }
    return { asked, found: await report(asked, traffic, clock) }
  }
  const asCsv = async (call: Parameters<typeof made>[0] & Pick<Call<unknown, unknown, unknown>, 'reply'>) => {
    const { asked, found } = await made(call)
    const { columns, rows } = reportRows(found, asked, names)
    call.reply.header('content-disposition', 'attachment; filename="codex-lb-report.csv"')
    call.reply.type('text/csv; charset=utf-8')
    return call.reply.send(csvOf(columns, rows))
  }
  return [
    route(
      {
        method: 'GET',
        path: '/api/reports',
        access: 'viewer',
        summary: 'Requests, tokens and cost by time and group; as a table for whoever accepts text/csv (admin)',
        query: ReportQuery,
        answer: Report,
        deadlineMs,
      },
      async (call) => {
        if (/\btext\/csv\b/.test(call.request.headers.accept ?? '')) {
          if (call.request.principal?.role === 'viewer') throw new AppError('admin_required')
          // The reply is on its way: what is returned here is not looked at any more.
          return (await asCsv(call)) as unknown as Report
        }
        const { asked, found } = await made(call)
        return reportView(found, asked, names)
      },
    ),
    route(
      {
        method: 'GET',
        path: '/api/reports.csv',
        access: 'admin',
        summary: 'The same as a table: a row for each bucket of each group',
        query: ReportQuery,
        answer: z.string(),
        answerType: 'text/csv',
        deadlineMs,
      },
      asCsv,
    ),
  ]
}

/** What a viewer is not shown of a request, it is not told of many either. */
function refuseViewers({ groupBy = [] }: ReportQuery, request: FastifyRequest): void {
  const hidden = groupBy.find((name) => name === 'key' || name === 'client')
  if (hidden === undefined || request.principal?.role !== 'viewer') return
  throw new AppError('admin_required', { message: `Only an admin may group by "${hidden}".`, param: 'groupBy' })
}

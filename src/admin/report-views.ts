import type { ReportFigures, ReportGroup, Report as ReportView } from '../contract/reports.ts'
import type { Figures, RequestKind } from '../domain/request-sums.ts'
import type { Report, ReportQuery } from '../reports/report.ts'
import { iso } from './account-views.ts'
import type { Names } from './request-facets.ts'

type Asked = Pick<ReportQuery, 'timeZone' | 'bucket' | 'groupBy'>

export function reportView(found: Report, { timeZone, bucket, groupBy }: Asked, names: Names): ReportView {
  const totals = figuresView(found.totals)
  const before = figuresView(found.before.totals)
  const compared = <R>(compare: (name: 'requests' | 'totalTokens' | 'costUsd') => R) => ({
    requests: compare('requests'),
    totalTokens: compare('totalTokens'),
    costUsd: compare('costUsd'),
  })
  return {
    ...{ from: iso(found.sinceMs), to: iso(found.untilMs), timeZone, bucket, groupBy: [...groupBy] },
    buckets: found.begins.map(iso),
    totals,
    before: {
      ...{ from: iso(found.before.sinceMs), to: iso(found.before.untilMs), totals: before },
      changePercent: compared((name) => (before[name] === 0 ? null : (totals[name] / before[name] - 1) * 100)),
    },
    series: found.series.map(({ kind, groups, totals: ofGroup, buckets }) => {
      const sums = figuresView(ofGroup)
      const points = (of: (one: Figures) => number) => buckets.map(of)
      return {
        group: kind && groupView(kind, names),
        groups,
        totals: sums,
        sharePercent: compared((name) => (totals[name] === 0 ? 0 : Math.min(100, (sums[name] / totals[name]) * 100))),
        points: {
          requests: points(({ requests }) => requests),
          errors: points(({ errors }) => errors),
          cancelled: points(({ cancelled }) => cancelled),
          inputTokens: points(({ inputTokens }) => inputTokens),
          cachedInputTokens: points(({ cachedTokens }) => cachedTokens),
          outputTokens: points(({ outputTokens }) => outputTokens),
          reasoningTokens: points(({ reasoningTokens }) => reasoningTokens),
          costUsd: points(({ costMicroUsd }) => costMicroUsd / 1e6),
        },
      }
    }),
  }
}

function figuresView(sums: Figures): ReportFigures {
  const { requests, errors, cancelled, moved, inputTokens, outputTokens, reasoningTokens, firstTokens } = sums
  return {
    ...{ requests, errors, cancelled, moved },
    errorRatePercent: requests === 0 ? 0 : (errors / requests) * 100,
    inputTokens,
    cachedInputTokens: sums.cachedTokens,
    ...{ outputTokens, reasoningTokens, totalTokens: inputTokens + outputTokens },
    costUsd: sums.costMicroUsd / 1e6,
    firstTokenMs: firstTokens === 0 ? null : Math.round(sums.firstTokenMs / firstTokens),
  }
}

function groupView({ account, key, ...rest }: Partial<RequestKind>, names: Names): ReportGroup {
  return {
    ...(account === undefined
      ? {}
      : { account: { accountId: account, displayName: account === null ? null : names.account(account) } }),
    ...(key === undefined ? {} : { key: { keyId: key, name: key === null ? null : names.key(key) } }),
    ...rest,
  }
}

/** A row for each bucket of each group, empty ones included. */
export function reportRows({ series, begins, untilMs }: Report, { groupBy }: Asked, names: Names) {
  const nameOf = (name: keyof RequestKind, value: string | null) => {
    if (value === null || (name !== 'account' && name !== 'key')) return []
    return [names[name](value) ?? '']
  }
  const hasName = (name: string) => name === 'account' || name === 'key'
  const groupColumns = groupBy.flatMap((name) => (hasName(name) ? [`${name}Id`, `${name}Name`] : [name]))
  const rows = function* () {
    for (const { kind, groups, buckets } of series) {
      const cells = groupBy.flatMap((name, at) => {
        const value = kind === null ? (at === 0 ? `(${groups} others)` : null) : (kind[name] ?? null)
        return hasName(name) ? [value, ...(kind === null ? [null] : nameOf(name, value)), null].slice(0, 2) : [value]
      })
      for (const [at, sums] of buckets.entries()) {
        const view = figuresView(sums)
        yield [
          ...[iso(begins[at] ?? 0), iso(begins[at + 1] ?? untilMs)],
          ...cells,
          ...figureColumns.map((name) => view[name]),
        ]
      }
    }
  }
  return { columns: ['from', 'to', ...groupColumns, ...figureColumns], rows: rows() }
}

const figureColumns = [
  'requests',
  'errors',
  'cancelled',
  'moved',
  'inputTokens',
  'cachedInputTokens',
  'outputTokens',
  'reasoningTokens',
  'totalTokens',
  'costUsd',
  'firstTokenMs',
] as const

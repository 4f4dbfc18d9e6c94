import { z } from 'zod'
import { dimensions } from '../domain/request-sums.ts'
import { id, moment, oneOrMore, percent, word } from './common.ts'
import { adminOnly, pseudonym } from './visibility.ts'

const some = oneOrMore(z.string().max(200))
const day = z.union([z.iso.date(), z.iso.datetime({ offset: true })], { error: 'must be a date or a moment.' })

export const ReportQuery = z.object({
  /** A date, counted whole, or a moment, taken to the quarter of an hour. Seven days up to today, unless said. */
  from: day.optional(),
  to: day.optional(),
  /** Whose days and hours: `Europe/Berlin`. */
  timeZone: z.string().max(60).default('UTC'),
  bucket: z.enum(['hour', 'day']).default('day'),
  groupBy: oneOrMore(z.enum(dimensions)),
  /** So many groups get a series; all others together get one more. */
  top: z.coerce.number().int().min(1).max(50).default(10),
  rankBy: z.enum(['cost', 'tokens', 'requests']).default('cost'),
  accountId: some,
  keyId: adminOnly(some),
  model: some,
  client: adminOnly(some),
  effort: some,
  serviceTier: some,
})
export type ReportQuery = z.output<typeof ReportQuery>

const Figures = {
  requests: z.int(),
  /** Without `moved` and `cancelled`. */
  errors: z.int(),
  cancelled: z.int(),
  /** Errors that their clients repeated by themselves, unseen. */
  moved: z.int(),
  errorRatePercent: percent,
  inputTokens: z.int(),
  /** Part of the input. */
  cachedInputTokens: z.int(),
  outputTokens: z.int(),
  /** Part of the output. */
  reasoningTokens: z.int(),
  totalTokens: z.int(),
  /** An estimate at the prices of the time; requests to models without a price add nothing. */
  costUsd: z.number(),
  /** On average, of those that had one. */
  firstTokenMs: z.number().nullable(),
}
export const ReportFigures = z.object(Figures)
export type ReportFigures = z.infer<typeof ReportFigures>

const Group = z.object({
  account: z.object({ accountId: id.nullable(), displayName: pseudonym(z.string()).nullable() }).optional(),
  key: adminOnly(z.object({ keyId: z.string().nullable(), name: z.string().nullable() })).optional(),
  model: word.nullable().optional(),
  client: adminOnly(z.string()).nullable().optional(),
  effort: word.nullable().optional(),
  tier: word.nullable().optional(),
})
export type ReportGroup = z.infer<typeof Group>

export const Report = z.object({
  from: moment,
  to: moment,
  timeZone: word,
  bucket: z.enum(['hour', 'day']),
  groupBy: z.array(z.enum(dimensions)),
  /** When each bucket begins; it ends with the next, the last one with `to`. */
  buckets: z.array(moment),
  totals: ReportFigures,
  /** As much time before; `changePercent` null: there was nothing. */
  before: z.object({
    from: moment,
    to: moment,
    totals: ReportFigures,
    changePercent: z.object({
      requests: z.number().nullable(),
      totalTokens: z.number().nullable(),
      costUsd: z.number().nullable(),
    }),
  }),
  series: z.array(
    z.object({
      /** The values of `groupBy`; null: the `groups` that are not among the first. */
      group: Group.nullable(),
      groups: z.int(),
      totals: ReportFigures,
      sharePercent: z.object({ requests: percent, totalTokens: percent, costUsd: percent }),
      /** One number for each bucket. */
      points: z.object({
        requests: z.array(z.int()),
        errors: z.array(z.int()),
        cancelled: z.array(z.int()),
        inputTokens: z.array(z.int()),
        cachedInputTokens: z.array(z.int()),
        outputTokens: z.array(z.int()),
        reasoningTokens: z.array(z.int()),
        costUsd: z.array(z.number()),
      }),
    }),
  ),
})
export type Report = z.infer<typeof Report>

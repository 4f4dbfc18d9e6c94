import { z } from 'zod'
import { moment } from './common.ts'

const days = z.int()

/** What is kept, how long, and what the next run deletes. Numbers beyond some thousand are estimates. */
export const Retention = z.object({
  database: z.object({
    bytes: z.int(),
    /** Room within the file that what comes is written to first; null: PostgreSQL does not say. */
    freeBytes: z.int().nullable(),
  }),
  items: z.array(
    z.object({
      what: z.enum(['requests', 'requestDetails', 'requestSums', 'usageSamples', 'usageHours', 'audit']),
      /** Null: part of `requests`. */
      rows: z.int().nullable(),
      /** Without indexes in SQLite. */
      bytes: z.int().nullable(),
      /** 0: for ever. */
      keptDays: days,
      /** Older ones go; null: none do. */
      before: moment.nullable(),
      /** How many the next run deletes, or empties; a number of 100 000 means that many, or more. */
      due: z.int(),
    }),
  ),
})
export type Retention = z.infer<typeof Retention>

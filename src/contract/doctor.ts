import { z } from 'zod'

/** What one check has found. */
const Finding = z.object({
  /** Stable, for programs. */
  id: z.string(),
  title: z.string(),
  status: z.enum(['ok', 'warning', 'failed', 'skipped']),
  found: z.string(),
  /** What is wrong, and what to do; null where nothing is. */
  cause: z.string().nullable(),
  fix: z.string().nullable(),
})

export const DoctorReport = z.object({ items: z.array(Finding), nextCursor: z.null() })

/** Headers as they arrived, of those that are looked at. */
export const HeaderEcho = z.object({ headers: z.record(z.string(), z.string()) })

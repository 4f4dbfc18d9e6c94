import { z } from 'zod'

/** A point per hour up to two weeks, every six hours up to ninety days, and then one per day. */
export const TrendsQuery = z.object({ days: z.coerce.number().int().min(1).max(365).default(7) })

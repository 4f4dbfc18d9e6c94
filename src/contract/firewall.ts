import { z } from 'zod'
import { firewallModes } from '../domain/firewall.ts'
import { moment } from './common.ts'

const mode = z.enum(firewallModes)

export const FirewallEntryView = z.object({
  id: z.string(),
  cidr: z.string(),
  note: z.string(),
  createdAt: moment,
  /** Whoever asks is among these addresses. */
  includesCaller: z.boolean(),
})

export const FirewallView = z.object({
  /** `allowlist`: only these addresses get in. `proxy` are the routes for clients. */
  mode: z.object({ proxy: mode, dashboard: mode }),
  items: z.array(FirewallEntryView),
  nextCursor: z.null(),
  /** Where whoever asks comes from. */
  callerAddress: z.string(),
  /** At this machine: the dashboard lets it in whatever the list says. */
  callerIsLocal: z.boolean(),
})
export type FirewallView = z.infer<typeof FirewallView>

export const FirewallAdd = z.strictObject({
  /** An address, or a range in CIDR notation. */
  cidr: z.string().trim().min(1, 'is missing').max(60),
  note: z.string().trim().max(200).default(''),
})

const force = z.boolean().default(false)
/** With `force`, also what shuts out whoever asks. */
export const FirewallChange = z.strictObject({
  mode: z.strictObject({ proxy: mode.optional(), dashboard: mode.optional() }),
  force,
})
export const FirewallParams = z.object({ id: z.string().min(1).max(200) })
export const FirewallRemoval = z.object({
  force: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true'),
})

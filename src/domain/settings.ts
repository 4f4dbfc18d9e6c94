import { z } from 'zod'

const strategyNames = ['capacity_weighted', 'round_robin', 'fill_first', 'least_used'] as const
export type StrategyName = (typeof strategyNames)[number]

/** Everything a person may change while the server runs. Default, unit and section travel with the type. */
export const Settings = z.object({
  strategy: z.enum(strategyNames).default('capacity_weighted').meta({ section: 'routing' }),
  affinityMinutes: z.int().min(0).max(1_440).default(30).meta({ section: 'routing', unit: 'min' }),
})
export type Settings = z.infer<typeof Settings>

export const defaultSettings: Settings = Settings.parse({})

import { given, isObject, type Json } from '../json.ts'
import { refuse, wrongTag } from './refuse.ts'

/** What the client may see of the reasoning: its summary, only that there was some (for the way back), or nothing. */
export type ThinkingShown = 'shown' | 'omitted' | 'none'

/** From the least to the most. */
const levels = ['low', 'medium', 'high', 'xhigh', 'max']

/** The budget from which each level is meant. Claude Code asks for 4,000, 10,000 and 31,999 tokens. */
const budgets = [
  { fromTokens: 32_000, effort: 'xhigh' },
  { fromTokens: 16_000, effort: 'high' },
  { fromTokens: 4_000, effort: 'medium' },
  { fromTokens: 0, effort: 'low' },
]

/**
 * How hard the model shall think, and what of it is shown. A level that is named outright goes before a budget; without
 * either the model does what is usual for it. `efforts` are the levels that it has, null when not known. @throws AppError
 */
export function thinkingOf(
  body: Json,
  efforts: readonly string[] | null,
): { thinking: ThinkingShown; reasoning: Json | null } {
  const config = body.thinking ?? null
  if (config !== null && !isObject(config)) throw refuse('thinking', 'Input should be a valid dictionary')
  const named = namedEffort(body)
  if (config?.type === 'disabled') {
    // A model that cannot do without thinks as little as it can.
    return { thinking: 'none', reasoning: { effort: efforts?.includes('none') ? 'none' : 'low' } }
  }
  const wanted = named ?? (config?.type === 'enabled' ? effortFor(budgetOf(config)) : null)
  const effort = wanted === null ? null : nearest(wanted, efforts)
  const thinking = config === null ? 'none' : shownBy(config)
  const reasoning = given({ effort, summary: thinking === 'shown' ? 'auto' : null })
  return { thinking, reasoning: Object.keys(reasoning).length > 0 ? reasoning : null }
}

function shownBy(config: Json): ThinkingShown {
  const known = ['adaptive', 'between_tools', 'disabled', 'enabled']
  if (!known.includes(config.type as string)) throw wrongTag('thinking', config.type, known)
  return config.display === 'omitted' ? 'omitted' : 'shown'
}

function budgetOf(config: Json): number {
  const path = 'thinking.enabled.budget_tokens'
  const { budget_tokens: budget } = config
  if (budget == null) throw refuse(path, 'Field required')
  if (typeof budget !== 'number' || !Number.isInteger(budget)) throw refuse(path, 'Input should be a valid integer')
  if (budget < 1024) throw refuse(path, 'Input should be greater than or equal to 1024')
  return budget
}

function effortFor(budgetTokens: number): string {
  return budgets.find(({ fromTokens }) => budgetTokens >= fromTokens)?.effort ?? 'low'
}

function namedEffort(body: Json): string | null {
  const config = body.output_config ?? {}
  if (!isObject(config)) throw refuse('output_config', 'Input should be a valid dictionary')
  const { effort } = config
  if (effort == null) return null
  if (typeof effort === 'string' && levels.includes(effort)) return effort
  throw refuse('output_config.effort', "Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
}

/** The level itself, else the next lower one that the model has, else the next higher one. */
function nearest(effort: string, efforts: readonly string[] | null): string | null {
  if (efforts === null) return effort
  const at = levels.indexOf(effort)
  const has = (level: string) => efforts.includes(level)
  return levels.slice(0, at + 1).findLast(has) ?? levels.slice(at + 1).find(has) ?? null
}

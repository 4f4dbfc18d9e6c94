import type { ApiKeyView } from '../../../src/contract/api-keys.ts'
import { compact, money, whole } from '../../format.ts'
import { t } from '../../messages/index.ts'
import type { IconName } from '../../ui/icon.tsx'
import type { Tone } from '../../ui/status.tsx'

export type KeyLimitView = ApiKeyView['limits'][number]

const micro = 1_000_000

/** "1M tokens in a day", "$5.00 in a week", "20 requests of gpt-5.5 in a minute" */
export function limitWords({
  kind,
  max,
  period,
  model,
}: Pick<KeyLimitView, 'kind' | 'max' | 'period' | 'model'>): string {
  const amount = kind === 'cost_micro_usd' ? money(max / micro) : `${amountOf(max)} ${t(`kind.${kind}`)}`
  const values = { amount, period: t(`period.${period}`), model: model ?? '' }
  return t(model === null ? 'limit.words' : 'limit.wordsModel', values)
}

function amountOf(value: number): string {
  return value < 10_000 ? whole(value) : compact(value)
}

export const keyMarks: Record<ApiKeyView['status'], { tone: Tone; icon: IconName }> = {
  active: { tone: 'ok', icon: 'tick' },
  inactive: { tone: 'calm', icon: 'bars' },
  expired: { tone: 'warn', icon: 'clock' },
}

export function figuresOf({ requests, totalTokens, costUsd }: ApiKeyView['usage']['lifetime']): string {
  const values = {
    requests: t('key.requests', { count: requests }),
    tokens: compact(totalTokens),
    cost: money(costUsd),
  }
  return t('key.figures', values)
}

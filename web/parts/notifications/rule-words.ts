import type { RuleView } from '../../../src/contract/notification-rules.ts'
import { t } from '../../messages/index.ts'

export type RuleKind = RuleView['kind']
export type Condition = { [K in RuleKind]: Pick<Extract<RuleView, { kind: K }>, 'kind' | 'parameters'> }[RuleKind]

/** What a rule watches for, as a sentence. */
export function conditionWords(condition: Condition): string {
  switch (condition.kind) {
    case 'pool_below': {
      const { percent, window } = condition.parameters
      return t('rule.pool_below', { percent, window: t(`ruleWindow.${window}`) })
    }
    case 'key_limit':
      return t('rule.key_limit', condition.parameters)
    case 'error_rate': {
      const { percent, minutes, leastRequests: least } = condition.parameters
      return t('rule.error_rate', { percent, minutes, least })
    }
    case 'new_version':
      // Viewers are not told the address.
      return t('rule.new_version', { host: URL.parse(condition.parameters.url ?? '')?.host ?? '…' })
    default:
      return t(`rule.${condition.kind}`)
  }
}

/** What a rule of a kind begins with; also what is suggested. */
export const beginnings: Record<RuleKind, Condition> = {
  pool_below: { kind: 'pool_below', parameters: { window: 'weekly', percent: 15 } },
  pool_out: { kind: 'pool_out', parameters: {} },
  account_reauth: { kind: 'account_reauth', parameters: {} },
  account_closed: { kind: 'account_closed', parameters: {} },
  key_limit: { kind: 'key_limit', parameters: { percent: 80 } },
  error_rate: { kind: 'error_rate', parameters: { percent: 20, minutes: 10, leastRequests: 20 } },
  egress_down: { kind: 'egress_down', parameters: {} },
  new_version: { kind: 'new_version', parameters: { url: '', allowPrivateAddress: false } },
}

export const suggested: readonly Condition[] = [
  beginnings.pool_below,
  beginnings.pool_out,
  beginnings.account_reauth,
  beginnings.account_closed,
  beginnings.error_rate,
  beginnings.key_limit,
]

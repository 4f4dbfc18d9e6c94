import { when } from '../format.ts'
import { type Key, t } from '../messages/index.ts'

type Exclusion = {
  reason: string
  by?: string
  code?: string | null
  untilMs?: number
  model?: string
  ownerId?: string
}

/** A routing decision as it was recorded, as far as this page understands it. */
export type Decision = {
  accountId: string | null
  because: string
  strategy: string
  ranked: { accountId: string; rank: number; edge: number; inFlight: number }[]
  excluded: { accountId: string; exclusion: Exclusion }[]
}

/** The log keeps decisions as they were made, also those of earlier versions: null for what this page cannot read. */
export function decisionOf(recorded: unknown): Decision | null {
  const { because, ranked, excluded } = (recorded ?? {}) as Partial<Decision>
  if (typeof because !== 'string' || !Array.isArray(ranked) || !Array.isArray(excluded)) return null
  return recorded as Decision
}

const becauseKeys: Record<string, Key> = {
  owner: 'because.owner',
  affinity: 'because.affinity',
  only_one: 'because.only_one',
  ranked_first: 'because.ranked_first',
  last_resort: 'because.last_resort',
  none_eligible: 'because.none_eligible',
}

/** Why this account, in two or three words. */
export function becauseText(decision: Decision | null): string {
  if (decision === null) return '–'
  const key = becauseKeys[decision.because]
  return key === undefined ? decision.because : t(key)
}

export function edgeText(edge: number): string {
  return edge === 0 ? t('edge.room') : t(edge === 1 ? 'edge.near' : 'edge.out')
}

const blockedKeys: Record<string, Key> = {
  burst: 'excluded.burst',
  window: 'excluded.window',
  plan: 'excluded.plan',
  errors: 'excluded.errors',
}

/** Why an account could not serve. */
export function exclusionText(exclusion: Exclusion, nameOf: (id: string | null) => string, nowMs: number): string {
  const { reason, by = '', code, untilMs, model = '', ownerId = null } = exclusion
  switch (reason) {
    case 'paused':
      return t('excluded.paused')
    case 'reauth_required':
      return t('excluded.reauth_required', { code: code ?? '' })
    case 'deactivated':
      return t('excluded.deactivated', { code: code ?? '' })
    case 'model_unavailable':
      return t('excluded.model_unavailable', { model })
    case 'not_owner':
      return t('excluded.not_owner', { owner: nameOf(ownerId) })
    case 'already_tried':
      return t('excluded.already_tried')
    case 'blocked': {
      const time = untilMs === undefined ? '?' : when(new Date(untilMs).toISOString(), nowMs)
      return t(blockedKeys[by] ?? 'excluded.blocked', { time, code: code ?? by })
    }
    default:
      return reason
  }
}

import { when } from '../format.ts'
import { type Key, t } from '../messages/index.ts'

type Exclusion = {
  reason: string
  by?: string
  code?: string | null
  untilMs?: number | null
  endIsKnown?: boolean
  model?: string
  ownerId?: string
  meter?: string
  cap?: string
  inFlight?: number
  limit?: number
  /** Of a way out that is closed: what it is, what it is called, and since when. */
  kind?: string
  name?: string | null
  sinceMs?: number | null
}

export type Move = {
  fromAccountId: string
  reason: string
  warmTokens: number
  shortPercent: number
  longPercent: number
}

export type Ranked = {
  accountId: string
  rank: number
  edge: number
  inFlight: number
  /** Decisions of earlier releases have none. */
  parts?: Record<string, number>
}

/** A routing decision as it was recorded, as far as this page understands it. What may be missing is of later releases. */
export type Decision = {
  accountId: string | null
  because: string
  strategy: string
  panic?: boolean
  move?: Move | null
  candidates?: number
  ranked: Ranked[]
  excluded: { accountId: string; exclusion: Exclusion }[]
  /** The model source that serves in place of an account. */
  source?: { id: string; name: string }
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
  source_last_resort: 'because.source_last_resort',
  source_model: 'because.source_model',
}

/** Why this account, in two or three words. */
export function becauseText(decision: Decision | null): string {
  if (decision === null) return '–'
  const because = textOf(becauseKeys, decision.because)
  return decision.move ? t('because.moved', { because }) : because
}

const strategyKeys: Record<string, Key> = {
  cache_value: 'strategy.cache_value',
  capacity_weighted: 'strategy.capacity_weighted',
  relative_availability: 'strategy.relative_availability',
  usage_weighted: 'strategy.usage_weighted',
  round_robin: 'strategy.round_robin',
  fill_first: 'strategy.fill_first',
  sequential_drain: 'strategy.sequential_drain',
  reset_drain: 'strategy.reset_drain',
  single_account: 'strategy.single_account',
  /** As earlier releases called it. */
  least_used: 'strategy.usage_weighted',
}

/** The rule that was in force, by its name in the settings. */
export function strategyText(strategy: string): string {
  return textOf(strategyKeys, strategy)
}

export function edgeText(edge: number): string {
  return edge === 0 ? t('edge.room') : t(edge === 1 ? 'edge.near' : 'edge.out')
}

const moveKeys: Record<string, Key> = {
  edge: 'move.edge',
  gain: 'move.gain',
  gone: 'move.gone',
  reauth_required: 'moved.reauth_required',
  deactivated: 'moved.deactivated',
  paused: 'moved.paused',
  blocked: 'moved.blocked',
  meter_used_up: 'moved.meter_used_up',
  model_unavailable: 'moved.model_unavailable',
  not_owner: 'moved.not_owner',
  not_selected: 'moved.not_selected',
  not_tagged: 'moved.not_tagged',
  not_in_scope: 'moved.not_in_scope',
  already_tried: 'moved.already_tried',
  egress_down: 'moved.egress_down',
  busy: 'moved.busy',
  probing: 'moved.probing',
}

/** Why a thread left its account. */
export function moveText(reason: string): string {
  return textOf(moveKeys, reason)
}

const verdictKeys: Record<string, Key> = {
  relay: 'verdict.relay',
  limited: 'verdict.limited',
  transient: 'verdict.transient',
  try_another: 'verdict.try_another',
  unauthorized: 'verdict.unauthorized',
  sign_in_lost: 'verdict.sign_in_lost',
  model_unavailable: 'verdict.model_unavailable',
  unreadable: 'verdict.unreadable',
  continuation_lost: 'verdict.continuation_lost',
  unreachable: 'verdict.unreachable',
  client_fault: 'verdict.client_fault',
  source_failed: 'verdict.source_failed',
}

/** What an answer was taken for. */
export function verdictText(verdict: string): string {
  return textOf(verdictKeys, verdict)
}

/** What another release has named is shown as it is. */
function textOf(keys: Record<string, Key>, code: string): string {
  const key = keys[code]
  return key === undefined ? code : t(key)
}

const plainKeys: Record<string, Key> = {
  paused: 'excluded.paused',
  not_selected: 'excluded.not_selected',
  not_tagged: 'excluded.not_tagged',
  not_in_scope: 'excluded.not_in_scope',
  already_tried: 'excluded.already_tried',
  probing: 'excluded.probing',
}
const blockedKeys: Record<string, Key> = {
  burst: 'excluded.burst',
  window: 'excluded.window',
  plan: 'excluded.plan',
  errors: 'excluded.errors',
}
const busyKeys: Record<string, Key> = {
  streams: 'excluded.busy.streams',
  turn_starts: 'excluded.busy.turn_starts',
  upstream: 'excluded.busy.upstream',
  share: 'excluded.busy.share',
}

/** Why an account could not serve. */
export function exclusionText(exclusion: Exclusion, nameOf: (id: string | null) => string, nowMs: number): string {
  const { reason, by = '', code, untilMs, model = '', ownerId = null, meter = '', cap = '' } = exclusion
  const time = untilMs == null ? null : when(new Date(untilMs).toISOString(), nowMs)
  switch (reason) {
    case 'reauth_required':
    case 'deactivated': {
      const text = t(`excluded.${reason}`)
      return code == null ? text : t('excluded.withCode', { text, code })
    }
    case 'model_unavailable':
      return t('excluded.model_unavailable', { model })
    case 'not_owner':
      return t('excluded.not_owner', { owner: nameOf(ownerId) })
    case 'meter_used_up':
      return time === null ? t('excluded.meterNoEnd', { meter }) : t('excluded.meter_used_up', { meter, time })
    case 'egress_down':
      return closedWayText(exclusion, nowMs)
    case 'busy':
      return t(busyKeys[cap] ?? 'excluded.busy.streams', {
        count: exclusion.inFlight ?? '?',
        limit: exclusion.limit ?? '?',
      })
    case 'blocked': {
      const text = t(blockedKeys[by] ?? 'excluded.blocked', { time: time ?? '?', code: code ?? by })
      return exclusion.endIsKnown === false ? t('excluded.assumed', { text }) : text
    }
    default:
      return textOf(plainKeys, reason)
  }
}

const closedKeys: Record<string, Key> = {
  off: 'excluded.egress_off',
  empty: 'excluded.egress_empty',
  missing: 'excluded.egress_missing',
  probing: 'excluded.egress_probing',
}

type Closed = Pick<Exclusion, 'kind' | 'name' | 'code' | 'sinceMs'>

/** The way out of an account, and why nobody goes there. */
export function closedWayText({ kind, name, code, sinceMs }: Closed, nowMs: number): string {
  const way = t(kind === 'pool' ? 'excluded.way.pool' : 'excluded.way.proxy', { name: name ?? '?' })
  const since = sinceMs == null ? '?' : when(new Date(sinceMs).toISOString(), nowMs)
  return t(closedKeys[code ?? ''] ?? 'excluded.egress_down', { way, since, code: code ?? '' })
}

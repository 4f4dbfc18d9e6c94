import type { z } from 'zod'
import { RuleBody, RuleChange, RuleList, RuleParams, RuleView, ruleParameters } from '../contract/notification-rules.ts'
import type { Rule, RuleCondition, StoredRule } from '../domain/notifications/rule.ts'
import { AppError, invalid } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { faultSentence, fieldFaults } from '../lib/field-faults.ts'
import { randomId } from '../lib/secrets.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import { route } from './route.ts'

export type NotificationRulesDeps = {
  store: Pick<Store, 'notifications'>
  notifications: { problemOf(rule: Rule): string | null }
  clock: Clock
}

const mostRules = 100

export function notificationRuleRoutes({ store, notifications, clock }: NotificationRulesDeps) {
  const db = store.notifications
  const view = (rule: StoredRule) => ruleView(rule, notifications.problemOf(rule))
  const known = async (id: string) => {
    const rule = await db.rule(id)
    if (rule === null) throw new AppError('notification_rule_not_found')
    return rule
  }
  return [
    route(
      {
        method: 'GET',
        path: '/api/notification-rules',
        access: 'viewer',
        summary: 'When whom is told what',
        answer: RuleList,
      },
      async () => ({ items: (await db.rules()).map(view), nextCursor: null }),
    ),
    route(
      {
        method: 'POST',
        path: '/api/notification-rules',
        access: 'admin',
        audit: 'notification_rule.create',
        status: 201,
        summary: 'Add a rule',
        body: RuleBody,
        answer: RuleView,
      },
      async ({ body, audit }) => {
        const nowMs = clock.now()
        const id = randomId('nrl_')
        const rule: Rule = {
          ...body,
          channelIds: [...new Set(body.channelIds)],
          id,
          createdAtMs: nowMs,
          updatedAtMs: nowMs,
        }
        const added = await db.addRule(rule, mostRules)
        if (added === 'too_many') {
          throw new AppError('invalid_request', { message: `There are ${mostRules} rules already.` })
        }
        if (added === 'channel_unknown') throw unknownChannel()
        audit({ target: { kind: 'notification_rule', id }, after: factsOf(rule) })
        return view({ ...rule, states: {}, version: 1 })
      },
    ),
    route(
      {
        method: 'GET',
        path: '/api/notification-rules/:id',
        access: 'viewer',
        summary: 'One rule',
        params: RuleParams,
        answer: RuleView,
      },
      async ({ params: { id } }) => view(await known(id)),
    ),
    route(
      {
        method: 'PATCH',
        path: '/api/notification-rules/:id',
        access: 'admin',
        audit: 'notification_rule.change',
        summary: 'Change a rule; with other parameters, or switched off, it forgets what it has told',
        params: RuleParams,
        body: RuleChange,
        answer: RuleView,
      },
      async ({ params: { id }, body, audit }) => {
        let earlier: Rule | null = null
        const changed = await db.changeRule(id, (before) => {
          earlier = before
          const rule = changedRule(before, body, clock.now())
          const isOther = JSON.stringify(rule.parameters) !== JSON.stringify(before.parameters)
          return { rule, forgets: isOther || !rule.isActive }
        })
        if (changed === 'unknown' || earlier === null) throw new AppError('notification_rule_not_found')
        if (changed === 'channel_unknown') throw unknownChannel()
        audit({ before: factsOf(earlier), after: factsOf(changed) })
        return view(changed)
      },
    ),
    route(
      {
        method: 'DELETE',
        path: '/api/notification-rules/:id',
        access: 'admin',
        audit: 'notification_rule.delete',
        status: 204,
        summary: 'Remove a rule; what it has told stays in the history',
        params: RuleParams,
        answer: undefined,
      },
      async ({ params: { id }, audit }) => {
        const rule = await known(id)
        if (!(await db.removeRule(id))) throw new AppError('notification_rule_not_found')
        audit({ before: factsOf(rule) })
      },
    ),
  ]
}

/** @throws AppError naming each field at fault */
function changedRule(before: Rule, { parameters = {}, ...change }: RuleChange, nowMs: number): Rule {
  const named = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
  const given = Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined))
  const schema: z.ZodType = ruleParameters[before.kind]
  const parsed = schema.safeParse({ ...before.parameters, ...given })
  if (!parsed.success) {
    const fields = fieldFaults(parsed.error).map(({ path, message }) => ({ path: `parameters.${path}`, message }))
    throw new AppError('invalid_request', { message: faultSentence(fields), fields })
  }
  // Checked with the schema of the rule's own kind.
  const condition = { kind: before.kind, parameters: parsed.data } as RuleCondition
  const changed = { ...before, ...named, ...condition, updatedAtMs: nowMs }
  return { ...changed, channelIds: [...new Set(changed.channelIds)] }
}

function unknownChannel(): AppError {
  return invalid('channelIds', 'One of these channels is not there.')
}

function factsOf({ kind, parameters, name, channelIds, isActive, quietHours, minGapMinutes, tellEnd }: Rule) {
  return { kind, parameters, name, channelIds, isActive, quietHours, minGapMinutes, tellEnd }
}

function ruleView(rule: StoredRule, problem: string | null): RuleView {
  const { states, createdAtMs, updatedAtMs } = rule
  const since = Object.values(states).flatMap(({ isOn, sinceMs }) => (isOn ? [sinceMs] : []))
  return {
    // Kind and parameters belong together in a rule as they do in its view.
    ...(factsOf(rule) as RuleBodyFacts),
    id: rule.id,
    onSince: since.length === 0 ? null : iso(Math.min(...since)),
    problem,
    createdAt: iso(createdAtMs),
    updatedAt: iso(updatedAtMs),
  }
}

type RuleBodyFacts = z.output<typeof RuleBody>

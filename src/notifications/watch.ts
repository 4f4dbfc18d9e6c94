import type { About } from '../domain/notifications/about.ts'
import type { Channel } from '../domain/notifications/channel.ts'
import { decide, type News } from '../domain/notifications/decide.ts'
import type { Notification } from '../domain/notifications/notification.ts'
import { type Facts, observe } from '../domain/notifications/observe.ts'
import { isQuiet } from '../domain/notifications/quiet-hours.ts'
import type { RuleKind, StoredRule } from '../domain/notifications/rule.ts'
import { wordsOf } from '../domain/notifications/words.ts'
import { minuteMs } from '../domain/quota.ts'
import type { Clock } from '../lib/clock.ts'
import { randomId } from '../lib/secrets.ts'
import type { Store } from '../store/store.ts'

export type WatchDeps = {
  store: Pick<Store, 'notifications'>
  clock: Clock
  facts: (kinds: ReadonlySet<RuleKind>) => Promise<Facts>
}

/** One run looks at every rule that is on, and queues what it has to tell. */
export function createWatch({ store, clock, facts }: WatchDeps): (rules: readonly StoredRule[]) => Promise<void> {
  return async (rules) => {
    const channels = new Map((await store.notifications.channels()).map((channel) => [channel.id, channel]))
    const now = await facts(new Set(rules.map(({ kind }) => kind)))
    for (const rule of rules) {
      const nowMs = clock.now()
      const listeners = rule.channelIds.flatMap((id) => {
        const channel = channels.get(id)
        return channel?.isActive ? [channel] : []
      })
      const isHeld = rule.quietHours !== null && isQuiet(rule.quietHours, nowMs)
      const { states, news } = decide({
        observations: observe(rule, now, nowMs),
        ...{ states: rule.states, tellEnd: rule.tellEnd, nowMs },
        gapMs: rule.minGapMinutes * minuteMs,
        mayTell: listeners.length > 0 && !isHeld,
      })
      if (JSON.stringify(states) === JSON.stringify(rule.states)) continue
      const messages = listeners.flatMap((channel) => messagesTo(channel, rule, news, nowMs))
      // When the rule was changed meanwhile, the next run decides anew.
      await store.notifications.settleRule(rule.id, rule.version, states, messages)
    }
  }
}

function messagesTo(channel: Channel, rule: StoredRule, news: readonly News[], nowMs: number): Notification[] {
  return (['begin', 'end'] as const).flatMap((event) => {
    const told = news.filter((one) => one.event === event)
    if (told.length === 0) return []
    const { showEmails } = channel
    const id = randomId(`ntf_${nowMs.toString(36).padStart(9, '0')}`)
    return {
      ...{ id, atMs: nowMs, ruleId: rule.id, ruleName: rule.name, kind: rule.kind, event },
      ...{ channelId: channel.id, channelName: channel.name },
      ...wordsOf(told, { showEmails }),
      about: told.slice(0, mostAbout).map(({ about }) => (showEmails ? about : withoutEmail(about))),
      ...{ status: 'waiting' as const, tries: 0, attempts: [], nextAtMs: nowMs },
    }
  })
}

const mostAbout = 50

function withoutEmail(about: About): About {
  return 'email' in about ? { ...about, email: null } : about
}

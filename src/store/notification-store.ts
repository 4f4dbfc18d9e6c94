import type { Channel } from '../domain/notifications/channel.ts'
import type { SubjectStates } from '../domain/notifications/decide.ts'
import type { DeliveryAttempt, Notification, NotificationFilter } from '../domain/notifications/notification.ts'
import type { Rule, StoredRule } from '../domain/notifications/rule.ts'

type Removal = { kind: 'removed' | 'unknown' } | { kind: 'in_use'; rules: { id: string; name: string | null }[] }
type Ending = { attempt: DeliveryAttempt } & Pick<Notification, 'status' | 'nextAtMs'>

/** Channels, rules with what they have told, and messages: those that wait and those that were. */
export type NotificationStore = {
  channels(): Promise<Channel[]>
  channel(id: string): Promise<Channel | null>
  /** False: there are `most` already. */
  addChannel(channel: Channel, most: number): Promise<boolean>
  /** Null: there is none. What `change` throws undoes all. */
  changeChannel(id: string, change: (before: Channel) => Channel): Promise<Channel | null>
  /** Not while a rule uses it. What waits for it is given up. */
  removeChannel(id: string, nowMs: number): Promise<Removal>
  rules(): Promise<StoredRule[]>
  rule(id: string): Promise<StoredRule | null>
  addRule(rule: Rule, most: number): Promise<'added' | 'too_many' | 'channel_unknown'>
  /** `forgets`: what was told so far counts no more. */
  changeRule(
    id: string,
    change: (before: Rule) => { rule: Rule; forgets: boolean },
  ): Promise<StoredRule | 'unknown' | 'channel_unknown'>
  removeRule(id: string): Promise<boolean>
  /** Keeps what a rule has told, and queues the messages, in one. False: the rule is another one by now. */
  settleRule(id: string, version: number, states: SubjectStates, messages: readonly Notification[]): Promise<boolean>
  /** Messages whose time has come, the earliest made first, of each channel so many; none before an earlier one of its rule. */
  due(nowMs: number, perChannel: number): Promise<Notification[]>
  /** Counts a try before it is made, with the time of the next one should this process end meanwhile. False: somebody else did. */
  beginTry(id: string, tries: number, nextAtMs: number): Promise<boolean>
  endTry(id: string, ending: Ending): Promise<void>
  /** Newest first. */
  page(query: { limit: number; cursor: string | null; filter?: NotificationFilter }): Promise<{
    items: Notification[]
    nextCursor: string | null
  }>
  /** Deletes at most `limit` messages that do not wait, older than a time or beyond the newest `most`. */
  prune(beforeMs: number, most: number, limit: number): Promise<number>
  /** Takes or renews a name for a while. False: another holder has it. */
  takeLease(name: string, holder: string, nowMs: number, untilMs: number): Promise<boolean>
  dropLease(name: string, holder: string): Promise<void>
}

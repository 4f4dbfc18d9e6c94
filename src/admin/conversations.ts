import { Conversation, ConversationList, ConversationParams, ConversationQuery } from '../contract/conversations.ts'
import { clientFamily } from '../domain/client-family.ts'
import { AppError } from '../errors.ts'
import { createConversations } from '../reports/conversations.ts'
import type { ConversationPart, ConversationSums } from '../store/request-store.ts'
import type { Store } from '../store/store.ts'
import { iso } from './account-views.ts'
import type { Names } from './request-facets.ts'
import { epochOf } from './request-filter.ts'
import { route } from './route.ts'

type Deps = { store: Pick<Store, 'requests'>; names: Names; flush: () => Promise<void> }

/** For admins: what clients call their threads is nothing for others. */
export function conversationRoutes({ store, names, flush }: Deps) {
  const conversations = createConversations(store)
  return [
    route(
      {
        method: 'GET',
        path: '/api/conversations',
        access: 'admin',
        summary: 'Threads, and sessions without one, the latest used first',
        query: ConversationQuery,
        answer: ConversationList,
      },
      async ({ query }) => {
        await flush()
        const { limit, cursor = null, accountId, keyId, since, until, search = '' } = query
        const bounds = { sinceMs: epochOf(since), untilMs: epochOf(until) }
        const filter = { accountIds: accountId, keyIds: keyId, ...bounds, inConversation: search }
        const page = await conversations.page({ limit, cursor, filter })
        return { items: page.items.map((one) => conversationView(one, names)), nextCursor: page.nextCursor }
      },
    ),
    route(
      {
        method: 'GET',
        path: '/api/conversations/:id',
        access: 'admin',
        summary: 'One conversation by model; its requests are in the log under its conversationId',
        params: ConversationParams,
        answer: Conversation,
      },
      async ({ params }) => {
        await flush()
        const found = await conversations.get(params.id)
        if (found === null) throw new AppError('conversation_not_found')
        return conversationView(found, names)
      },
    ),
  ]
}

function conversationView(
  { id, isThread, firstMs, lastMs, parts, isCut }: ConversationSums,
  names: Names,
): Conversation {
  const counts = (of: (part: ConversationPart) => string | null) =>
    groupsOf(parts, of)
      .map(([value, group]) => [value, figuresOf(group).requests] as const)
      .sort(([, a], [, b]) => b - a)
  const models = groupsOf(parts, ({ model, effort }) => JSON.stringify([model, effort]))
  return {
    ...{ id, kind: isThread ? 'thread' : 'session' },
    ...{ firstRequestAt: iso(firstMs), lastRequestAt: iso(lastMs) },
    ...figuresOf(parts),
    isCut,
    accounts: counts(({ accountId }) => accountId).map(([accountId, requests]) => ({
      ...{ accountId, displayName: accountId === null ? null : names.account(accountId), requests },
    })),
    keys: counts(({ keyId }) => keyId).map(([keyId, requests]) => ({
      ...{ keyId, name: keyId === null ? null : names.key(keyId), requests },
    })),
    clients: counts(({ client }) => clientFamily(client)).map(([client, requests]) => ({ client, requests })),
    models: models
      .map(([, group]) => ({ model: group[0]?.model ?? null, effort: group[0]?.effort ?? null, ...figuresOf(group) }))
      .sort((a, b) => b.requests - a.requests),
  }
}

function groupsOf<K>(parts: readonly ConversationPart[], of: (part: ConversationPart) => K): [K, ConversationPart[]][] {
  const groups = new Map<K, ConversationPart[]>()
  for (const part of parts) {
    const key = of(part)
    groups.set(key, [...(groups.get(key) ?? []), part])
  }
  return [...groups]
}

function figuresOf(parts: readonly ConversationPart[]) {
  const total = (of: (part: ConversationPart) => number) => parts.reduce((sum, part) => sum + of(part), 0)
  const counted = (which: (part: ConversationPart) => boolean) => total((part) => (which(part) ? part.requests : 0))
  const inputTokens = total((part) => part.inputTokens)
  const outputTokens = total((part) => part.outputTokens)
  return {
    requests: total((part) => part.requests),
    errors: counted(({ status, moved }) => status === 'error' && !moved),
    cancelled: counted(({ status }) => status === 'cancelled'),
    moved: counted(({ status, moved }) => status === 'error' && moved),
    inputTokens,
    cachedInputTokens: total((part) => part.cachedTokens),
    outputTokens,
    reasoningTokens: total((part) => part.reasoningTokens),
    totalTokens: inputTokens + outputTokens,
    costUsd: total((part) => part.costMicroUsd) / 1e6,
    totalMs: total((part) => part.totalMs),
  }
}

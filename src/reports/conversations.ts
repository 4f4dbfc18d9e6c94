import { setImmediate as nextTurn } from 'node:timers/promises'
import { readCursor, writeCursor } from '../store/cursor.ts'
import type { ConversationSums, RequestFilter } from '../store/request-store.ts'
import type { Store } from '../store/store.ts'

/** Requests that belong together: of one thread, or of one session where they name no thread. */
export type Conversations = {
  /**
   * The latest used first, by their last request that fits. A page may end early, as one of the log does: only without a
   * cursor there are no more.
   */
  page(query: {
    limit: number
    cursor: string | null
    filter: RequestFilter
  }): Promise<{ items: ConversationSums[]; nextCursor: string | null }>
  get(id: string): Promise<ConversationSums | null>
}

/** Units of work for one page; each looks at some thousand rows at most. */
const unitsPerPage = 80
/** Some clients call every one of their sessions the same. */
const maxRequests = 10_000
const looksPerCheck = 5

/** `rows` a unit looks at, where not as many as the store finds right. */
export function createConversations(store: Pick<Store, 'requests'>, rows?: number): Conversations {
  /** Whether a page before has had it: it has a request that fits and is not after the cursor. */
  const isShown = async (conversationId: string, cursor: string, filter: RequestFilter) => {
    const end = readCursor(cursor)
    const ofIt = { ...filter, conversationIds: [conversationId] }
    for (let at: string | null = null, looks = 0; looks < looksPerCheck; looks++) {
      const page = await store.requests.page({ limit: 1, cursor: at, filter: ofIt, isSlim: true })
      const [newest] = page.items
      if (newest) return newest.atMs > end.atMs || (newest.atMs === end.atMs && newest.id >= end.name)
      if (page.nextCursor === null) return false
      at = page.nextCursor
    }
    return false
  }
  const get = (id: string) => store.requests.conversation(id, maxRequests)
  return {
    get,
    async page({ limit, cursor, filter }) {
      const found: string[] = []
      const seen = new Set<string>()
      let at = cursor
      const walk = async (): Promise<string | null> => {
        for (let units = 0; units < unitsPerPage; units++) {
          const step = await store.requests.conversations({ cursor: at, filter, ...(rows && { rows }) })
          for (const { conversationId, ...place } of step.places) {
            if (seen.has(conversationId)) continue
            seen.add(conversationId)
            if (cursor !== null && (await isShown(conversationId, cursor, filter))) continue
            found.push(conversationId)
            if (found.length === limit) return writeCursor(place)
          }
          at = step.nextCursor
          if (at === null) return null
          await nextTurn()
        }
        return at
      }
      const nextCursor = await walk()
      const items: ConversationSums[] = []
      for (const id of found) {
        const sums = await get(id)
        // It may have been pruned meanwhile.
        if (sums !== null) items.push(sums)
        await nextTurn()
      }
      return { items, nextCursor }
    },
  }
}

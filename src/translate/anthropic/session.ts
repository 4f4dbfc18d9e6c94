import { createHash } from 'node:crypto'
import { filled, isObject } from '../json.ts'

/** The upstream takes cache keys up to this length. */
const mostLength = 64

/**
 * The session inside `metadata.user_id`. Claude Code writes it as JSON with a `session_id`, older versions as
 * `user_…_session_<id>`. An id that names only a person tells nothing of the conversation: null.
 */
export function sessionOf(metadata: unknown): string | null {
  const userId = isObject(metadata) ? filled(metadata.user_id) : null
  if (userId === null) return null
  const session = sessionInJson(userId) ?? /_session_(.+)$/.exec(userId)?.[1] ?? null
  if (session === null || session.length <= mostLength) return session
  return createHash('sha256').update(session).digest('hex')
}

function sessionInJson(userId: string): string | null {
  if (!userId.startsWith('{')) return null
  try {
    const parsed: unknown = JSON.parse(userId)
    return isObject(parsed) ? filled(parsed.session_id) : null
  } catch {
    // An id that only looks like JSON is an id all the same.
    return null
  }
}

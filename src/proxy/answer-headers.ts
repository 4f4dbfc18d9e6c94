import type { Account } from '../domain/account.ts'
import type { Found } from './find-answer.ts'
import { poolHeaders, relayedHeaders } from './pool-usage.ts'
import type { Turn } from './turn.ts'

/** Names the model source that has answered in place of an account. */
export const sourceHeader = 'x-codex-lb-source'

/** The headers of an answer beside its request id. Of a source's own headers none means anything here. */
export function answerHeaders(
  { source }: Pick<Turn, 'source'>,
  { head }: Found,
  accounts: readonly Account[],
  nowMs: number,
): Record<string, string> {
  if (source === null) return relayedHeaders(head, accounts, nowMs)
  return { ...poolHeaders(accounts, nowMs), [sourceHeader]: source.name }
}

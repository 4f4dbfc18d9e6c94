import type { Json } from '../json.ts'

/** Says whose the content is and in which form, so that a later version can tell its own from older ones and strangers'. */
const mark = 'codex-lb.reasoning.1.'

/**
 * What a thinking block carries in `signature` (or `data`): the upstream's encrypted reasoning, which the client sends back
 * unread. Null when the upstream gave none: the block is then not sent on again.
 */
export function sealReasoning(encryptedContent: string | null): string {
  return mark + (encryptedContent ?? '')
}

/** The reasoning item inside one of our own blocks; null for a stranger's, and for one with nothing in it. */
export function openReasoning(sealed: unknown, thinking: string): Json | null {
  if (typeof sealed !== 'string' || !sealed.startsWith(mark) || sealed.length === mark.length) return null
  return {
    type: 'reasoning',
    summary: thinking === '' ? [] : [{ type: 'summary_text', text: thinking }],
    encrypted_content: sealed.slice(mark.length),
  }
}

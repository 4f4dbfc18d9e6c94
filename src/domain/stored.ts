/** What clients may ask to be kept: a response, or a chat completion. */
export type StoredKind = 'response' | 'chat'

/** `queued` and `in_progress`: it is still being made. */
export type StoredStatus = 'queued' | 'in_progress' | 'completed' | 'incomplete' | 'failed' | 'cancelled'

/** Which object is meant, and who asks: what another key has made does not exist. Null: this machine, without a key. */
export type StoredName = { kind: StoredKind; id: string; keyId: string | null }

/** Something that was kept on its client's word, with its content. */
export type StoredObject = StoredName & {
  status: StoredStatus
  background: boolean
  model: string | null
  /** The response that it continues, whether or not that one is kept. */
  previousId: string | null
  /** The same for all responses that continue one another. */
  threadId: string
  createdAtMs: number
  /** While it is being made: until when its maker has to give a sign of life. Null: it is over. */
  aliveUntilMs: number | null
  /** The items that the request added, or its messages, as the client sent them. */
  input: unknown[]
  /** The object itself, with all that was made. */
  output: Record<string, unknown>
  metadata: Record<string, string>
}

/** One event of a stream as its client got it, with its place. */
export type StoredEvent = { sequence: number; text: string }

export function isRunning({ status }: Pick<StoredObject, 'status'>): boolean {
  return status === 'queued' || status === 'in_progress'
}

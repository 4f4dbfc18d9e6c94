import type { StoredStatus } from '../domain/stored.ts'

type Json = Record<string, unknown>

/** Why something was not finished, as its object and the last event of its stream say it. */
export type Reason = { code: string; message: string }

export const cancelledByClient: Reason = { code: 'response_cancelled', message: 'The response was cancelled.' }
export const clientLeft: Reason = {
  code: 'client_disconnected',
  message: 'The client left before the response was finished.',
}
export const makerLost: Reason = {
  code: 'server_error',
  message: 'The server stopped while this response was being made; ask again.',
}

const statuses: readonly StoredStatus[] = ['queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled']

/** The status that a response object gives itself; one that says nothing is finished. */
export function statusOf({ status }: Json): StoredStatus {
  return statuses.find((known) => known === status) ?? 'completed'
}

export function failedOutput(output: Json, { code, message }: Reason): Json {
  return { ...output, status: 'failed', error: { code, message } }
}

export function cancelledOutput(output: Json): Json {
  return { ...output, status: 'cancelled' }
}

export function errorEvent({ code, message }: Reason): Json {
  return { type: 'error', code, message, param: null }
}

/** An event as it stands in a stream. */
export function eventText(type: string, event: unknown): string {
  return `event: ${type}\ndata: ${JSON.stringify(event)}\n\n`
}

import type { FastifyReply } from 'fastify'
import type { Logger } from 'pino'
import type { StoredEvent, StoredObject } from '../../domain/stored.ts'
import { AppError } from '../../errors.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Roster } from '../../lib/roster.ts'
import { errorEvent, eventText } from '../../stored/endings.ts'
import type { Stored } from '../../stored/stored.ts'
import type { Downstream, KeepAlive } from '../downstream.ts'
import { httpClient } from '../http-client.ts'

export type FollowReplyDeps = {
  stored: Pick<Stored, 'events'>
  keepAlive: KeepAlive
  /** Aborting one ends it. */
  running: Roster<AbortController>
  clock: Clock
  log: Logger
}

const lifeSign = ': keepalive\n\n'

/** Answers with the stream of a kept response, from after one event to its end. @throws AppError before anything was sent */
export async function followReply(
  reply: FastifyReply,
  object: StoredObject,
  after: number,
  { stored, keepAlive, running, clock, log }: FollowReplyDeps,
): Promise<unknown> {
  const ending = new AbortController()
  const events = await stored.events(object, after, ending.signal)
  const startedAtMs = clock.now()
  const watched = {
    ...{ startedAtMs, lastWriteAtMs: startedAtMs },
    mayInsert: () => true,
    insert: () => void out.write(lifeSign),
    tooLong: () => ending.abort(new Error('turn_too_long')),
  }
  const { out } = httpClient(reply)(() => {
    watched.lastWriteAtMs = clock.now()
  })
  out.begin({ 'x-request-id': reply.request.id })
  // The client learns at once that there is a stream, however long its next event takes.
  out.write(lifeSign)
  reply.raw.once('close', () => ending.abort(new Error('client_disconnected')))
  if (reply.raw.destroyed) ending.abort(new Error('client_disconnected'))
  const leave = [running.add(ending), keepAlive.watch(watched)]
  void copy(events, out, ending.signal)
    .catch((error: unknown) => {
      if (!ending.signal.aborted && !(error instanceof AppError))
        log.error({ err: error }, 'stream of a kept response failed')
      out.write(lastWords(error))
    })
    .finally(() => {
      out.end()
      for (const done of leave) done()
    })
  return reply
}

async function copy(
  events: AsyncIterable<readonly StoredEvent[]>,
  out: Downstream,
  signal: AbortSignal,
): Promise<void> {
  for await (const batch of events) for (const { text } of batch) if (!out.write(text)) await drained(out, signal)
}

function drained(out: Downstream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    out.drained(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
  })
}

/** Only the stream ends here; the response goes on, or is kept as it is. */
function lastWords(error: unknown): string {
  const known = error instanceof AppError ? error : null
  const message = known?.message ?? 'The stream ended early; take it up again after its last event.'
  return eventText('error', {
    ...errorEvent({ code: known?.code ?? 'stream_incomplete', message }),
    sequence_number: 0,
  })
}

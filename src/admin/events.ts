import type { ServerResponse } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { LiveEvents } from '../contract/live.ts'
import type { Clock } from '../lib/clock.ts'
import { iso } from './account-views.ts'
import { eventText, type LiveFeed, type Sent } from './live.ts'
import { route } from './route.ts'

export type EventsDeps = {
  feed: LiveFeed
  clock: Clock
  version: string
  demo: boolean
  stopping: AbortSignal
  /** Throws once the one who asked is not signed in any more. */
  checkSession: (request: FastifyRequest) => Promise<unknown>
}

/** A session that has ended, wherever that was done, is shown nothing for longer than this. */
const checkMs = 5_000
/** Keeps reverse proxies from closing a quiet stream. */
const checksPerComment = 3
/** A reader that is this far behind is dropped; it comes back and gets what it missed, or a resync. */
const maxUnreadBytes = 256 * 1024
const maxReaders = 100

/** `GET /api/events`: one stream per open page. */
export function eventRoutes({ feed, clock, version, demo, stopping, checkSession }: EventsDeps) {
  const readers = new Set<ServerResponse>()
  stopping.addEventListener('abort', () => {
    for (const reader of readers) reader.end()
  })
  const open = (response: ServerResponse, lastEventId: number | null, request: FastifyRequest) => {
    response.writeHead(200, {
      'x-request-id': request.id,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    })
    const send = (text: string) => {
      if (response.writableEnded) return
      if (response.writableLength > maxUnreadBytes) response.destroy()
      else response.write(text)
    }
    const isViewer = request.principal?.role === 'viewer'
    const textOf = (sent: Sent) => (isViewer ? sent.textForViewers() : sent.text)
    const sendAll = (events: readonly Sent[]) => send(events.map(textOf).join(''))
    const newestEventId = feed.newestId()
    const missed = lastEventId === null ? [] : feed.since(lastEventId)
    // Its id makes a reader that is cut off before anything happens ask for what it missed.
    const helloId = lastEventId === null || missed === null ? newestEventId : lastEventId
    send(eventText('hello', { version, serverTime: iso(clock.now()), newestEventId, demo }, helloId))
    if (missed === null) send(eventText('resync', {}, newestEventId))
    else if (missed.length > 0) sendAll(missed)
    const unsubscribe = feed.subscribe(sendAll)
    let checks = 0
    const check = () => {
      cancelCheck = clock.after(checkMs, check)
      checks++
      if (checks % checksPerComment === 0) send(': still here\n\n')
      checkSession(request).catch(() => response.end())
    }
    let cancelCheck = clock.after(checkMs, check)
    readers.add(response)
    response.once('close', () => {
      readers.delete(response)
      unsubscribe()
      cancelCheck()
    })
    if (stopping.aborted) response.end()
  }
  return [
    route(
      {
        method: 'GET',
        path: '/api/events',
        access: 'viewer',
        summary: 'What happens, as it happens (server-sent events)',
        answer: z.object(LiveEvents).partial().describe('One event: its name, and its data.'),
        answerType: 'text/event-stream',
      },
      async ({ request, reply }) => {
        for (const reader of readers) {
          if (readers.size < maxReaders) break
          reader.destroy()
          readers.delete(reader)
        }
        const given = request.headers['last-event-id']
        reply.hijack()
        open(reply.raw, typeof given === 'string' && /^\d{1,16}$/.test(given) ? Number(given) : null, request)
        // The stream is ours from here; there is nothing left to answer.
        return {}
      },
    ),
  ]
}

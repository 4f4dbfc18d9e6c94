import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import type { Clock } from '../lib/clock.ts'
import { iso } from './account-views.ts'
import { eventText, type LiveFeed, type Sent } from './live.ts'
import { type AnyRoute, route } from './route.ts'

export type EventsDeps = { feed: LiveFeed; clock: Clock; version: string; demo: boolean; stopping: AbortSignal }

/** Keeps reverse proxies from closing a quiet stream. */
const commentMs = 15_000
/** A reader that is this far behind is dropped; it comes back and gets what it missed, or a resync. */
const maxUnreadBytes = 256 * 1024
const maxReaders = 100

/** `GET /api/events`: one stream per open page. */
export function eventRoutes({ feed, clock, version, demo, stopping }: EventsDeps): AnyRoute[] {
  const readers = new Set<ServerResponse>()
  stopping.addEventListener('abort', () => {
    for (const reader of readers) reader.end()
  })
  const open = (response: ServerResponse, lastEventId: number | null) => {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    })
    const send = (text: string) => {
      if (response.writableLength > maxUnreadBytes) response.destroy()
      else response.write(text)
    }
    const sendAll = (events: readonly Sent[]) => send(events.map(({ text }) => text).join(''))
    send(eventText('hello', { version, serverTime: iso(clock.now()), newestEventId: feed.newestId(), demo }))
    if (lastEventId !== null) {
      const missed = feed.since(lastEventId)
      if (missed === null) send(eventText('resync', {}, feed.newestId()))
      else if (missed.length > 0) sendAll(missed)
    }
    const unsubscribe = feed.subscribe(sendAll)
    const timer = setInterval(() => send(': still here\n\n'), commentMs)
    timer.unref()
    readers.add(response)
    response.once('close', () => {
      readers.delete(response)
      unsubscribe()
      clearInterval(timer)
    })
  }
  return [
    route(
      {
        method: 'GET',
        path: '/api/events',
        access: 'session',
        summary: 'What happens, as it happens (server-sent events)',
        answer: z.null(),
      },
      async ({ request, reply }) => {
        for (const reader of readers) {
          if (readers.size < maxReaders) break
          reader.destroy()
          readers.delete(reader)
        }
        const given = request.headers['last-event-id']
        reply.hijack()
        open(reply.raw, typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : null)
        return null
      },
    ),
  ]
}

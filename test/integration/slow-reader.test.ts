import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { setImmediate as nextTick } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import pino from 'pino'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { eventRoutes } from '../../src/admin/events.ts'
import type { LiveFeed, Sent } from '../../src/admin/live.ts'
import { addRoutes } from '../../src/admin/route.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createTally } from '../../src/lib/tally.ts'
import { createServer } from '../../src/server.ts'
import { letIn, noAudit, openToClients } from '../support/principal.ts'
import { listen } from '../support/visitor.ts'

let app: FastifyInstance
let url: string
const readers = new Set<(events: readonly Sent[]) => void>()
const stopping = new AbortController()

/** Says whatever a test wants, as much and as fast as it wants. */
const feed: LiveFeed = {
  newestId: () => 0,
  since: () => [],
  subscribe(reader) {
    readers.add(reader)
    return () => void readers.delete(reader)
  },
  stop: () => {},
}
const say = (text: string) => {
  for (const reader of readers) reader([{ id: 1, text, textForViewers: () => text }])
}

beforeEach(async () => {
  app = createServer({
    gate: { trustedProxies: [], hosts: new Set(), origins: new Set() },
    clock: systemClock,
    log: pino({ level: 'silent' }),
    version: '0',
    isOpen: () => true,
    underWay: createTally(),
    checkSession: letIn,
    clientGate: openToClients,
  })
  const checkSession = async () => {}
  addRoutes(
    app,
    eventRoutes({ feed, clock: systemClock, version: '0', demo: false, stopping: stopping.signal, checkSession }),
    noAudit,
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
})
afterEach(async () => {
  app.server.closeAllConnections()
  await app.close()
})

const someText = `event: note\ndata: "${'x'.repeat(64 * 1024)}"\n\n`

it('a reader that does not read is dropped before it holds much, and the others go on', {
  timeout: 30_000,
}, async () => {
  const good = await listen(url)
  const deaf = connect(Number(new URL(url).port), '127.0.0.1')
  deaf.on('error', () => {})
  deaf.write('GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
  deaf.pause()
  await expect.poll(() => readers.size, { timeout: 10_000 }).toBe(2)
  let said = 0
  // What the operating system buffers on the way comes on top of what is kept here.
  while (readers.size === 2 && said < 2_000) {
    say(someText)
    said++
    await nextTick()
    await expect.poll(() => good.heard.length, { timeout: 10_000, interval: 1 }).toBeGreaterThan(said)
  }
  expect(readers.size).toBe(1)
  expect(said * someText.length).toBeLessThan(32 * 1024 * 1024)
  say('event: last\ndata: {}\n\n')
  await good.hears('last')
  expect(good.ended).toBe(false)
  deaf.destroy()
  good.close()
})

it('what is said after a stream was ended is lost without harm', { timeout: 30_000 }, async () => {
  const good = await listen(url)
  await expect.poll(() => readers.size, { timeout: 10_000 }).toBe(1)
  const deaf = connect(Number(new URL(url).port), '127.0.0.1')
  deaf.on('error', () => {})
  deaf.write('GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
  deaf.pause()
  await expect.poll(() => readers.size, { timeout: 10_000 }).toBe(2)
  // Enough to be still on its way when the stream ends.
  for (let n = 0; n < 4; n++) say(someText)
  stopping.abort()
  for (let n = 0; n < 4; n++) say(someText)
  await expect.poll(() => good.ended, { timeout: 10_000 }).toBe(true)
  expect(good.heard.filter(({ name }) => name === 'note')).toHaveLength(4)
  const late = await listen(url)
  await expect.poll(() => late.ended, { timeout: 10_000 }).toBe(true)
  deaf.destroy()
})

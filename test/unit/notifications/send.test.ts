import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Channel } from '../../../src/domain/notifications/channel.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { Secret } from '../../../src/lib/secrets.ts'
import type { Message } from '../../../src/notifications/message.ts'
import { createSend } from '../../../src/notifications/send.ts'
import { answering, type Receiver, startReceiver } from '../../support/receiver.ts'

let receiver: Receiver
beforeEach(async () => {
  receiver = await startReceiver()
})
afterEach(() => receiver.close())

const message: Message = {
  ...{ id: 'ntf_1', atMs: 0, event: 'begin', title: 'Low', text: 'Very.' },
  rule: { id: 'nrl_1', name: 'Mine', kind: 'pool_below' },
  about: [{ kind: 'pool_below', window: 'weekly', percent: 15, leftPercent: 1, resetAtMs: 0 }],
}
const channel = (given: Partial<Channel> = {}): Channel => ({
  ...{
    id: 'c',
    name: 'C',
    isActive: true,
    allowPrivateAddress: false,
    showEmails: false,
    createdAtMs: 0,
    updatedAtMs: 0,
  },
  config: { kind: 'webhook' },
  secrets: { url: new Secret(`http://rebind.test:${new URL(receiver.url).port}/`) },
  ...given,
})
/** A name whose address is another one each time. */
const rebinding = (...addresses: string[]) => {
  let asked = 0
  return async () => [{ address: addresses[asked++ % addresses.length] ?? '', family: 4 }]
}
const never = new AbortController().signal

it('a name that leads inside at the second look does not get a message', async () => {
  // 192.0.2.1 is nowhere, and refused as such: what matters is that no look-up after it reaches the receiver.
  const send = createSend({
    clock: systemClock,
    version: '1',
    resolve: rebinding('192.0.2.1', '127.0.0.1', '127.0.0.1'),
  })
  for (let count = 0; count < 3; count++) {
    expect(await send(channel(), message, never)).toMatchObject({ ok: false, status: null })
  }
  const mail = channel({
    config: {
      ...{ kind: 'email', host: 'rebind.test', port: Number(new URL(receiver.url).port), security: 'none', user: null },
      ...{ from: 'a@b.co', to: ['c@d.eu'] },
    },
  })
  for (let count = 0; count < 3; count++) {
    expect(await send(mail, message, never)).toMatchObject({
      ok: false,
      error: expect.stringContaining('rebind.test is '),
    })
  }
  expect(receiver.received).toEqual([])
})

it('where it is allowed to go inside, it goes there and nowhere worse', async () => {
  const send = createSend({ clock: systemClock, version: '1', resolve: rebinding('127.0.0.1', '169.254.169.254') })
  const allowed = channel({ allowPrivateAddress: true })
  expect(await send(allowed, message, never)).toEqual({ ok: true, status: 200, error: null, retryAfterMs: 0 })
  expect(await send(allowed, message, never)).toMatchObject({ ok: false, error: expect.stringContaining('link-local') })
  expect(JSON.parse(receiver.received[0]?.body ?? '')).toMatchObject({
    ...{
      id: 'ntf_1',
      at: '1970-01-01T00:00:00.000Z',
      kind: 'pool_below',
      event: 'begin',
      rule: { id: 'nrl_1', name: 'Mine' },
    },
    about: [{ kind: 'pool_below', leftPercent: 1, resetAt: '1970-01-01T00:00:00.000Z' }],
  })
})

it('the other side may ask for patience', async () => {
  const send = createSend({ clock: systemClock, version: '1', resolve: rebinding('127.0.0.1') })
  receiver.script.push(
    answering(429, 'slow down', { 'retry-after': '90' }),
    answering(503, '', { 'retry-after': 'soon' }),
  )
  const allowed = channel({ allowPrivateAddress: true })
  expect(await send(allowed, message, never)).toMatchObject({ ok: false, status: 429, retryAfterMs: 90_000 })
  expect(await send(allowed, message, never)).toMatchObject({ ok: false, status: 503, retryAfterMs: 0 })
})

it('what is being sent ends when the server stops', async () => {
  const stop = new AbortController()
  receiver.script.push(() => stop.abort())
  const send = createSend({ clock: systemClock, version: '1', resolve: rebinding('127.0.0.1') })
  expect(await send(channel({ allowPrivateAddress: true }), message, stop.signal)).toMatchObject({
    ...{ ok: false, error: 'The call was ended.' },
  })
})

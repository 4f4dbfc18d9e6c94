import { createHmac, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { apiOf } from '../support/api.ts'
import { answering, type Receiver, startReceiver } from '../support/receiver.ts'
import { type Rig, startRig } from '../support/start.ts'
import type { Untyped } from '../support/untyped.ts'

let rig: Rig
let receiver: Receiver
beforeAll(async () => {
  rig = await startRig({ importAll: false })
  receiver = await startReceiver()
})
afterAll(async () => {
  await rig.close()
  await receiver.close()
})
afterEach(() => {
  receiver.received.length = 0
  receiver.script.length = 0
})

const path = '/api/notification-channels'
const api = (method: string, where: string, body?: unknown) => apiOf(rig)(method, where, body)
const make = async (body: object): Promise<Untyped> => {
  const answer = await api('POST', path, { name: 'One', allowPrivateAddress: true, ...body })
  expect(answer).toMatchObject({ status: 201 })
  return answer.body
}
const test = async (body: object): Promise<Untyped> => {
  const { id } = await make(body)
  const answer = await api('POST', `${path}/${id}/test`)
  expect(answer.status).toBe(200)
  return answer.body
}
const faults = async (method: string, where: string, body: object) => {
  const answer = await api(method, where, body)
  expect([answer.status, answer.body.error.code]).toEqual([400, 'invalid_request'])
  return answer.body.error.details.map((fault: Untyped) => fault.path)
}
const secret = 'a secret of some length'
const token = '123456:ABC-def_ghi_jkl_mno_pqr'

const every = () => [
  { kind: 'webhook', url: `${receiver.url}/hook?key=hidden`, secret },
  { kind: 'ntfy', server: receiver.url, topic: 'pool', token: 'tk_hidden' },
  { kind: 'slack', url: `${receiver.url}/services/hidden` },
  { kind: 'discord', url: `${receiver.url}/api/webhooks/hidden` },
  { kind: 'telegram', server: receiver.url, chatId: '-100123', token },
  {
    ...{ kind: 'email', host: 'mail.example.com', port: 465, security: 'tls', user: 'me', password: 'hidden-too' },
    ...{ from: 'a@example.com', to: ['b@example.com'] },
  },
]

describe('a channel', () => {
  it('comes back without its secrets, wherever it comes back', async () => {
    for (const body of every()) {
      const made = await make(body)
      const { id } = made
      const all = [made, (await api('GET', `${path}/${id}`)).body, (await api('GET', path)).body]
      all.push((await api('PATCH', `${path}/${id}`, { name: 'Two' })).body)
      all.push((await api('GET', `/api/audit-logs?target_id=${id}`)).body)
      const text = JSON.stringify(all)
      expect(text).not.toMatch(/hidden|ABC-def|a secret of/)
      expect(all[1]).toEqual(made)
    }
    const { items, nextCursor } = (await api('GET', path)).body
    const host = new URL(receiver.url).host
    expect(nextCursor).toBeNull()
    expect(items.slice(-6).map(({ id, createdAt, updatedAt, ...shown }: Untyped) => shown)).toEqual([
      { ...shownOf('webhook'), urlHost: host, hasSecret: true },
      { ...shownOf('ntfy'), server: receiver.url, topic: 'pool', hasToken: true },
      { ...shownOf('slack'), urlHost: host },
      { ...shownOf('discord'), urlHost: host },
      { ...shownOf('telegram'), server: receiver.url, chatId: '-100123', hasToken: true },
      {
        ...{ ...shownOf('email'), host: 'mail.example.com', port: 465, security: 'tls', user: 'me' },
        ...{ hasPassword: true, from: 'a@example.com', to: ['b@example.com'] },
      },
    ])
  })
  const shownOf = (kind: string) => ({
    ...{ kind, name: 'Two', isActive: true, allowPrivateAddress: true, showEmails: false },
  })

  it('is sealed on the disk', async () => {
    await make({ kind: 'webhook', url: `${receiver.url}/only-on-paper`, secret: 'only-in-the-vault' })
    await rig.restart()
    const files = ['codex-lb.db', 'codex-lb.db-wal'].flatMap((name) => {
      try {
        return [readFileSync(join(rig.dataDir, name), 'latin1')]
      } catch {
        return []
      }
    })
    expect(files.join('')).toContain('notification_channels')
    expect(files.join('')).not.toMatch(/only-on-paper|only-in-the-vault/)
    const { items } = (await api('GET', path)).body
    const { id } = items.at(-1)
    await api('POST', `${path}/${id}/test`)
    expect(receiver.received[0]?.path).toBe('/only-on-paper')
  })

  it('keeps what a change does not name, and loses what it clears', async () => {
    const { id } = await make({ kind: 'webhook', url: `${receiver.url}/kept`, secret })
    expect((await api('PATCH', `${path}/${id}`, { is_active: false })).body).toMatchObject({
      ...{ isActive: false, hasSecret: true, name: 'One' },
    })
    expect((await api('PATCH', `${path}/${id}`, { secret: null })).body).toMatchObject({ hasSecret: false })
    await api('POST', `${path}/${id}/test`)
    expect(receiver.received[0]).toMatchObject({ path: '/kept' })
    expect(receiver.received[0]?.headers['x-codex-lb-signature']).toBeUndefined()
    await api('PATCH', `${path}/${id}`, { url: `${receiver.url}/other`, secret: 'another secret' })
    await api('POST', `${path}/${id}/test`)
    expect(receiver.received[1]).toMatchObject({ path: '/other' })
    expect(receiver.received[1]?.headers['x-codex-lb-signature']).toBeDefined()
  })

  it('refuses what it has not got, what is wrong, and what cannot be cleared, naming the fields', async () => {
    const { id } = await make({ kind: 'slack', url: `${receiver.url}/x` })
    expect(await faults('PATCH', `${path}/${id}`, { topic: 'x', secret: 'y-y-y-y-y', url: null })).toEqual(['url'])
    expect(await faults('PATCH', `${path}/${id}`, { topic: 'x', secret: 'y-y-y-y-y' })).toEqual(['secret', 'topic'])
    expect(await faults('PATCH', `${path}/${id}`, { kind: 'discord' })).toEqual(['kind'])
    expect(await faults('POST', path, { kind: 'slack', name: '', url: 'ftp://x' })).toEqual(['name', 'url'])
    expect(await faults('POST', path, { kind: 'slack', name: 'x', url: 'http://me:pw@x/', topic: 'y' })).toEqual([
      'url',
      'topic',
    ])
    expect(await faults('POST', path, { kind: 'pigeon', name: 'x' })).toEqual(['kind'])
    expect(
      await faults('POST', path, {
        ...{ kind: 'email', name: 'x', host: '-', port: 0, from: 'me\r\nBcc: you@example.com', to: [] },
      }),
    ).toEqual(['host', 'from', 'to', 'port'])
    const telegram = await make({ kind: 'telegram', chatId: '1', token })
    expect(await faults('PATCH', `${path}/${telegram.id}`, { token: null })).toEqual(['token'])
  })

  it('does not send a stored token or password elsewhere than it was given for', async () => {
    const ntfy = await make({ kind: 'ntfy', topic: 'pool', token: 'tk_hidden' })
    expect(await faults('PATCH', `${path}/${ntfy.id}`, { server: receiver.url })).toEqual(['token'])
    expect((await api('PATCH', `${path}/${ntfy.id}`, { server: receiver.url, token: null })).status).toBe(200)
    const mail = await make({
      kind: 'email',
      host: 'a.example',
      password: 'pw',
      user: 'u',
      from: 'a@b.co',
      to: ['c@d.eu'],
    })
    expect(await faults('PATCH', `${path}/${mail.id}`, { host: 'b.example' })).toEqual(['password'])
    expect(await faults('PATCH', `${path}/${mail.id}`, { security: 'none' })).toEqual(['password'])
    expect((await api('PATCH', `${path}/${mail.id}`, { host: 'b.example', password: 'pw2' })).status).toBe(200)
    expect((await api('PATCH', `${path}/${mail.id}`, { to: ['e@f.gh'] })).status).toBe(200)
  })

  it('goes, and is then unknown everywhere', async () => {
    const { id } = await make({ kind: 'slack', url: `${receiver.url}/x` })
    expect(await api('DELETE', `${path}/${id}`)).toEqual({ status: 204, body: null })
    for (const [method, where] of [
      ['GET', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ['POST', '/test'],
    ] as const) {
      const answer = await api(method, `${path}/${id}${where}`, method === 'GET' ? undefined : {})
      expect([answer.status, answer.body.error.code]).toEqual([404, 'notification_channel_not_found'])
    }
  })

  it('stays while a rule sends to it', async () => {
    const { id } = await make({ kind: 'slack', url: `${receiver.url}/x` })
    const rule = await api('POST', '/api/notification-rules', { kind: 'pool_out', name: 'All out', channel_ids: [id] })
    const answer = await api('DELETE', `${path}/${id}`)
    expect([answer.status, answer.body.error]).toMatchObject([
      409,
      { code: 'notification_channel_in_use', message: 'Rules send to this channel: All out.' },
    ])
    await api('DELETE', `/api/notification-rules/${rule.body.id}`)
    expect((await api('DELETE', `${path}/${id}`)).status).toBe(204)
  })

  it('is in the audit log with all that was done to it', async () => {
    const { id } = await make({ kind: 'ntfy', server: receiver.url, topic: 'pool', token: 'tk_hidden' })
    await api('PATCH', `${path}/${id}`, { topic: 'other', token: null, allow_private_address: false })
    await api('POST', `${path}/${id}/test`)
    await api('DELETE', `${path}/${id}`)
    const { items } = (await api('GET', `/api/audit-logs?target_id=${id}`)).body
    expect(items.map(({ action }: Untyped) => action).toSorted()).toEqual(
      ['create', 'change', 'test', 'delete'].map((verb) => `notification_channel.${verb}`).toSorted(),
    )
    const change = items.find(({ action }: Untyped) => action.endsWith('change'))
    expect(change.before).toMatchObject({ topic: 'pool', allowPrivateAddress: true, hasToken: true })
    expect(change.after).toMatchObject({
      topic: 'other',
      allowPrivateAddress: false,
      hasToken: false,
      replaced: ['token'],
    })
  })
})

describe('a test message', () => {
  it('reaches a webhook with a signature that only who has the secret can make', async () => {
    expect(await test({ kind: 'webhook', url: `${receiver.url}/hook`, secret })).toEqual({
      ...{ ok: true, status: 200, elapsedMs: expect.any(Number), error: null },
    })
    const [got] = receiver.received
    expect(JSON.parse(got?.body ?? '')).toEqual({
      ...{
        id: expect.stringMatching(/^test_/),
        at: expect.stringMatching(/Z$/),
        kind: 'test',
        event: 'test',
        rule: null,
      },
      ...{ title: 'A test message', text: 'Messages to the channel “One” arrive here.', about: [] },
    })
    expect(got?.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': expect.stringMatching(/^codex-lb\//),
    })
    const header = String(got?.headers['x-codex-lb-signature'])
    expect(isFromCodexLb(got?.body ?? '', header, secret)).toBe(true)
    expect(isFromCodexLb(`${got?.body} `, header, secret)).toBe(false)
    expect(isFromCodexLb(got?.body ?? '', header.replace(/t=\d+/, 't=1'), secret)).toBe(false)
    expect(isFromCodexLb(got?.body ?? '', header, 'another secret')).toBe(false)
  })

  it('reaches ntfy, Slack, Discord and Telegram in their own words', async () => {
    const [, ntfy, slack, discord, telegram] = every()
    for (const body of [ntfy, slack, discord, telegram])
      expect(await test({ name: 'A<b>_c', ...body })).toMatchObject({ ok: true })
    const got = receiver.received.map((one) => ({ ...one, body: JSON.parse(one.body) }))
    expect(got).toMatchObject([
      {
        ...{ method: 'POST', path: '/', headers: { authorization: 'Bearer tk_hidden' } },
        body: { topic: 'pool', title: 'A test message', message: 'Messages to the channel “A<b>_c” arrive here.' },
      },
      {
        path: '/services/hidden',
        body: { text: '*A test message*\nMessages to the channel “A&lt;b&gt;_c” arrive here.' },
      },
      {
        path: '/api/webhooks/hidden',
        body: {
          content: '**A test message**\nMessages to the channel “A<b\\>\\_c” arrive here.',
          allowed_mentions: { parse: [] },
        },
      },
      {
        path: `/bot${token}/sendMessage`,
        body: { chat_id: '-100123', text: 'A test message\nMessages to the channel “A<b>_c” arrive here.' },
      },
    ])
  })

  it('says what the other side answered, without our secrets', async () => {
    receiver.script.push(
      answering(400, JSON.stringify({ ok: false, description: `Bad Request: no chat at ${token}` })),
      answering(404, '<!doctype html><h1>Nope</h1>'),
      answering(500, `oh\n\tno ${'x'.repeat(9_000)}`),
      answering(302, '', { location: `${receiver.url}/elsewhere` }),
      (response) => response.destroy(),
    )
    const telegram = await make({ kind: 'telegram', server: receiver.url, chatId: '1', token })
    const say = async () => (await api('POST', `${path}/${telegram.id}/test`)).body
    expect(await say()).toMatchObject({
      ok: false,
      status: 400,
      error: 'It answered 400: Bad Request: no chat at [secret]',
    })
    expect(await say()).toMatchObject({ ok: false, status: 404, error: 'It answered 404.' })
    expect((await say()).error).toMatch(/^It answered 500: oh no x{1,200}$/)
    expect(await say()).toMatchObject({ ok: false, status: 302, error: expect.stringContaining('redirect') })
    expect(await say()).toMatchObject({ ok: false, status: null, error: expect.stringContaining('broke') })
    expect(receiver.received.map((one) => one.path)).not.toContain('/elsewhere')
    expect(receiver.received).toHaveLength(5)
  })

  it('does not reach this machine or its network unless an admin has allowed it', async () => {
    const port = new URL(receiver.url).port
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '0x7f000001', '[::ffff:127.0.0.1]']) {
      const result = await test({ kind: 'webhook', url: `http://${host}:${port}/`, allowPrivateAddress: false })
      expect(result).toMatchObject({
        ok: false,
        status: null,
        error: expect.stringMatching(/this machine|not an address/),
      })
    }
    const mail = { kind: 'email', host: 'localhost', port: Number(port), from: 'a@b.co', to: ['c@d.eu'] }
    expect(await test({ ...mail, allowPrivateAddress: false })).toMatchObject({
      ...{ ok: false, error: expect.stringContaining('this machine') },
    })
    expect(receiver.received).toEqual([])
  })

  it('never reaches the metadata of a cloud', async () => {
    for (const host of ['169.254.169.254', '[fd00:ec2::254]', '100.100.100.200']) {
      const result = await test({ kind: 'webhook', url: `http://${host}/`, allowPrivateAddress: true })
      expect(result).toMatchObject({ ok: false, error: expect.stringMatching(/metadata|link-local/) })
    }
    const mail = { kind: 'email', host: '169.254.169.254', from: 'a@b.co', to: ['c@d.eu'] }
    expect(await test(mail)).toMatchObject({ ok: false, error: '169.254.169.254 is a link-local address.' })
  })
})

/** The example of docs/notifications.md. */
function isFromCodexLb(body: string, header: string, key: string): boolean {
  const [, seconds = '', given = ''] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(header) ?? []
  const expected = createHmac('sha256', key).update(`${seconds}.${body}`).digest('hex')
  const isFresh = Math.abs(Date.now() / 1000 - Number(seconds)) < 300
  return isFresh && given !== '' && timingSafeEqual(Buffer.from(given), Buffer.from(expected))
}

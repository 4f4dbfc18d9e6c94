import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { apiOf } from '../support/api.ts'
import { type Rig, startRig } from '../support/start.ts'
import type { Untyped } from '../support/untyped.ts'

const fixture = (name: string) => readFileSync(join(import.meta.dirname, '../fixtures/tls', name), 'utf8')
const cert = fixture('localhost.pem')
const key = fixture('localhost.key')
const trusted = getCACertificates('default')

type Mail = { from: string; to: string[]; text: string; secure: boolean; user: unknown }
let rig: Rig
const closing: (() => Promise<void>)[] = []
beforeAll(async () => {
  rig = await startRig({ importAll: false })
})
afterAll(() => rig.close())
afterEach(async () => {
  setDefaultCACertificates(trusted)
  for (const close of closing.splice(0)) await close()
})

/** A real mail server on this machine, with what it took. */
async function startMail(options: SMTPServerOptions): Promise<{ port: number; mails: Mail[] }> {
  const mails: Mail[] = []
  const server = new SMTPServer({
    ...{ key, cert, authOptional: true, logger: false },
    onAuth: ({ username, password }, _session, done) =>
      password === 'right' ? done(null, { user: username }) : done(new Error('Wrong password')),
    onData(stream, { envelope, secure, user }, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address
        const to = envelope.rcptTo.map(({ address }) => address)
        mails.push({ from, to, text: Buffer.concat(chunks).toString('utf8'), secure, user })
        done()
      })
    },
    ...options,
  })
  server.on('error', () => {}) // Clients that break off are part of these tests.
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => server.close(() => resolve())))
  return { port: (server.server.address() as AddressInfo).port, mails }
}

async function test(given: object): Promise<Untyped> {
  const { body, status } = await apiOf(rig)('POST', '/api/notification-channels', {
    ...{ kind: 'email', name: 'Mail', host: 'localhost', allow_private_address: true },
    ...{ from: 'pool@example.com', to: ['ann@example.com', 'ben@example.com'] },
    ...given,
  })
  expect(status).toBe(201)
  return (await apiOf(rig)('POST', `/api/notification-channels/${body.id}/test`)).body
}
const trustOurs = () => setDefaultCACertificates([...trusted, cert])

it('mail goes out in the clear where that is wanted', async () => {
  const { port, mails } = await startMail({ disabledCommands: ['STARTTLS'] })
  expect(await test({ port, security: 'none' })).toMatchObject({ ok: true, status: 250, error: null })
  expect(mails).toMatchObject([
    { from: 'pool@example.com', to: ['ann@example.com', 'ben@example.com'], secure: false, user: undefined },
  ])
  expect(mails[0]?.text).toMatch(/^Subject: codex-lb: A test message\r$/m)
  expect(mails[0]?.text).toMatch(/^Auto-Submitted: auto-generated\r$/m)
  expect(mails[0]?.text).toContain('Messages to the channel =E2=80=9CMail=E2=80=9D arrive here.')
})

it('mail goes out encrypted after a clear greeting, with a name and password', async () => {
  trustOurs()
  const { port, mails } = await startMail({})
  expect(await test({ port, security: 'starttls', user: 'me', password: 'right' })).toMatchObject({ ok: true })
  expect(mails).toMatchObject([{ secure: true, user: 'me' }])
})

it('mail goes out encrypted from the first byte', async () => {
  trustOurs()
  const { port, mails } = await startMail({ secure: true })
  expect(await test({ port, security: 'tls', user: 'me', password: 'right' })).toMatchObject({ ok: true })
  expect(mails).toMatchObject([{ secure: true, user: 'me' }])
})

it('a server that cannot encrypt gets nothing where encryption was asked for', async () => {
  trustOurs()
  const { port, mails } = await startMail({ hideSTARTTLS: true, disabledCommands: ['STARTTLS'] })
  expect(await test({ port, security: 'starttls', user: 'me', password: 'right' })).toMatchObject({
    ...{ ok: false, error: expect.stringMatching(/encrypted connection failed|refused/) },
  })
  expect(mails).toEqual([])
})

it('a server that nobody vouches for gets nothing', async () => {
  for (const security of ['tls', 'starttls']) {
    const { port, mails } = await startMail({ secure: security === 'tls' })
    const result = await test({ port, security, user: 'me', password: 'right' })
    expect(result).toMatchObject({ ok: false, error: expect.stringContaining('encrypted connection failed') })
    expect(mails).toEqual([])
  }
})

it('says what the server answered, without the password', async () => {
  trustOurs()
  const { port } = await startMail({
    onAuth: ({ password }, _session, done) => done(new Error(`Wrong password: ${password}`)),
  })
  expect(await test({ port, security: 'starttls', user: 'me', password: 'almost-right' })).toMatchObject({
    ...{ ok: false, status: 535, error: 'The mail server refused: 535 Wrong password: [secret]' },
  })
  const refusing = await startMail({
    disabledCommands: ['STARTTLS'],
    onRcptTo: (_address, _session, done) => done(new Error('No such mailbox')),
  })
  expect(await test({ port: refusing.port, security: 'none' })).toMatchObject({
    ...{ ok: false, status: 550, error: expect.stringContaining('No such mailbox') },
  })
  expect(await test({ port: 1, security: 'none' })).toMatchObject({
    ...{ ok: false, status: null, error: 'Nothing listens there (connection refused).' },
  })
})

it('a server that says nothing is left after a while', { timeout: 20_000 }, async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const sockets = new Set<{ destroy(): void }>()
  silent.on('connection', (socket) => sockets.add(socket))
  closing.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => silent.close(resolve))
  })
  const { port } = silent.address() as AddressInfo
  expect(await test({ port, security: 'none' })).toMatchObject({
    ...{ ok: false, error: 'The mail server did not answer in time.' },
  })
})

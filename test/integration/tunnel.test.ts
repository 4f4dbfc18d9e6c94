import { readFileSync } from 'node:fs'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { createServer as createTls, getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EgressScheme } from '../../src/domain/egress.ts'
import type { EgressProxy } from '../../src/domain/egress-proxy.ts'
import { createUpstreamClient } from '../../src/upstream/client.ts'
import { readWhole } from '../../src/upstream/opening.ts'
import { TransportError } from '../../src/upstream/transport-error.ts'
import { openTunnel } from '../../src/upstream/tunnel.ts'
import { startHttpProxy, startSocksProxy } from '../support/proxies.ts'

const fixtures = join(import.meta.dirname, '../fixtures/tls')
const cert = readFileSync(join(fixtures, 'localhost.cert.pem'), 'utf8')
const key = readFileSync(join(fixtures, 'localhost.key.pem'), 'utf8')
const usual = getCACertificates('default')

const closers: (() => unknown)[] = []
beforeEach(() => setDefaultCACertificates([...usual, cert]))
afterEach(async () => {
  setDefaultCACertificates(usual)
  for (const close of closers.splice(0).reverse()) await close()
})

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => server.close())
  return (server.address() as AddressInfo).port
}
const through = (scheme: EgressScheme, port: number, host = '127.0.0.1'): EgressProxy => ({
  ...{ id: 'p', name: 'p', scheme, host, port, username: null, password: null, isActive: true },
  ...{ createdAtMs: 0, updatedAtMs: 0, version: 1 },
})
async function get(port: number, proxy: EgressProxy, host = 'localhost') {
  const client = createUpstreamClient({ connectMs: 4_000, headersMs: 4_000, silenceMs: 4_000 })
  closers.push(() => client.close())
  const url = new URL(`https://${host}:${port}/x`)
  const request = { method: 'GET' as const, url, headers: {}, body: null, signal: AbortSignal.timeout(8_000) }
  const answer = await client.send(request, proxy)
  const head = await readWhole(answer)
  return { status: head.status, text: Buffer.concat(head.opening).toString() }
}
const codeOf = (sending: Promise<unknown>) =>
  sending.then(
    () => 'answered',
    (error: unknown) =>
      error instanceof TransportError ? (error.cause as { code?: string } | undefined)?.code : String(error),
  )

describe('a tunnel', { timeout: 20_000 }, () => {
  it.each(['http', 'https', 'socks5', 'socks5h'] as const)('carries TLS to the upstream through %s', async (scheme) => {
    const upstream = createHttps({ cert, key }, (request, response) => response.end(`secret ${request.url}`))
    const port = await listen(upstream)
    const plain = await (scheme.startsWith('http') ? startHttpProxy() : startSocksProxy())
    closers.push(() => plain.close())
    let at = plain.port
    if (scheme === 'https') {
      const front = createTls({ cert, key }, (socket) => socket.pipe(connect(plain.port, '127.0.0.1')).pipe(socket))
      at = await listen(front)
    }
    expect(await get(port, through(scheme, at, 'localhost'))).toEqual({ status: 200, text: 'secret /x' })
    expect(plain.tunnels).toBe(1)
  })

  it('is not used when the upstream cannot be trusted, nor when the proxy cannot', async () => {
    setDefaultCACertificates(usual)
    const port = await listen(createHttps({ cert, key }, (_request, response) => response.end('no')))
    const proxy = await startHttpProxy()
    closers.push(() => proxy.close())
    expect(await codeOf(get(port, through('http', proxy.port)))).toBe('egress_tls')
    const front = await listen(createTls({ cert, key }, (socket) => socket.destroy()))
    expect(await codeOf(get(port, through('https', front)))).toBe('egress_tls')
  })

  it('is not used when the certificate is for another name', async () => {
    const port = await listen(createHttps({ cert, key }, (_request, response) => response.end('no')))
    const proxy = await startSocksProxy({ names: { 'other.test': { host: '127.0.0.1', port } } })
    closers.push(() => proxy.close())
    expect(await codeOf(get(port, through('socks5h', proxy.port), 'other.test'))).toBe('egress_tls')
  })

  it('ends when whoever wanted it has gone, and leaves nothing open', async () => {
    const ending = new AbortController()
    let open = 0
    const mute = createServer((socket) => {
      open++
      socket
        .resume()
        .on('error', () => {})
        .once('close', () => open--)
    })
    const port = await listen(mute)
    const target = { host: 'upstream.test', port: 443, isTls: true }
    const opening = openTunnel(through('socks5h', port), target, { timeoutMs: 10_000, signal: ending.signal })
    await expect.poll(() => open).toBe(1)
    ending.abort(new Error('gone'))
    await expect(opening).rejects.toThrow('gone')
    await expect.poll(() => open).toBe(0)
  })

  it.each([
    ['of the proxy', 'http', 'proxy.test', /has a name that cannot be resolved in time/],
    ['of the upstream', 'socks5', '127.0.0.1', /cannot resolve upstream.test; with socks5h the proxy does/],
  ] as const)('waits no longer than it may for the name %s', async (_whose, scheme, host, message) => {
    const proxy = await startSocksProxy()
    closers.push(() => proxy.close())
    const target = { host: 'upstream.test', port: 443, isTls: true }
    const asked: string[] = []
    const resolve = (name: string) => void asked.push(name)
    const opening = openTunnel(through(scheme, proxy.port, host), target, { timeoutMs: 300, resolve })
    await expect(opening).rejects.toMatchObject({ code: 'egress_dns', message: expect.stringMatching(message) })
    expect(asked).toEqual([scheme === 'socks5' ? 'upstream.test' : 'proxy.test'])
    const ending = new AbortController()
    const { signal } = ending
    const again = openTunnel(through(scheme, proxy.port, host), target, { timeoutMs: 20_000, resolve, signal })
    await expect.poll(() => asked.length).toBe(2)
    ending.abort(new Error('gone'))
    await expect(again).rejects.toThrow('gone')
  })

  it('takes nothing of what the upstream says first, in however small pieces the proxy speaks', async () => {
    const greeting = Buffer.from([5, 0])
    const reply = Buffer.from([5, 0, 0, 3, 4, ...Buffer.from('host'), 0, 80])
    const slow = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', async () => {
        for (const byte of greeting) await new Promise((done) => socket.write(Buffer.from([byte]), done))
        socket.once('data', async () => {
          for (const byte of reply) await new Promise((done) => socket.write(Buffer.from([byte]), done))
          socket.write('220 hello')
        })
      })
    })
    const target = { host: 'upstream.test', port: 25, isTls: false }
    const socket = await openTunnel(through('socks5h', await listen(slow)), target, { timeoutMs: 5_000 })
    closers.push(() => socket.destroy())
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    await expect.poll(() => text).toBe('220 hello')
  })
})

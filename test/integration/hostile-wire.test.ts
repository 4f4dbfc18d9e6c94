import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RawAnswer, rawRequest, sendRaw } from '../support/raw.ts'
import { refusalIn, stateOf, turnsSeen } from '../support/refusals.ts'
import { type Rig, startRig } from '../support/start.ts'

// What no HTTP client sends, byte by byte, and what clients send to the wrong place.

let rig: Rig
let before: object
let host: string
beforeAll(async () => {
  rig = await startRig({ app: { bodyLimits: { silenceMs: 300 } } })
  before = await stateOf(rig)
  host = `Host: ${new URL(rig.url).host}`
})
afterAll(() => rig.close())
afterEach(async () => {
  expect(turnsSeen(rig)).toBe(0)
  expect(await stateOf(rig)).toEqual(before)
})

const path = '/backend-api/codex/responses'
const settings = '/api/settings'

function check(to: string, answer: RawAnswer) {
  return refusalIn(to, answer, answer.body)
}

describe('a connection that breaks the rules of HTTP is told so, and closed', () => {
  const broken: [what: string, request: (host: string) => string | Buffer][] = [
    [
      'both a length and chunks',
      (host) => post([host, 'Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
    ],
    ['chunks and a length', (host) => post([host, 'Transfer-Encoding: chunked', 'Content-Length: 5'], '0\r\n\r\n')],
    ['two lengths', (host) => post([host, 'Content-Length: 5', 'Content-Length: 6'], 'hello')],
    ['a length that is no number', (host) => post([host, 'Content-Length: five'], 'hello')],
    ['a negative length', (host) => post([host, 'Content-Length: -5'], 'hello')],
    ['a length with a sign', (host) => post([host, 'Content-Length: +5'], 'hello')],
    ['an endless length', (host) => post([host, `Content-Length: ${'9'.repeat(40)}`], 'hello')],
    ['a length in hex', (host) => post([host, 'Content-Length: 0x5'], 'hello')],
    ['an unknown transfer coding', (host) => post([host, 'Transfer-Encoding: chunked, identity'], '5\r\nhello')],
    ['a chunk size that is none', (host) => post([host, 'Transfer-Encoding: chunked'], 'zz\r\nhello\r\n0\r\n\r\n')],
    ['a chunk longer than it says', (host) => post([host, 'Transfer-Encoding: chunked'], '2\r\nhello\r\n0\r\n\r\n')],
    ['a space before the colon', (host) => post([host, 'Content-Length : 5'], 'hello')],
    ['a folded header', (host) => post([host, 'X-Folded: one\r\n two', 'Content-Length: 0'])],
    ['a bare line feed in a header', (host) => post([host, 'X-One: 1\nX-Two: 2', 'Content-Length: 0'])],
    ['a NUL in a header', (host) => post([host, 'X-Nul: a\0b', 'Content-Length: 0'])],
    ['a NUL in a header name', (host) => post([host, 'X-\0: a', 'Content-Length: 0'])],
    ['a header without a name', (host) => post([host, ': nothing', 'Content-Length: 0'])],
    ['a NUL in the path', (host) => rawRequest('GET /v1/models\0 HTTP/1.1', [host])],
    ['a space in the path', (host) => rawRequest('GET /v1/mod els HTTP/1.1', [host])],
    ['a made-up method', (host) => rawRequest(`BREW ${path} HTTP/1.1`, [host])],
    ['a method in lower case', (host) => rawRequest(`post ${path} HTTP/1.1`, [host, 'Content-Length: 0'])],
    ['a made-up protocol', (host) => rawRequest(`GET /v1/models SPDY/9`, [host])],
    ['HTTP/3.0', (host) => rawRequest(`GET /v1/models HTTP/3.0`, [host])],
    ['HTTP/2 without asking', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a TLS hello', () => Buffer.from('160301020001000001fc0303', 'hex')],
    ['no HTTP at all', () => 'hello, are you there?\r\n\r\n'],
    ['a huge header', (host) => post([host, `X-Huge: ${'x'.repeat(100_000)}`, 'Content-Length: 0'])],
    ['a huge cookie', (host) => rawRequest('GET /api/accounts HTTP/1.1', [host, `Cookie: ${'x=y; '.repeat(10_000)}`])],
    ['a huge path', (host) => rawRequest(`GET /v1/${'x'.repeat(100_000)} HTTP/1.1`, [host])],
    ['ten thousand headers', (host) => post([host, ...Array.from({ length: 10_000 }, (_, i) => `X-${i}: ${i}`)])],
  ]
  const post = (headers: string[], body = '') =>
    rawRequest(`POST ${path} HTTP/1.1`, ['Content-Type: application/json', ...headers], body)

  it.each(broken)('%s', async (_what, request) => {
    const answer = await sendRaw(rig.url, [request(host)])
    check(path, answer)
    expect(answer.headers.get('connection')).toBe('close')
  })

  it('a length and chunks never hide a second request in the first', async () => {
    const hidden = rawRequest(`GET /api/accounts HTTP/1.1`, [host])
    const answer = await sendRaw(
      rig.url,
      [post([host, `Content-Length: ${hidden.length + 5}`, 'Transfer-Encoding: chunked'], `0\r\n\r\n${hidden}`)],
      { end: true },
    )
    expect(answer.all.match(/HTTP\/1\.1 \d/g)).toHaveLength(1)
    expect(answer.all).not.toContain('accounts')
  })

  it('a body shorter than its length is waited for, then refused', async () => {
    const answer = await sendRaw(rig.url, [post([host, 'Content-Length: 50'], '{"model":"gpt-5.5"}')])
    expect(check(path, answer)).toMatchObject({ status: 408 })
  })

  it('a body longer than its length ends where the length says', async () => {
    const answer = await sendRaw(rig.url, [post([host, 'Content-Length: 2'], '{}hello')])
    expect(check(path, answer)).toMatchObject({ status: 400 })
    expect(answer.all.match(/HTTP\/1\.1 \d/g)).toHaveLength(1)
  })
})

describe('a path that is none', () => {
  const paths: [path: string, method: string][] = [
    ['/api/accounts/%E0%A4%A/pause', 'POST'],
    ['/api/accounts/%zz/trends', 'GET'],
    ['/api/%', 'GET'],
    ['/v1/models/%c3%28', 'GET'],
    ['/v1/models/%', 'GET'],
    ['/backend-api/codex/%f', 'GET'],
    ['/api/accounts/..%2f..%2fetc%2fpasswd/trends', 'GET'],
    ['/../../etc/passwd', 'GET'],
    ['/api/../api/nothing', 'GET'],
    ['//api/accounts', 'GET'],
    ['/api//accounts', 'GET'],
    ['/API/ACCOUNTS', 'GET'],
    ['/api', 'GET'],
    ['/api/', 'GET'],
    ['/v1', 'GET'],
    ['/v1/', 'GET'],
    ['/v1/responses/resp_1', 'GET'],
    ['/v1/models/', 'POST'],
    ['/backend-api/codex', 'GET'],
    ['/backend-api/codex/nothing', 'POST'],
    ['/api/codex/usage/today', 'GET'],
    ['/api/nothing', 'PUT'],
    ['/constructor', 'GET'],
    ['/api/__proto__', 'GET'],
    ['*', 'OPTIONS'],
    ['http://127.0.0.1/api/nothing', 'GET'],
    [`/api/${'x'.repeat(8_000)}`, 'GET'],
    [`/v1/${'%20'.repeat(2_500)}`, 'GET'],
    [`/api/accounts/${'x'.repeat(2_000)}/trends`, 'GET'],
    ['/api/accounts/%00/trends', 'GET'],
    ['/api/accounts/%0d%0aset-cookie:x/trends', 'GET'],
    [`/api/request-logs?${'a=b&'.repeat(2_000)}limit=x`, 'GET'],
  ]

  it.each(paths.map(([to, method]) => ({ what: `${method} ${to.slice(0, 60)}`, to, method })))(
    '$what is refused in the shape of its clients',
    async ({ to, method }) => {
      const answer = await sendRaw(rig.url, [rawRequest(`${method} ${to} HTTP/1.1`, [host, 'Content-Length: 0'])])
      const { status, message } = check(to, answer)
      expect([400, 404]).toContain(status)
      expect(message.length).toBeLessThan(400)
    },
  )
})

describe('a method that a route does not offer', () => {
  const routes: [path: string, offered: string[]][] = [
    ['/backend-api/codex/responses', ['POST']],
    ['/v1/responses', ['POST']],
    ['/backend-api/codex/responses/compact', ['POST']],
    ['/v1/responses/compact', ['POST']],
    ['/v1/models', ['GET', 'HEAD']],
    ['/backend-api/codex/models', ['GET', 'HEAD']],
    ['/api/codex/usage', ['GET', 'HEAD']],
    ['/api/accounts', ['GET', 'HEAD']],
    ['/api/accounts/import', ['POST']],
    ['/api/accounts/acc_1/pause', ['POST']],
    ['/api/request-logs', ['GET', 'HEAD']],
    ['/api/settings', ['GET', 'HEAD', 'PATCH']],
    ['/health/live', ['GET', 'HEAD']],
    ['/health/ready', ['GET', 'HEAD']],
  ]
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY']

  it.each(routes)('is refused on %s, with and without a slash at the end', async (to, offered) => {
    for (const method of methods.filter((method) => !offered.includes(method))) {
      for (const target of [to, `${to}/`]) {
        const headers = [host, 'Content-Type: application/json', 'Content-Length: 2']
        const answer = await sendRaw(rig.url, [rawRequest(`${method} ${target} HTTP/1.1`, headers, '{}')], {
          end: true,
        })
        const what = `${method} ${target}: ${answer.all.slice(0, 200)}`
        expect(answer.status, what).toBeGreaterThanOrEqual(400)
        expect(answer.status, what).toBeLessThan(500)
        expect(answer.headers.get('x-request-id'), what).not.toBeNull()
        if (method !== 'HEAD') check(to, answer)
      }
    }
  })

  it('is refused when it asks for a tunnel', async () => {
    const answer = await sendRaw(rig.url, [rawRequest('CONNECT example.com:443 HTTP/1.1', [host])])
    expect(answer.all).not.toMatch(/HTTP\/1\.1 2/)
  })
})

describe('headers', () => {
  const ask = (headers: string[], to = '/v1/models/none') =>
    sendRaw(rig.url, [rawRequest(`GET ${to} HTTP/1.1`, headers)])

  it('without a Host are refused', async () => {
    expect(check('/v1/models', await ask([]))).toMatchObject({ status: 403, code: 'forbidden_host' })
  })

  it('with an expectation that nobody has are refused', async () => {
    const answer = await sendRaw(rig.url, [
      rawRequest(`POST ${path} HTTP/1.1`, [host, 'Expect: the-unexpected', 'Content-Length: 2'], '{}'),
    ])
    expect(check(path, answer).status).toBeLessThan(500)
  })

  it.each([
    ['one that is sane', 'req-1:a.b~c', true],
    ['one that breaks lines', 'a%0d%0ab', false],
    ['one that is long', 'x'.repeat(129), false],
    ['one with spaces', 'a b', false],
    ['an empty one', '', false],
    ['one in another alphabet', 'caf\u00e9', false],
  ])('with a request id keep %s', async (_what, id, isKept) => {
    const answer = await ask([host, `X-Request-Id: ${id}`])
    check('/v1/models', answer)
    expect(answer.headers.get('x-request-id') === id).toBe(isKept)
  })

  it('of a handshake that is none are answered in words', async () => {
    for (const to of ['/v1/responses', path]) {
      const upgrade = [
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: eA==',
      ]
      expect(check(to, await ask([host, ...upgrade], to))).toMatchObject({
        status: 400,
        message: expect.stringContaining('sec-websocket-key'),
      })
      expect(check(to, await ask([host, 'Connection: Upgrade', 'Upgrade: h2c'], to))).toMatchObject({ status: 426 })
    }
    const elsewhere = await ask([host, 'Connection: Upgrade', 'Upgrade: websocket'], settings)
    expect(elsewhere.status).toBeLessThan(500)
  })
})

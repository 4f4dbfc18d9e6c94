import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sendRaw } from '../support/raw.ts'
import { refusalIn, stateOf, turnsSeen } from '../support/refusals.ts'
import { type Rig, startRig } from '../support/start.ts'

// Bodies that are compressed badly, far too large, or never come: refused within bounded memory.

const mib = 1024 * 1024
const path = '/backend-api/codex/responses'
const good = {
  ...{ model: 'gpt-5.5', instructions: '', store: false, stream: true },
  input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'FAKE_TEXT: hello' }] }],
}
const goodBytes = Buffer.from(JSON.stringify(good))
/** Decodes to more than any limit here. */
const zeros = Buffer.alloc(130 * mib)
const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }
const codings = {
  gzip: { pack: (bytes: Buffer) => gzipSync(bytes, { level: 1 }), name: 'gzip' },
  'x-gzip': { pack: (bytes: Buffer) => gzipSync(bytes, { level: 1 }), name: 'x-gzip' },
  deflate: { pack: (bytes: Buffer) => deflateSync(bytes, { level: 1 }), name: 'deflate' },
  'raw deflate': { pack: (bytes: Buffer) => deflateRawSync(bytes, { level: 1 }), name: 'deflate' },
  zstd: { pack: (bytes: Buffer) => zstdCompressSync(bytes), name: 'zstd' },
  br: { pack: (bytes: Buffer) => brotliCompressSync(bytes, quick), name: 'br' },
}
type Body = NonNullable<RequestInit['body']>
const codingNames = Object.keys(codings) as (keyof typeof codings)[]

let rig: Rig
let before: object
beforeAll(async () => {
  rig = await startRig({ app: { bodyLimits: { silenceMs: 300, heldBytes: 400 * mib } } })
  before = await stateOf(rig)
})
afterAll(() => rig.close())

const post = (body: Body, headers: Record<string, string> = {}, to = path) =>
  fetch(rig.url + to, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    signal: AbortSignal.timeout(30_000),
    ...(body instanceof ReadableStream ? { duplex: 'half' as const } : {}),
  })

async function refused(body: Body, headers: Record<string, string> = {}, to = path) {
  const answer = await post(body, headers, to)
  return refusalIn(to, answer, await answer.text())
}

const encoded = (name: string) => ({ 'content-encoding': name })
const bytesOf = (buffer: Buffer) => new Uint8Array(buffer)

describe.each(codingNames)('%s', (coding) => {
  const { pack, name } = codings[coding]

  it('is read when it is sound', async () => {
    const answer = await post(bytesOf(pack(goodBytes)), encoded(name.toUpperCase()))
    expect(await answer.text()).toContain('response.completed')
  })

  it('must be what the header says', async () => {
    expect(await refused(bytesOf(goodBytes), encoded(name))).toMatchObject({ fields: ['Content-Encoding'] })
  })

  it('must not be cut', async () => {
    const whole = pack(goodBytes)
    for (const length of [1, 5, Math.floor(whole.length / 2), whole.length - 5]) {
      const cut = await refused(bytesOf(whole.subarray(0, length)), encoded(name))
      expect(cut, `${length} of ${whole.length} bytes`).toMatchObject({ status: 400 })
    }
  })

  it('must not be damaged in the middle', async () => {
    const damaged = Buffer.from(pack(goodBytes))
    damaged.fill(0xff, damaged.length / 2, damaged.length / 2 + 6)
    expect(await refused(bytesOf(damaged), encoded(name))).toMatchObject({ status: 400 })
  })

  it('of nothing is no request', async () => {
    expect(await refused(bytesOf(pack(Buffer.alloc(0))), encoded(name))).toMatchObject({ status: 400 })
    expect(await refused('', encoded(name))).toMatchObject({ status: 400 })
  })

  it('of something that is no request is refused like the plain thing', async () => {
    const body = pack(Buffer.from(JSON.stringify({ ...good, model: 7 })))
    expect(await refused(bytesOf(body), encoded(name))).toMatchObject({ status: 400, fields: ['model'] })
  })

  it('that unpacks to more than 128 MiB is refused as too large', async () => {
    const bomb = pack(zeros)
    expect(await refused(bytesOf(bomb), encoded(name))).toMatchObject({ status: 413, code: 'payload_too_large' })
    const inner = bytesOf(gzipSync(bomb))
    expect(await refused(inner, encoded(`${name}, gzip`))).toMatchObject({ status: 413 })
  }, 60_000)
})

describe('the content encoding', () => {
  it.each([
    'compress',
    'exi',
    'aes128gcm',
    'gzip;q=1.0',
    '*',
    'gzip zstd',
    'utf-8',
    '__proto__',
    'constructor',
    'toString',
    'gzip, gzip, gzip, gzip',
    'x'.repeat(500),
  ])('%s is not accepted', async (name) => {
    const refusal = await refused(bytesOf(goodBytes), encoded(name))
    expect(refusal).toMatchObject({ status: 400, fields: ['Content-Encoding'] })
    expect(refusal.message).toContain('zstd, gzip, deflate, br')
  })

  it('may be stacked, and is taken off from the last to the first', async () => {
    const stacked = gzipSync(zstdCompressSync(goodBytes))
    expect((await post(bytesOf(stacked), encoded('zstd, gzip'))).status).toBe(200)
    expect(await refused(bytesOf(stacked), encoded('gzip, zstd'))).toMatchObject({ fields: ['Content-Encoding'] })
  })

  it('may be named as none', async () => {
    expect((await post(bytesOf(goodBytes), encoded('identity'))).status).toBe(200)
    expect(await refused(bytesOf(gzipSync(goodBytes)), encoded('identity'))).toMatchObject({ status: 400 })
  })
})

describe('a body of 200 MB', () => {
  const endless = () => {
    let left = 200
    return new ReadableStream({
      pull: (controller) => (left-- > 0 ? controller.enqueue(new Uint8Array(mib).fill(0x20)) : controller.close()),
    })
  }

  it.each([path, '/v1/responses', '/v1/responses/compact', '/api/settings'])(
    'is refused as too large on %s, whether it says its length or not',
    async (to) => {
      const method = to === '/api/settings' ? 'PATCH' : 'POST'
      const headers = [`host: ${new URL(rig.url).host}`, 'content-type: application/json', 'content-length: 209715200']
      const told = await sendRaw(rig.url, [`${method} ${to} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`])
      expect(refusalIn(to, told, told.body)).toMatchObject({ status: 413, code: 'payload_too_large' })
      const request = {
        method,
        headers: { 'content-type': 'application/json' },
        body: endless(),
        duplex: 'half' as const,
      }
      // A client that only sends may find the connection closed before it reads; the server must only stay well.
      const answer = await fetch(rig.url + to, request).catch(() => null)
      if (answer) expect(refusalIn(to, answer, await answer.text())).toMatchObject({ status: 413 })
    },
    60_000,
  )

  it('is refused when it is an import', async () => {
    const boundary = 'x'
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="files"; filename="a.json"\r\n\r\n`
    const file = Buffer.concat([Buffer.from(head), Buffer.alloc(mib, 0x20), Buffer.from('\r\n')])
    let left = 200
    const body = new ReadableStream({
      pull: (controller) => (left-- > 0 ? controller.enqueue(file) : controller.close()),
    })
    const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
    expect(await refused(body, headers, '/api/accounts/import')).toMatchObject({ status: 413 })
  }, 60_000)
})

describe('a client that stops sending', () => {
  const start = (to: string, ...more: string[]) =>
    [`POST ${to} HTTP/1.1`, `host: ${new URL(rig.url).host}`, 'content-type: application/json', ...more, '', ''].join(
      '\r\n',
    )

  it.each([
    ['before the body', ['content-length: 1000'], ''],
    ['in the body', ['content-length: 1000'], '{"model":'],
    ['between chunks', ['transfer-encoding: chunked'], '9\r\n{"model":\r\n'],
    ['in a chunk', ['transfer-encoding: chunked'], '900\r\n{"model":'],
  ])('%s is told that its time is over', async (_where, headers, body) => {
    const answer = await sendRaw(rig.url, [start(path, ...headers), body])
    expect(refusalIn(path, answer, answer.body)).toMatchObject({ status: 408, code: 'request_timeout' })
  })

  it('and hangs up costs nothing', async () => {
    await sendRaw(rig.url, [start(path, 'content-length: 1000'), '{"model":'], { end: true })
    expect(await stateOf(rig)).toEqual(before)
  })
})

describe('after all of it', () => {
  it('a good turn is answered, the accounts are as before, and memory is bounded', async () => {
    const turns = turnsSeen(rig)
    const bomb = bytesOf(gzipSync(zeros, { level: 1 }))
    const start = process.memoryUsage().rss
    let peak = 0
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss)
    }, 10)
    const answers = await Promise.all(Array.from({ length: 40 }, () => post(bomb, encoded('gzip'))))
    clearInterval(watch)
    // What does not fit into memory now may be sent again later: the one refusal here that is not the client's fault.
    for (const { status, headers } of answers) {
      expect([413, 503]).toContain(status)
      if (status === 503) expect(headers.get('retry-after')).toBe('5')
    }
    expect(peak - start).toBeLessThan(1_500 * mib)
    expect(turnsSeen(rig)).toBe(turns)
    expect(await stateOf(rig)).toEqual(before)
    expect(await (await post(bytesOf(goodBytes))).text()).toContain('response.completed')
  }, 60_000)
})

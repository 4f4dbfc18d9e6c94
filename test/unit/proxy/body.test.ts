import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../../src/errors.ts'
import { type BodyLimits, createBodyReader } from '../../../src/proxy/body.ts'

const limits: BodyLimits = { bodyBytes: 1_000, heldBytes: 5_000, silenceMs: 10_000 }
const text = JSON.stringify({ model: 'gpt-5', input: 'Grüße 💥'.repeat(20) })

/** A request as node gives it, as far as the reader looks. */
function request(headers: IncomingMessage['headers'] = {}): IncomingMessage & PassThrough {
  // The reader uses the headers and the stream only.
  return Object.assign(new PassThrough(), { headers }) as unknown as IncomingMessage & PassThrough
}

async function read(body: Buffer, coding?: string, given: Partial<BodyLimits> = {}): Promise<string> {
  const incoming = request(coding === undefined ? {} : { 'content-encoding': coding })
  const reading = createBodyReader({ ...limits, ...given }).read(incoming)
  for (let at = 0; at < body.length; at += 100) incoming.write(body.subarray(at, at + 100))
  incoming.end()
  return (await reading).bytes.toString()
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'read',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  )
}

const encoded: [string, Buffer][] = [
  ['zstd', zstdCompressSync(text)],
  ['gzip', gzipSync(text)],
  ['x-gzip', gzipSync(text)],
  ['br', brotliCompressSync(text)],
  ['deflate', deflateSync(text)],
  ['deflate', deflateRawSync(text)],
]

describe('a request body', () => {
  it.each<[string | undefined]>([[undefined], ['identity'], [''], [' Identity , ']])(
    'is read as it is: %s',
    async (coding) => {
      expect(await read(Buffer.from(text), coding)).toBe(text)
    },
  )

  it('may be empty', async () => expect(await read(Buffer.alloc(0))).toBe(''))

  it.each(encoded)('is decoded from %s', async (coding, body) => {
    expect(await read(body, coding)).toBe(text)
    expect(await read(body, ` ${coding.toUpperCase()} `)).toBe(text)
  })

  it('is decoded in the order in which it was encoded, backwards', async () => {
    expect(await read(zstdCompressSync(gzipSync(text)), 'gzip, zstd')).toBe(text)
    expect(await codeOf(read(zstdCompressSync(gzipSync(text)), 'zstd, gzip'))).toBe('invalid_request')
  })

  it.each(encoded)('that is cut is refused: %s', async (coding, body) => {
    for (const at of [0, 1, 5, Math.floor(body.length / 2), body.length - 1]) {
      expect(await codeOf(read(body.subarray(0, at), coding)), `cut at ${at}`).toBe('invalid_request')
    }
  })

  it.each(encoded)('that is not what it says is refused: %s', async (coding) => {
    expect(await codeOf(read(Buffer.from('{"model":"gpt-5","input":"x"}'), coding))).toBe('invalid_request')
  })

  it.each(['compress', 'gzip, snappy', 'constructor', 'gzip, gzip, gzip, gzip', 'a'.repeat(5_000)])(
    'in an encoding that nobody offers is refused: %s',
    async (coding) => expect(await codeOf(read(Buffer.from(text), coding))).toBe('invalid_request'),
  )

  it('at its limit is read, and above it is refused', async () => {
    expect(await read(Buffer.alloc(1_000, 'x'))).toHaveLength(1_000)
    expect(await codeOf(read(Buffer.alloc(1_001, 'x')))).toBe('payload_too_large')
  })

  it('that announces too much is refused before it comes', async () => {
    const reading = createBodyReader(limits).read(request({ 'content-length': '1001' }))
    expect(await codeOf(reading)).toBe('payload_too_large')
  })

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['zstd', zstdCompressSync],
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
  ])('that grows beyond its limit is refused: %s', async (coding, compress) => {
    expect(await read(compress(Buffer.alloc(1_000)), coding)).toHaveLength(1_000)
    expect(await codeOf(read(compress(Buffer.alloc(1_001)), coding))).toBe('payload_too_large')
    expect(await codeOf(read(compress(Buffer.alloc(50_000_000)), coding, { bodyBytes: 100_000, heldBytes: 1e9 }))).toBe(
      'payload_too_large',
    )
  })

  it('that stops coming is given up', async () => {
    const incoming = request()
    const reading = createBodyReader({ ...limits, silenceMs: 50 }).read(incoming)
    incoming.write('{"model"')
    expect(await codeOf(reading)).toBe('request_timeout')
  })

  it.each(['error', 'aborted'])('that breaks off is given up: %s', async (how) => {
    const incoming = request()
    const reading = createBodyReader(limits).read(incoming)
    incoming.write('{"model"')
    incoming.emit(how, new Error('reset'))
    expect(await codeOf(reading)).toBe('invalid_request')
  })
})

describe('all bodies together', () => {
  const reader = () => createBodyReader({ ...limits, heldBytes: 2_500 })
  const give = (bodies: ReturnType<typeof createBodyReader>, bytes: Buffer, headers = {}) => {
    const incoming = request(headers)
    incoming.end(bytes)
    return bodies.read(incoming)
  }

  it('may take so much memory, and one more is asked to come again', async () => {
    const bodies = reader()
    const held = [await give(bodies, Buffer.alloc(1_000)), await give(bodies, Buffer.alloc(1_000))]
    expect(await codeOf(give(bodies, Buffer.alloc(1_000)))).toBe('overloaded')
    held[0]?.done()
    held[0]?.done()
    const third = await give(bodies, Buffer.alloc(1_000))
    expect(await codeOf(give(bodies, Buffer.alloc(1_000)))).toBe('overloaded')
    held[1]?.done()
    third.done()
    for (let at = 0; at < 10; at++) (await give(bodies, Buffer.alloc(1_000))).done()
  })

  it('count what they grow to', async () => {
    const bodies = reader()
    await give(bodies, gzipSync(Buffer.alloc(900)), { 'content-encoding': 'gzip' })
    await give(bodies, gzipSync(Buffer.alloc(900)), { 'content-encoding': 'gzip' })
    expect(await codeOf(give(bodies, Buffer.alloc(900)))).toBe('overloaded')
  })

  it('leave nothing behind when they are refused', async () => {
    const bodies = reader()
    for (let at = 0; at < 20; at++) {
      expect(await codeOf(give(bodies, Buffer.alloc(2_000)))).toBe('payload_too_large')
      expect(await codeOf(give(bodies, Buffer.alloc(900), { 'content-encoding': 'gzip' }))).toBe('invalid_request')
    }
    expect(await codeOf(give(bodies, Buffer.alloc(1_000)))).toBe('read')
  })
})

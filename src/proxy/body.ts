import type { IncomingMessage } from 'node:http'
import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib'
import { AppError } from '../errors.ts'

/** Largest request body, before and after decompression. */
export const maxBodyBytes = 128 * 1024 * 1024
/** All bodies in memory at one time; more is refused until some are done. */
const maxHeldBytes = 1024 * 1024 * 1024
/** A client that sends nothing for this long has given up. */
const silenceMs = 30_000

const options = { chunkSize: 256 * 1024 }

/** Makes a decoder for a body that begins with this byte. */
type Decoder = (firstByte: number) => Transform

const decoders: Record<string, Decoder> = {
  zstd: () => createZstdDecompress(options),
  gzip: () => createGunzip(options),
  'x-gzip': () => createGunzip(options),
  br: () => createBrotliDecompress(options),
  // Both forms are sent under this name; a zlib header tells them apart.
  deflate: (firstByte) => (firstByte % 16 === 8 ? createInflate(options) : createInflateRaw(options)),
}

/** Reads request bodies whole and bounded, in the end as the plain bytes that were meant. */
export type BodyReader = {
  /** `done` must be called when the bytes are no longer held. @throws AppError */
  read(request: IncomingMessage): Promise<{ bytes: Buffer; done: () => void }>
  /** Counts bytes that did not come in a body; the returned function counts them out. @throws AppError */
  hold(bytes: number): () => void
}

export type BodyLimits = { bodyBytes: number; heldBytes: number; silenceMs: number }

export function createBodyReader(given: Partial<BodyLimits> = {}): BodyReader {
  const limits: BodyLimits = { bodyBytes: maxBodyBytes, heldBytes: maxHeldBytes, silenceMs, ...given }
  let heldBytes = 0
  const newCount = () => {
    let mine = 0
    return {
      hold(bytes: number) {
        if (heldBytes + bytes > limits.heldBytes) throw new AppError('overloaded', { retryAfterSeconds: 5 })
        heldBytes += bytes
        mine += bytes
      },
      done() {
        heldBytes -= mine
        mine = 0
      },
    }
  }
  return {
    hold(bytes) {
      const { hold, done } = newCount()
      hold(bytes)
      return done
    },
    async read(request) {
      const codings = codingsOf(request.headers['content-encoding'])
      const announced = Number(request.headers['content-length'] ?? 0)
      if (announced > limits.bodyBytes) throw tooLarge(limits.bodyBytes)
      const { hold, done } = newCount()
      try {
        let bytes = await collect(request, limits, hold)
        for (const coding of codings.toReversed()) {
          bytes = await decode(coding, bytes, limits.bodyBytes, hold)
        }
        return { bytes, done }
      } catch (error) {
        done()
        throw error
      }
    },
  }
}

function codingsOf(header: string | undefined): string[] {
  const names = (header ?? '').toLowerCase().split(',')
  const codings = names.map((name) => name.trim()).filter((name) => name !== '' && name !== 'identity')
  const unknown = codings.find((name) => !Object.hasOwn(decoders, name))
  if (unknown !== undefined || codings.length > 3) {
    const message = `Content-Encoding "${header}" is not accepted; use zstd, gzip, deflate, br or none.`
    throw new AppError('invalid_request', { message, param: 'Content-Encoding' })
  }
  return codings
}

function collect(
  request: IncomingMessage,
  limits: { bodyBytes: number; silenceMs: number },
  hold: (bytes: number) => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const fail = (error: Error) => {
      settle()
      // The rest is read and dropped, so that the client can read our answer instead of a reset connection.
      request.resume()
      reject(error)
    }
    let timer = setTimeout(() => fail(new AppError('request_timeout')), limits.silenceMs)
    const onData = (chunk: Buffer) => {
      timer.refresh()
      size += chunk.length
      if (size > limits.bodyBytes) return fail(tooLarge(limits.bodyBytes))
      try {
        hold(chunk.length)
      } catch (error) {
        return fail(error as Error)
      }
      chunks.push(chunk)
    }
    const onEnd = () => {
      settle()
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size))
    }
    const onBroken = () => fail(new AppError('invalid_request', { message: 'The request body broke off.' }))
    const settle = () => {
      clearTimeout(timer)
      request.off('data', onData).off('end', onEnd).off('error', onBroken).off('aborted', onBroken)
      request.on('error', () => {})
    }
    timer = timer.unref()
    request.on('data', onData).on('end', onEnd).on('error', onBroken).on('aborted', onBroken)
  })
}

/** In pieces, so that what a small body grows to is counted while it grows. */
async function decode(coding: string, bytes: Buffer, limit: number, hold: (bytes: number) => void): Promise<Buffer> {
  const decoder = decoders[coding]?.(bytes[0] ?? 0)
  if (decoder === undefined) return bytes
  const chunks: Buffer[] = []
  let size = 0
  try {
    decoder.end(bytes)
    for await (const chunk of decoder as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > limit) throw tooLarge(limit)
      hold(chunk.length)
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError(
      'invalid_request',
      { message: `The body is not valid ${coding}.`, param: 'Content-Encoding' },
      { cause: error },
    )
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size)
}

function tooLarge(limit: number): AppError {
  const message = `The request body is larger than ${Math.floor(limit / 1024 / 1024)} MiB.`
  return new AppError('payload_too_large', { message })
}

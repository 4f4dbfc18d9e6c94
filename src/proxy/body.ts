import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib'
import { AppError } from '../errors.ts'

/** Largest request body, before and after decompression. */
export const maxBodyBytes = 128 * 1024 * 1024
/** All bodies in memory at one time; more is refused until some are done. */
const maxHeldBytes = 1024 * 1024 * 1024
/** A client that sends nothing for this long has given up. */
const silenceMs = 30_000

type Decoder = (bytes: Buffer, limit: { maxOutputLength: number }) => Promise<Buffer>
const gunzipAsync: Decoder = promisify(gunzip)
const inflateAsync: Decoder = promisify(inflate)
const inflateRawAsync: Decoder = promisify(inflateRaw)

const decoders: Record<string, Decoder> = {
  identity: async (bytes) => bytes,
  zstd: promisify(zstdDecompress),
  gzip: gunzipAsync,
  'x-gzip': gunzipAsync,
  br: promisify(brotliDecompress),
  // Both forms are sent under this name; a zlib header tells them apart.
  deflate: (bytes, limit) => ((bytes[0] ?? 0) % 16 === 8 ? inflateAsync(bytes, limit) : inflateRawAsync(bytes, limit)),
}

/** Reads request bodies whole and bounded, in the end as the plain bytes that were meant. */
export type BodyReader = {
  /** `done` must be called when the bytes are no longer held. @throws AppError */
  read(request: IncomingMessage): Promise<{ bytes: Buffer; done: () => void }>
}

export function createBodyReader(limits = { bodyBytes: maxBodyBytes, heldBytes: maxHeldBytes, silenceMs }): BodyReader {
  let heldBytes = 0
  return {
    async read(request) {
      const codings = codingsOf(request.headers['content-encoding'])
      const announced = Number(request.headers['content-length'] ?? 0)
      if (announced > limits.bodyBytes) throw tooLarge(limits.bodyBytes)
      let mine = 0
      const hold = (bytes: number) => {
        if (heldBytes + bytes > limits.heldBytes) throw new AppError('overloaded', { retryAfterSeconds: 5 })
        heldBytes += bytes
        mine += bytes
      }
      const done = () => {
        heldBytes -= mine
        mine = 0
      }
      try {
        let bytes = await collect(request, limits, hold)
        for (const coding of codings.toReversed()) {
          bytes = await decode(coding, bytes, limits.bodyBytes)
          hold(bytes.length)
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

async function decode(coding: string, bytes: Buffer, maxOutputLength: number): Promise<Buffer> {
  const decoder = decoders[coding]
  if (decoder === undefined) return bytes
  try {
    return await decoder(bytes, { maxOutputLength })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxOutputLength)
    throw new AppError(
      'invalid_request',
      { message: `The body is not valid ${coding}.`, param: 'Content-Encoding' },
      { cause: error },
    )
  }
}

function tooLarge(limit: number): AppError {
  const message = `The request body is larger than ${Math.floor(limit / 1024 / 1024)} MiB.`
  return new AppError('payload_too_large', { message })
}

import { AppError } from '../errors.ts'
import { nothingSent, wordsOf } from '../sources/client.ts'
import type { Candidate, SourceLease } from '../sources/sources.ts'
import { isObject, type Json, objectsOf } from '../translate/json.ts'
import { readWhole } from '../upstream/opening.ts'
import { TransportError } from '../upstream/transport-error.ts'
import { errorOfBody, type UpstreamError } from '../upstream/upstream-error.ts'
import { type AskSourceDeps, costOf, isErrorOfRequest } from './ask-source.ts'
import { ownError } from './send.ts'

/** `usage`: input tokens, where the source counts them. */
type Embedded = { answer: Buffer; usage: number | null } | { error: UpstreamError; isRequest: boolean }

/** Two thousand texts of the largest model, in base64, and some room. */
const maxAnswerBytes = 64 * 1024 * 1024

/** Asks one source, and settles what it cost. Throws only when the client has left. */
export async function askForEmbeddings(
  candidate: Candidate,
  body: Json,
  lease: SourceLease,
  signal: AbortSignal,
  deps: AskSourceDeps,
): Promise<Embedded> {
  const { source, model } = candidate
  const { sources, sourceClient, clock } = deps
  const failed = (error: UpstreamError, isUnpaid: boolean): Embedded => {
    lease.release(isUnpaid ? 0 : null)
    sources.report(source.id, { kind: 'failed', code: error.code, message: error.message })
    return { error, isRequest: false }
  }
  const request = { ...body, model: model.upstreamModel ?? body.model }
  const late = new AbortController()
  const cancel = clock.after(source.timeoutSeconds * 1_000, () => late.abort(new Error('source_timeout')))
  try {
    const answer = await sourceClient.send(source, {
      ...{ method: 'POST', path: '/embeddings', accept: 'application/json' },
      body: Buffer.from(JSON.stringify(request)),
      signal: AbortSignal.any([signal, late.signal]),
    })
    const head = await readWhole(answer, maxAnswerBytes)
    if (head.failure) throw head.failure
    const bytes = Buffer.concat(head.opening)
    if (head.status !== 200) {
      const error = errorOfBody(head.status, head.headers, bytes.toString('utf8'), clock.now())
      if (!isErrorOfRequest(head.status)) return failed(error, true)
      lease.release(0)
      return { error, isRequest: true }
    }
    const made = parse(bytes)
    if (made === null || !Array.isArray(made.data) || bytes.length >= maxAnswerBytes)
      return failed(ownError('source_no_embeddings', `${source.name} did not answer with embeddings.`), false)
    const tokens = isObject(made.usage) ? made.usage.prompt_tokens : null
    const usage = typeof tokens === 'number' && tokens >= 0 ? Math.round(tokens) : null
    lease.release(usage === null ? null : costOf(candidate, { input: usage, cached: 0, output: 0, reasoning: 0 }))
    sources.report(source.id, { kind: 'ok' })
    return { answer: body.encoding_format === 'base64' ? inBase64(made, bytes) : bytes, usage }
  } catch (failure) {
    if (!(failure instanceof TransportError)) {
      lease.release(null)
      throw failure
    }
    if (signal.aborted) {
      lease.release(null)
      throw new AppError('upstream_error', { message: 'The client has left.' })
    }
    const message = late.signal.aborted
      ? `${source.name} did not answer within ${source.timeoutSeconds} s.`
      : `${source.name}: ${wordsOf(failure)}`
    return failed(
      ownError(late.signal.aborted ? 'source_timeout' : `source_${failure.kind}`, message),
      nothingSent(failure),
    )
  } finally {
    cancel()
  }
}

/** Some sources know lists of numbers only, and clients that ask for base64 cannot read those. */
function inBase64(made: Json, bytes: Buffer): Buffer {
  const data = objectsOf(made.data)
  if (!data.some(({ embedding }) => Array.isArray(embedding))) return bytes
  const encoded = data.map((one) =>
    Array.isArray(one.embedding) ? { ...one, embedding: base64Of(one.embedding) } : one,
  )
  return Buffer.from(JSON.stringify({ ...made, data: encoded }))
}

/** 32-bit floats, the lowest byte first. */
function base64Of(numbers: unknown[]): string {
  const bytes = Buffer.alloc(numbers.length * 4)
  for (const [index, number] of numbers.entries()) bytes.writeFloatLE(Number(number), index * 4)
  return bytes.toString('base64')
}

function parse(bytes: Buffer): Json | null {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return isObject(value) ? value : null
  } catch {
    // Whatever it is, it holds no embeddings.
    return null
  }
}

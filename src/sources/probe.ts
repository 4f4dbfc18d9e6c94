import { isPattern } from '../domain/model-source.ts'
import type { ModelSource } from '../store/model-source-store.ts'
import { isObject, objectsOf } from '../translate/json.ts'
import { readWhole } from '../upstream/opening.ts'
import { TransportError } from '../upstream/transport-error.ts'
import { errorOfBody } from '../upstream/upstream-error.ts'
import { type SourceClient, wordsOf } from './client.ts'

/** What a call beside the turns has found, in words. */
export type Probe =
  | { ok: true; message: string; status: number; models: string[] | null; missing: string[] }
  | { ok: false; message: string; code: string; status: number | null }

const maxListBytes = 4 * 1024 * 1024
const maxModels = 5_000
const probeMs = 12_000
const pong = 'Answer with the word OK.'

/** The models that a source says it has. */
export async function listModels(source: ModelSource, client: SourceClient): Promise<Probe> {
  const called = await call(source, client, 'GET', '/models', null)
  if ('message' in called) return { ok: false, ...called }
  const { status, text } = called
  const data = parse(text)
  const listed = isObject(data) ? objectsOf(data.data) : []
  const models = listed.flatMap(({ id }) => (typeof id === 'string' ? [id] : [])).slice(0, maxModels)
  if (!isObject(data) || !Array.isArray(data.data)) return { ok: false, status, ...notAnApi(source) }
  return { ok: true, message: '', status, models, missing: missingOf(source, new Set(models)) }
}

/** Asks for the list of models, or, where there is none, for two words: whether turns could be served here. */
export async function probeSource(source: ModelSource, client: SourceClient): Promise<Probe> {
  const listed = await listModels(source, client)
  if (listed.ok) {
    const count = listed.models?.length ?? 0
    const lacks =
      listed.missing.length === 0 ? '' : ` It does not list ${listed.missing.join(', ')}: check the names of these.`
    return { ...listed, message: `The source answers and lists ${count} models.${lacks}` }
  }
  const hasNoList = listed.status === 404 || listed.status === 405
  const model = firstModel(source)
  if (!hasNoList || model === null) return listed
  const [path, body] = smallestCall(source, model)
  const called = await call(source, client, 'POST', path, body)
  if ('message' in called) return { ok: false, ...called }
  if (!isObject(parse(called.text))) return { ok: false, status: called.status, ...notAnApi(source) }
  const message = `The source answers with ${model}. It has no list of models.`
  return { ok: true, message, status: called.status, models: null, missing: [] }
}

function smallestCall({ supports }: ModelSource, model: string): [path: string, body: object] {
  if (supports.responses) return ['/responses', { model, input: pong, max_output_tokens: 16, store: false }]
  if (supports.chat)
    return ['/chat/completions', { model, messages: [{ role: 'user', content: pong }], max_completion_tokens: 16 }]
  return ['/embeddings', { model, input: 'OK' }]
}

function firstModel({ models }: ModelSource): string | null {
  const entry = models.find((one) => one.upstreamModel !== null || !isPattern(one))
  return entry === undefined ? null : (entry.upstreamModel ?? entry.model)
}

function missingOf({ models }: ModelSource, listed: ReadonlySet<string>): string[] {
  const wanted = models.flatMap((one) => (one.upstreamModel === null && isPattern(one) ? [] : [one]))
  return wanted.map(({ model, upstreamModel }) => upstreamModel ?? model).filter((model) => !listed.has(model))
}

type Failed = { message: string; code: string; status: number | null }

async function call(
  source: ModelSource,
  client: SourceClient,
  method: 'GET' | 'POST',
  path: string,
  body: object | null,
): Promise<{ status: number; text: string } | Failed> {
  const bytes = body === null ? null : Buffer.from(JSON.stringify(body))
  try {
    const signal = AbortSignal.timeout(probeMs)
    const answer = await client.send(source, { method, path, accept: 'application/json', body: bytes, signal })
    const { status, headers, opening, failure } = await readWhole(answer, maxListBytes)
    if (failure) throw failure
    const text = Buffer.concat(opening).toString('utf8')
    if (status >= 200 && status < 300) return { status, text }
    return { status, ...wordsOfStatus(source, status, path, errorOfBody(status, headers, text, 0).message) }
  } catch (failure) {
    if (!(failure instanceof TransportError)) throw failure
    const message =
      failure.kind === 'aborted' ? `The source did not answer within ${probeMs / 1_000} s.` : wordsOf(failure)
    return { status: null, code: `source_${failure.kind === 'aborted' ? 'silent' : failure.kind}`, message }
  }
}

function wordsOfStatus({ apiKey, baseUrl }: ModelSource, status: number, path: string, said: string) {
  const its = ` It says: ${said.slice(0, 200)}`
  if (status === 401 || status === 403) {
    const message = apiKey === null ? 'The source wants an API key.' : `The source refuses the API key (${status}).`
    return { code: 'source_key_refused', message: message + its }
  }
  if (status === 404 || status === 405)
    return {
      code: 'source_not_found',
      message: `There is nothing at ${baseUrl}${path}; most base URLs end in /v1.`,
    }
  if (status === 429 || status === 402)
    return { code: 'source_limited', message: `The source has reached a limit of its own (${status}).${its}` }
  if (status >= 300 && status < 400)
    return { code: 'source_moved', message: `The source sends us elsewhere (${status}): give its final address.` }
  return { code: 'source_refused', message: `The source answers with status ${status}.${its}` }
}

function notAnApi({ baseUrl }: ModelSource) {
  return {
    code: 'source_no_api',
    message: `What answers at ${baseUrl} is no OpenAI-compatible API; most base URLs end in /v1.`,
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // A page for people, most likely.
    return null
  }
}

import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import type { AffinityKey } from '../domain/affinity.ts'
import type { Ask, OwnedObject } from '../domain/request.ts'
import { AppError, invalid } from '../errors.ts'
import { ScanError, type Span, scanObject } from './scan.ts'

const wanted = new Set([
  'model',
  'input',
  'instructions',
  'stream',
  'reasoning',
  'service_tier',
  'prompt_cache_key',
  'previous_response_id',
  'conversation',
  'store',
  'background',
])

/**
 * `isNative`: the body is already of the form that the upstream takes, so its bytes can be sent as they are. `store`: what
 * the client says about keeping the response; null where it says nothing.
 */
export type Asked = { ask: Ask; isNative: boolean; store: boolean | null; background: boolean }

/** Pick from headers and body the little that routing needs. Nothing is changed. @throws AppError naming the field */
export function readAsk(
  bytes: Buffer,
  headers: IncomingHttpHeaders,
  requestId: string,
  keyId: string | null = null,
): Asked {
  const values = scan(bytes)
  const read = (key: string): unknown => valueAt(bytes, values.get(key), key)
  const text = (key: string): string | null => {
    const value = read(key) ?? null
    if (value === null || typeof value === 'string') return value
    throw invalid(key, `"${key}" must be text.`)
  }
  const model = text('model')
  if (model === null || model.trim() === '') throw invalid('model', '"model" is missing: name the model to use.')
  if (model.length > 200) throw invalid('model', '"model" is too long.')
  const inputIsList = checkInput(bytes, values.get('input'))
  text('instructions')
  const stream = read('stream') ?? false
  if (typeof stream !== 'boolean') throw invalid('stream', '"stream" must be true or false.')
  const reasoning = read('reasoning') ?? null
  if (reasoning !== null && (typeof reasoning !== 'object' || Array.isArray(reasoning))) {
    throw invalid('reasoning', '"reasoning" must be an object.')
  }
  const previous = text('previous_response_id')
  if (previous !== null && values.has('conversation') && read('conversation') != null) {
    throw invalid('previous_response_id', 'Give either "previous_response_id" or "conversation", not both.')
  }
  const background = read('background') ?? false
  if (typeof background !== 'boolean') throw invalid('background', '"background" must be true or false.')
  const wish = read('store')
  const store = typeof wish === 'boolean' ? wish : null
  const effort = reasoning && 'effort' in reasoning && typeof reasoning.effort === 'string' ? reasoning.effort : null
  const identity = identityOf(headers)
  const cacheKey = text('prompt_cache_key')
  const ask: Ask = {
    requestId,
    model,
    effort,
    serviceTier: text('service_tier'),
    stream,
    keyId,
    inputTokens: guessTokens(bytes.length),
    affinityKeys: affinityKeys(identity, cacheKey, keyId),
    owned: ownedBy(bytes, headers, previous, conversationOf(read('conversation'))),
    ...identity,
  }
  // A byte order mark is no JSON: such a body is written anew.
  return { ask, isNative: bytes[0] !== 0xef && inputIsList && stream && store === false, store, background }
}

function scan(bytes: Buffer): Map<string, Span> {
  if (bytes.length === 0)
    throw new AppError('invalid_request', { message: 'The request body is empty; send a JSON object.' })
  if (!isUtf8(bytes)) throw new AppError('invalid_request', { message: 'The request body is not UTF-8 text.' })
  try {
    return scanObject(bytes, wanted)
  } catch (error) {
    if (!(error instanceof ScanError)) throw error
    throw new AppError(
      'invalid_request',
      { message: `The request body is not a JSON object: ${error.message}.` },
      { cause: error },
    )
  }
}

function valueAt(bytes: Buffer, span: Span | undefined, key: string): unknown {
  if (span === undefined) return undefined
  try {
    return JSON.parse(bytes.toString('utf8', span.from, span.to))
  } catch (error) {
    throw new AppError('invalid_request', { message: `"${key}" is not valid JSON.`, param: key }, { cause: error })
  }
}

/** The largest part of the body is only looked at from outside. True for a list. */
function checkInput(bytes: Buffer, span: Span | undefined): boolean {
  const first = span === undefined ? '' : String.fromCharCode(bytes[span.from] ?? 0)
  if (first === '"' || first === '[') return first === '['
  throw invalid('input', '"input" is missing: give text, or a list of input items.')
}

type Identity = { sessionId: string | null; threadId: string | null }

/** Codex's own names first, then those of OpenCode. */
const sessionHeaders = [
  ...['session-id', 'session_id', 'x-codex-session-id'],
  ...['x-session-id', 'x-session-affinity', 'x-opencode-session'],
]

/** `thread-id` is one thread; the session is shared by a whole tree of sub-agents. */
function identityOf(headers: IncomingHttpHeaders): Identity {
  const first = (names: readonly string[]) => names.map((name) => header(headers, name)).find((value) => value !== null)
  return { sessionId: first(sessionHeaders) ?? null, threadId: header(headers, 'thread-id') }
}

/** The soft keys that a client's headers give, and its prompt cache key. */
function affinityKeys({ sessionId, threadId }: Identity, cacheKey: string | null, keyId: string | null): AffinityKey[] {
  const keys: AffinityKey[] = []
  const ofKey = keyId === null ? {} : { keyId }
  if (threadId !== null) keys.push({ kind: 'thread', id: threadId, ...ofKey })
  if (sessionId !== null) keys.push({ kind: 'session', id: sessionId, ...ofKey })
  if (cacheKey !== null && cacheKey !== '') keys.push({ kind: 'cache', id: cacheKey, ...ofKey })
  return keys
}

/** The soft keys of a request that is no turn. */
export function affinityKeysOf(headers: IncomingHttpHeaders, keyId: string | null = null): AffinityKey[] {
  return affinityKeys(identityOf(headers), null, keyId)
}

/** A conversation is named by its id, or by an object that has it. */
function conversationOf(value: unknown): string | null {
  const id = typeof value === 'object' && value !== null && 'id' in value ? value.id : value
  return typeof id === 'string' && id !== '' ? id : null
}

/** Four bytes of JSON for a token; what is larger than any context holds images, which count for less. */
function guessTokens(bytes: number): number {
  return Math.min(400_000, Math.ceil(bytes / 4))
}

function ownedBy(
  bytes: Buffer,
  headers: IncomingHttpHeaders,
  previous: string | null,
  conversation: string | null,
): OwnedObject[] {
  const owned: OwnedObject[] = []
  if (conversation !== null) owned.push({ kind: 'conversation', id: conversation })
  if (previous !== null && previous !== '') owned.push({ kind: 'response', id: previous })
  for (const id of fileIds(bytes)) owned.push({ kind: 'file', id })
  const turnState = header(headers, 'x-codex-turn-state')
  if (turnState !== null) owned.push({ kind: 'turn_state', id: turnState })
  return owned
}

/** The key, in two parts: the system's search is twenty times as fast for so short a text as the end alone. */
const fileKeyStart = '"file'
const fileKeyEnd = Buffer.from('_id"')
const maxFiles = 50

/** File ids stand deep in the input; the key's bytes cannot occur inside a JSON text, where the quotes are escaped. */
function fileIds(bytes: Buffer): Set<string> {
  const ids = new Set<string>()
  for (
    let at = bytes.indexOf(fileKeyEnd);
    at !== -1 && ids.size < maxFiles;
    at = bytes.indexOf(fileKeyEnd, at + fileKeyEnd.length)
  ) {
    if (bytes.toString('latin1', Math.max(0, at - fileKeyStart.length), at) !== fileKeyStart) continue
    const after = bytes.toString('latin1', at + fileKeyEnd.length, at + fileKeyEnd.length + 300)
    const id = /^\s*:\s*"([^"\\]{1,256})"/.exec(after)?.[1]
    if (id !== undefined) ids.add(id)
  }
  return ids
}

function header(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : null
}

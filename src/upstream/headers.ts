import type { IncomingHttpHeaders } from 'node:http'

/** Name that requests of other clients than Codex carry to the upstream. */
export const productName = 'codex-lb'

const nativeAgents = [
  'codex_cli_rs',
  'codex-tui',
  'codex_exec',
  'codex_sdk_ts',
  'codex_vscode',
  'codex desktop',
  'codex ',
]
const nativeOriginators = new Set([
  'Codex Desktop',
  'codex_atlas',
  'codex_chatgpt_desktop',
  'codex_cli_rs',
  'codex-tui',
  'codex_exec',
  'codex_sdk_ts',
  'codex_vscode',
])

/** Never passed on: what is ours to set, what belongs to this connection only, and where the client sits. */
const dropped = new Set([
  'authorization',
  'x-api-key',
  'chatgpt-account-id',
  'content-length',
  'content-encoding',
  'content-type',
  'accept',
  'accept-encoding',
  'host',
  'forwarded',
  'x-real-ip',
  'true-client-ip',
  'via',
  'cookie',
  'origin',
  'referer',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
])
const droppedPrefixes = ['x-forwarded-', 'remote-', 'cf-', 'sec-', 'x-codex-lb-']

/** What of another client's headers means something to the upstream; everything that describes the client stays here. */
const meaningful = new Set([
  'session_id',
  'session-id',
  'thread-id',
  'conversation_id',
  'openai-beta',
  'x-client-request-id',
])

/** True for a real Codex client, which is passed on as it is. */
export function isNativeCodex(headers: IncomingHttpHeaders): boolean {
  const agent = headers['user-agent']?.toLowerCase() ?? ''
  const originator = headers.originator
  if (typeof originator === 'string' && nativeOriginators.has(originator)) return true
  return nativeAgents.some((name) => agent.startsWith(name))
}

/** What the account contributes to a request. */
export type Identity = { bearer: string; chatgptAccountId: string }

export type HeaderRules = { version: string; requestId: string; accept: string; keepTurnState: boolean }

/**
 * Headers towards the upstream. A Codex client's own headers pass through unchanged; any other client is named as this
 * product, never as somebody else. The credential always replaces the client's.
 */
export function upstreamHeaders(
  client: IncomingHttpHeaders,
  identity: Identity,
  rules: HeaderRules,
): Record<string, string> {
  const native = isNativeCodex(client)
  const headers: Record<string, string> = {}
  for (const name in client) {
    const value = client[name]
    if (typeof value !== 'string' || isDropped(name, client)) continue
    if (!native && !isMeaningful(name)) continue
    headers[name] = value
  }
  if (!rules.keepTurnState) delete headers['x-codex-turn-state']
  if (!native) {
    headers['user-agent'] = `${productName}/${rules.version}`
    headers.originator = productName
  }
  headers['x-request-id'] ??= rules.requestId
  headers.accept = rules.accept
  headers['content-type'] = 'application/json'
  headers.authorization = `Bearer ${identity.bearer}`
  headers['chatgpt-account-id'] = identity.chatgptAccountId
  return headers
}

function isDropped(name: string, client: IncomingHttpHeaders): boolean {
  if (dropped.has(name) || droppedPrefixes.some((prefix) => name.startsWith(prefix))) return true
  return (
    client.connection
      ?.toLowerCase()
      .split(',')
      .some((token) => token.trim() === name) ?? false
  )
}

function isMeaningful(name: string): boolean {
  if (name.startsWith('x-openai-client-') || name === 'x-openai-internal-codex-responses-lite') return false
  return meaningful.has(name) || name.startsWith('x-codex-') || name.startsWith('x-openai-')
}

/** The version of the socket protocol that the upstream asks for (protocol reference, §5.3). */
const socketBeta = 'responses_websockets=2026-02-06'
const ofHttpOnly = ['accept', 'content-type', 'sec-websocket-key', 'sec-websocket-version', 'sec-websocket-extensions']

/** The same for the handshake of a WebSocket. */
export function socketHeaders(
  client: IncomingHttpHeaders,
  identity: Identity,
  rules: Omit<HeaderRules, 'accept'>,
): Record<string, string> {
  const headers = upstreamHeaders(client, identity, { ...rules, accept: '' })
  for (const name of ofHttpOnly) delete headers[name]
  const betas = (headers['openai-beta'] ?? '').split(',').map((token) => token.trim())
  const others = betas.filter((token) => token !== '' && token !== socketBeta && token !== 'responses=experimental')
  headers['openai-beta'] = [...others, socketBeta].join(', ')
  return headers
}

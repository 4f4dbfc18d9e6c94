import type { IncomingHttpHeaders } from 'node:http'
import { type Identity, upstreamHeaders } from '../../upstream/headers.ts'
import type { Pass } from './call.ts'

type Rules = { version: string; keepTurnState: boolean }

/** The client's own headers, with the account's credential. What is sent has the type that the client gave it. */
export function passedHeaders({ headers, requestId }: Pass, identity: Identity, rules: Rules): Record<string, string> {
  const accept = headers.accept ?? '*/*'
  const { 'content-type': _ours, ...passed } = upstreamHeaders(headers, identity, { ...rules, requestId, accept })
  const type = headers['content-type']
  return type === undefined ? passed : { ...passed, 'content-type': type }
}

const kept = new Set(['authorization', 'chatgpt-account-id', 'user-agent'])

/** An edge in front of these endpoints turns away what carries more than this (protocol reference, §3.3). */
export function minimalHeaders(pass: Pass, identity: Identity, version: string): Record<string, string> {
  const all = passedHeaders(pass, identity, { version, keepTurnState: false })
  const isKept = (name: string) => kept.has(name) || name.startsWith('x-openai-') || name.startsWith('x-codex-')
  return Object.fromEntries(Object.entries(all).filter(([name]) => isKept(name)))
}

const told = [
  ...['cache-control', 'content-type', 'etag', 'last-modified', 'location', 'openai-processing-ms'],
  ...['request-id', 'x-request-id', 'retry-after'],
]

/** What of the upstream's headers means something to the client. */
export function toldHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of told) {
    const value = headers[name]
    if (typeof value === 'string') kept[name] = value
  }
  return kept
}

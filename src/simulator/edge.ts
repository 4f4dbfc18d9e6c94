import type { IncomingHttpHeaders } from 'node:http'
import { type Exchange, send } from './http.ts'
import { htmlAnswer } from './refusals.ts'

const usual = new Set([
  ...['authorization', 'chatgpt-account-id', 'user-agent', 'content-type', 'content-length', 'host', 'connection'],
  ...['transfer-encoding', 'accept-encoding'],
])

/** An edge in front of some endpoints turns away what carries the headers of many clients. True when it has. */
export function turnedAway({ request, response }: Exchange, ...allowed: string[]): boolean {
  if (!isBulky(request.headers, allowed)) return false
  send(response, htmlAnswer(403))
  return true
}

function isBulky(headers: IncomingHttpHeaders, allowed: readonly string[]): boolean {
  return Object.keys(headers).some(
    (name) =>
      !usual.has(name) && !allowed.includes(name) && !name.startsWith('x-openai-') && !name.startsWith('x-codex-'),
  )
}

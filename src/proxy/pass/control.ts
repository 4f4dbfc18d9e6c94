import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Call, Pass, PassDeps, Told } from './call.ts'
import { callAccount } from './call-account.ts'
import { passedHeaders, toldHeaders } from './call-headers.ts'
import { addRawRoutes, type RawRoute, withBody } from './raw-routes.ts'
import { servePass } from './serve-pass.ts'

const codex = '/backend-api/codex'

type ControlPath = { method: RawRoute['method']; url: string; keepsState?: boolean }

/** What Codex asks beside its turns, and what is handed on as it is (protocol reference, §1). */
const paths: readonly ControlPath[] = [
  // A goal lives with the account that it was set on: the thread's turns go there as well.
  { method: 'GET', url: `${codex}/thread/goal/get` },
  { method: 'POST', url: `${codex}/thread/goal/get` },
  { method: 'POST', url: `${codex}/thread/goal/set`, keepsState: true },
  { method: 'POST', url: `${codex}/thread/goal/clear` },
  { method: 'POST', url: `${codex}/analytics-events/events` },
  { method: 'POST', url: `${codex}/memories/trace_summarize` },
  { method: 'POST', url: `${codex}/safety/arc` },
  { method: 'POST', url: `${codex}/alpha/search` },
  { method: 'GET', url: `${codex}/agent-identities/jwks` },
  { method: 'GET', url: '/backend-api/wham/agent-identities/jwks' },
]

const deadlineMs = 600_000
const limits = { bodyBytes: 32 * 1024 * 1024, heldBytes: 256 * 1024 * 1024, deadlineMs }

export function addControlRoutes(app: FastifyInstance, deps: PassDeps): void {
  const routes = paths.map(({ method, url, keepsState = false }): RawRoute => {
    const rules = { route: url, isNative: true }
    const send = (pass: Pass, request: FastifyRequest, body: Buffer | null) =>
      passOn(pass, sameCall(pass, { method, request, body }, deps), keepsState, deps)
    return {
      ...{ method, url },
      handle: (request, reply, bodies) =>
        servePass(request, reply, rules, deps, (pass) =>
          method === 'GET'
            ? send(pass, request, null)
            : withBody(bodies, request, (bytes) => send(pass, request, bytes)),
        ),
    }
  })
  addRawRoutes(app, limits, routes)
}

type Asked = { method: Call['method']; request: Pick<FastifyRequest, 'url'>; body: Buffer | null }

/** The same request, to an account. The path is the route's own, whatever way the client has spelt it. */
export function sameCall(pass: Pass, { method, request, body }: Asked, { version, affinity }: PassDeps): Call {
  const query = /\?.*/.exec(request.url)?.[0] ?? ''
  const turnState = pass.headers['x-codex-turn-state']
  const issuer =
    typeof turnState === 'string'
      ? affinity.ownerInMemory({ kind: 'turn_state', id: turnState }, pass.guest.key?.id)
      : null
  return {
    ...{ method, path: pass.route.replace(/^\/backend-api/, '') + query, body, ownerId: null, deadlineMs },
    headersFor: (identity, accountId) =>
      passedHeaders(pass, identity, { version, keepTurnState: issuer === accountId }),
  }
}

async function passOn(pass: Pass, call: Call, keepsState: boolean, deps: PassDeps): Promise<Told> {
  const { accountId, status, headers, body } = await callAccount(pass, call, deps)
  if (keepsState && deps.affinity.home(pass.affinityKeys) === null) deps.affinity.bind(pass.affinityKeys, accountId)
  return { status, headers: toldHeaders(headers), body }
}

import { createHash, randomBytes } from 'node:crypto'
import type { SimulatedAccount } from './accounts.ts'
import { type Answer, type Exchange, jsonAnswer, send, suffer } from './http.ts'
import type { JsonObject } from './json.ts'
import { detailAnswer } from './refusals.ts'
import type { AccountRoute, World } from './world.ts'

type Asked = { body: JsonObject | null; thread: string; account: SimulatedAccount; nowMs: number }

/** A call of Codex beside its turns; goals are kept by thread. */
function control(answer: (asked: Asked) => Answer): AccountRoute {
  return async (exchange: Exchange, account: SimulatedAccount, world: World) => {
    const { request, url, body, response } = exchange
    const nowMs = world.clock.now()
    const effect = world.faults.take(account, 'control', { model: '', nowMs })
    if (await suffer(exchange, effect, world.clock)) return
    const encoding = request.headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity') return send(response, detailAnswer(400, 'Unsupported content encoding'))
    const thread = String(request.headers['thread-id'] ?? body?.thread_id ?? url.searchParams.get('thread_id') ?? '')
    send(response, answer({ body, thread, account, nowMs }), {
      'x-request-id': `req_${randomBytes(12).toString('hex')}`,
      'openai-processing-ms': '7',
      server: 'simulated',
    })
  }
}

const getGoal = control(({ thread, account }) => jsonAnswer(200, { goal: account.goals.get(thread) ?? null }))

const codex = '/backend-api/codex'

const jwks = control(({ account }) => {
  const keys = [{ kty: 'RSA', kid: account.tag, alg: 'RS256', use: 'sig', n: 'c2ltdWxhdGVk', e: 'AQAB' }]
  const etag = `"${createHash('sha256').update(account.tag).digest('hex').slice(0, 16)}"`
  return jsonAnswer(200, { keys }, { 'cache-control': 'public, max-age=300', etag })
})

export const controlRoutes: Record<string, AccountRoute> = {
  [`GET ${codex}/thread/goal/get`]: getGoal,
  [`POST ${codex}/thread/goal/get`]: getGoal,
  [`POST ${codex}/thread/goal/set`]: control(({ body, thread, account, nowMs }) => {
    const goal = { objective: body?.objective ?? null, status: 'active', updated_at: Math.floor(nowMs / 1000) }
    account.goals.set(thread, goal)
    return jsonAnswer(200, { goal })
  }),
  [`POST ${codex}/thread/goal/clear`]: control(({ thread, account }) =>
    jsonAnswer(200, { cleared: account.goals.delete(thread) }),
  ),
  [`POST ${codex}/analytics-events/events`]: control(() => ({ status: 204, headers: {}, body: '' })),
  [`POST ${codex}/memories/trace_summarize`]: control(() => jsonAnswer(200, { output: [] })),
  [`POST ${codex}/safety/arc`]: control(() => jsonAnswer(200, { outcome: 'ok' })),
  [`POST ${codex}/alpha/search`]: control(({ body }) =>
    jsonAnswer(200, {
      output: `Nothing is known of ${JSON.stringify(body?.commands ?? null)}.`,
      encrypted_output: null,
    }),
  ),
  [`GET ${codex}/agent-identities/jwks`]: jwks,
  'GET /backend-api/wham/agent-identities/jwks': jwks,
}

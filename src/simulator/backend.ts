import type { SimulatedAccount } from './accounts.ts'
import { answerTranscription } from './audio.ts'
import { controlRoutes } from './control-calls.ts'
import type { FaultPath } from './faults.ts'
import { answerRegistration, answerUploaded, tookUpload } from './files.ts'
import { type Answer, type Exchange, jsonAnswer, send, suffer } from './http.ts'
import { modelsAnswer, modelsEtag } from './models.ts'
import { answerCall } from './realtime.ts'
import { accountMismatch, detailAnswer, unauthorized } from './refusals.ts'
import { answerTurn } from './responses.ts'
import { accountsCheckOf, profileOf, redeemCredit, resetCreditsOf, usageOf } from './wham.ts'
import type { AccountRoute, World } from './world.ts'

const routes: Record<string, AccountRoute> = {
  'POST /backend-api/codex/responses': answerTurn,
  'GET /backend-api/codex/responses': ({ response }, _account, { webSockets }) => {
    const told = webSockets ? 'Upgrade to a WebSocket' : 'WebSockets are not available'
    send(response, detailAnswer(426, told), { upgrade: 'websocket', connection: 'Upgrade' })
  },
  'GET /backend-api/codex/models': answerModels,
  'GET /backend-api/wham/usage': (exchange, account, world) => answerSide(exchange, account, world, 'usage', usageOf),
  'GET /backend-api/wham/accounts/check': ({ response }, account) =>
    send(response, jsonAnswer(200, accountsCheckOf(account))),
  'GET /backend-api/wham/profiles/me': (exchange, account, world) =>
    answerSide(exchange, account, world, 'profile', profileOf),
  'GET /backend-api/wham/rate-limit-reset-credits': (exchange, account, world) =>
    answerSide(exchange, account, world, 'reset_credits', resetCreditsOf),
  'POST /backend-api/wham/rate-limit-reset-credits/consume': answerRedemption,
  'POST /backend-api/files': answerRegistration,
  'POST /backend-api/files/{id}/uploaded': answerUploaded,
  'POST /backend-api/transcribe': answerTranscription,
  'POST /backend-api/codex/realtime/calls': answerCall,
  ...controlRoutes,
}

/** Answers the routes that need an account's token; false when there is no such route. */
export async function answerForAccount(exchange: Exchange, world: World): Promise<boolean> {
  if (tookUpload(exchange, world)) return true
  const path = exchange.url.pathname.replace(/^\/backend-api\/files\/[^/]+\//, '/backend-api/files/{id}/')
  const route = routes[`${exchange.request.method} ${path}`]
  if (!route) return false
  const who = authenticate(exchange, world)
  if ('refusal' in who) send(exchange.response, who.refusal)
  else {
    exchange.record.email = who.account.email
    await route(exchange, who.account, world)
  }
  return true
}

/** Whose token it is, or why it is refused. */
export function authenticate({ request }: Exchange, world: World): { account: SimulatedAccount } | { refusal: Answer } {
  const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const holder = token === undefined ? null : world.tokens.holderOf(token)
  if (!holder) return { refusal: unauthorized('invalid_api_key') }
  if (holder.expired) return { refusal: unauthorized('token_expired') }
  const asked = request.headers['chatgpt-account-id']
  if (asked !== undefined && asked !== holder.account.accountId) return { refusal: accountMismatch() }
  return { account: holder.account }
}

async function answerSide(
  exchange: Exchange,
  account: SimulatedAccount,
  { faults, clock }: World,
  path: FaultPath,
  bodyOf: (account: SimulatedAccount, nowMs: number) => object,
): Promise<void> {
  const effect = faults.take(account, path, { model: '', nowMs: clock.now() })
  if (await suffer(exchange, effect, clock)) return
  send(exchange.response, jsonAnswer(200, bodyOf(account, clock.now())))
}

async function answerRedemption(exchange: Exchange, account: SimulatedAccount, world: World): Promise<void> {
  const { clock, faults } = world
  const effect = faults.take(account, 'redeem', { model: '', nowMs: clock.now() })
  if (await suffer(exchange, effect, clock)) return
  const answer = redeemCredit(account, exchange.body, clock.now())
  if (effect?.kind !== 'drop_reply') return send(exchange.response, jsonAnswer(200, answer))
  exchange.record.outcome = 'cut'
  exchange.request.socket.resetAndDestroy()
}

async function answerModels(exchange: Exchange, account: SimulatedAccount, world: World): Promise<void> {
  const effect = world.faults.take(account, 'models', { model: '', nowMs: world.clock.now() })
  if (await suffer(exchange, effect, world.clock)) return
  const etag = modelsEtag(account)
  if (exchange.request.headers['if-none-match'] === etag) {
    return send(exchange.response, { status: 304, headers: { etag }, body: '' })
  }
  const models = modelsAnswer(account, exchange.url.searchParams.get('client_version'))
  send(exchange.response, jsonAnswer(200, models, { etag }))
}

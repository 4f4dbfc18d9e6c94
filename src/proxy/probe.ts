import type { Catalogue } from '../accounts/catalogue.ts'
import type { UsagePoll } from '../accounts/usage-poll.ts'
import type { Account } from '../domain/account.ts'
import { cheapestModel } from '../domain/price.ts'
import { AppError } from '../errors.ts'
import { randomId } from '../lib/secrets.ts'
import { productName } from '../upstream/headers.ts'
import { type AttemptDeps, tryAccount } from './attempt.ts'
import { settleAccount } from './find-answer.ts'
import { normalizeRequest } from './normalize.ts'
import type { Fault } from './refusal.ts'
import { collect } from './serve-json.ts'
import { bind, type SettleDeps, settle, settleFailure } from './settle.ts'
import type { Turn } from './turn.ts'

/** How one tiny turn through one account went. `before` and `after` are the account around it. */
type Probed = {
  ok: boolean
  requestId: string
  model: string
  /** Null: there was no answer. */
  statusCode: number | null
  errorCode: string | null
  errorMessage: string | null
  latencyMs: number
  before: Account
  after: Account
}

type ProbeAsk = {
  accountId: string
  /** Null: the cheapest that the account has. */
  model: string | null
  /** What the request log calls it. */
  route: 'probe' | 'warm-up'
}

/**
 * Sends one tiny turn through one account, whatever the balancer thinks of it, and reads the account's figures anew. It
 * is a real turn: it uses quota, is logged, and what it teaches counts. @throws AppError where nothing is sent
 */
export type Prober = (ask: ProbeAsk) => Promise<Probed>

export type ProbeDeps = Omit<AttemptDeps, 'retries'> &
  SettleDeps & {
    usagePoll: Pick<UsagePoll, 'poll'>
    catalogue: Pick<Catalogue, 'models'>
    /** Aborted when the server stops. */
    stopping: AbortSignal
  }

const deadlineMs = 30_000
const fallbackModel = 'gpt-5.4-mini'
/** A person wants to know how the account is now, not whether it can be brought to answer. */
const onceOnly = { earn() {}, spend: () => false }

export function createProber(deps: ProbeDeps): Prober {
  const { pool, clock, usagePoll, catalogue, recorder, stopping } = deps
  const running = new Set<string>()

  const modelFor = async ({ models }: Account): Promise<string> => {
    const listed = (await catalogue.models()).models.map(({ slug }) => slug)
    const own = models === null ? listed : listed.filter((slug) => models.has(slug))
    return cheapestModel(recorder.prices(), own) ?? own[0] ?? fallbackModel
  }
  const send = async (turn: Turn, accountId: string) => {
    const lease = pool.lease(accountId)
    try {
      const tried = await tryAccount(turn, accountId, false, { ...deps, retries: onceOnly })
      if (tried.verdict.kind !== 'relay' || tried.head === null) {
        tried.head?.answer.abort()
        const fault = tried.verdict as Fault
        settleAccount(accountId, fault, deps)
        return refused(turn, fault.error.status, fault.error.code, fault.error.message)
      }
      const found = { head: tried.head, accountId, lease }
      bind(turn, found, deps)
      const { end } = await collect(found, deps)
      settle(turn, found, end, { firstTokenMs: null, transport: 'sse' }, deps)
      const isGood = end.terminal?.type === 'response.completed' || end.terminal?.type === 'response.incomplete'
      const error = isGood ? null : (errorCodeOf(end.terminal?.data) ?? end.failure ?? 'stream_incomplete')
      return { ok: isGood, statusCode: tried.head.status, errorCode: error, errorMessage: null }
    } catch (error) {
      if (!turn.signal.aborted) throw error
      const why = turn.signal.reason instanceof AppError ? turn.signal.reason : new AppError('shutting_down')
      return refused(turn, null, why.code, why.message)
    } finally {
      lease.release()
    }
  }
  const refused = (turn: Turn, status: number | null, code: string, message: string) => {
    settleFailure(turn, { status: status ?? 502, code, message }, deps)
    return { ok: false, statusCode: status, errorCode: code, errorMessage: message }
  }

  return async ({ accountId, model, route }) => {
    const before = pool.get(accountId)
    if (before === null) throw new AppError('account_not_found')
    const why =
      before.health.signIn !== 'ok' ? 'it has to be signed in again' : before.health.paused ? 'it is paused' : null
    if (why !== null)
      throw new AppError('account_cannot_serve', { message: `The account cannot be tried out: ${why}.` })
    if (running.has(accountId)) throw new AppError('probe_running')
    running.add(accountId)
    const ending = new AbortController()
    const onStop = () => ending.abort(new AppError('shutting_down'))
    stopping.addEventListener('abort', onStop, { once: true })
    if (stopping.aborted) onStop()
    const cancelDeadline = clock.after(deadlineMs, () => ending.abort(new AppError('upstream_timeout')))
    try {
      const turn = turnOf(model ?? (await modelFor(before)), route, ending.signal, clock.now())
      const answer = await send(turn, accountId)
      const latencyMs = clock.now() - turn.startedAtMs
      await usagePoll.poll(accountId)
      const { requestId, model: asked } = turn.ask
      return { ...answer, requestId, model: asked, latencyMs, before, after: pool.get(accountId) ?? before }
    } finally {
      cancelDeadline()
      stopping.removeEventListener('abort', onStop)
      running.delete(accountId)
    }
  }
}

function turnOf(model: string, route: ProbeAsk['route'], signal: AbortSignal, startedAtMs: number): Turn {
  const input = 'Say OK.'
  const body = normalizeRequest({ model, instructions: 'Answer with one word.', input, reasoning: { effort: 'low' } })
  const requestId = randomId('req_')
  return {
    ask: {
      ...{ requestId, model, effort: 'low', serviceTier: null, stream: true, keyId: null, inputTokens: 50 },
      ...{ affinityKeys: [], owned: [], sessionId: null, threadId: null },
    },
    headers: { 'user-agent': `${productName} ${route}` },
    guest: { key: null, address: null },
    body: Buffer.from(JSON.stringify(body)),
    dropBody() {},
    ...{
      route,
      transport: null,
      startedAtMs,
      signal,
      isPrewarm: false,
      attempts: [],
      waitedMs: 0,
      decision: null,
      held: null,
      source: null,
    },
  }
}

/** Of an event that ended the answer badly. */
function errorCodeOf(data: unknown): string | null {
  const fields = (value: unknown) =>
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  const error = fields(fields(fields(data).response).error)
  const { code } = 'code' in error ? error : fields(fields(data).error)
  return typeof code === 'string' ? code : null
}

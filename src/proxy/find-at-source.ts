import type { Decision } from '../balancer/choose.ts'
import type { Account } from '../domain/account.ts'
import { scopeOf } from '../domain/api-key.ts'
import type { SourceUse } from '../domain/model-source.ts'
import type { ErrorScope } from '../domain/request.ts'
import { AppError } from '../errors.ts'
import { isBoundToAccount } from '../sources/outgoing.ts'
import type { Candidate } from '../sources/sources.ts'
import { announce } from './announce.ts'
import { type Asked, type AskSourceDeps, askSource, costOf, sourceError } from './ask-source.ts'
import type { FindDeps, Found } from './find-answer.ts'
import { parseBody } from './normalize.ts'
import { lostContinuation, UpstreamRefusal } from './refusal.ts'
import type { Turn } from './turn.ts'

/** Where sources stand behind the accounts. */
export type SourceDeps = AskSourceDeps

/** Says that nobody of the pool can serve at present. */
const poolIsOut = new Set([
  ...['usage_limit_reached', 'no_accounts', 'account_cap_reached', 'egress_unavailable', 'upstream_unavailable'],
])
/** Faults of accounts, or of the upstream, after which no account was left to be asked. */
const faultsOfThePool = new Set(['limited', 'transient', 'unauthorized', 'sign_in_lost', 'try_another'])
/** Objects that only an account has. A turn state is no such object: the full input speaks for itself. */
const kept = new Set(['response', 'conversation', 'file', 'call'])
/** Answers that are more than a model's words: compactions are sealed for an account, images are made by the upstream. */
const ofAccountsOnly = /\/(compact|images\/)/

/**
 * An answer from an account, or from a model source where the operator has made one for that: for models that the pool
 * lacks, and as a last resort. @throws what `atAccounts` throws
 */
export async function findWithSources(
  turn: Turn,
  deps: FindDeps,
  atAccounts: (turn: Turn, deps: FindDeps) => Promise<Found>,
): Promise<Found> {
  const { sources, pool } = deps
  const { model } = turn.ask
  // An answer that broke off may be asked for once more.
  turn.source = null
  const lacks = poolLacks(pool.accounts(), model)
  // The upstream would be asked for what it is known not to have.
  if (lacks && sources.names(model) && candidatesOf(turn, ['missing_models'], deps).length > 0)
    return atSources(turn, ['missing_models'], null, deps)
  try {
    return await atAccounts(turn, deps)
  } catch (error) {
    if (turn.signal.aborted) throw error
    const uses = usesFor(error, lacks, pool.accounts().length === 0)
    if (uses === null || candidatesOf(turn, uses, deps).length === 0) throw error
    return await atSources(turn, uses, error, deps)
  }
}

/** Tries the sources in order. `poolError`: what the client is told without them. */
async function atSources(turn: Turn, uses: SourceUse[], poolError: unknown, deps: FindDeps): Promise<Found> {
  const isMissing = uses.includes('missing_models')
  const asked = turn.isPrewarm || ofAccountsOnly.test(turn.route) ? null : parseBody(turn.body)
  const isHeld = turn.ask.owned.some(({ kind }) => kept.has(kind))
  if (asked === null || isHeld || isBoundToAccount(asked)) throw unmovable(turn, poolError)
  let last: { candidate: Candidate; missed: Extract<Asked, { head: null }> } | null = null
  for (const candidate of candidatesOf(turn, uses, deps)) {
    turn.signal.throwIfAborted()
    const startedAtMs = deps.clock.now()
    announce(turn, 'chosen', null, deps, candidate.source.id)
    const result = await askSource(turn, candidate, asked, deps)
    note(turn, candidate, result, startedAtMs, deps)
    if (result.head !== null) return foundAt(turn, candidate, result, isMissing, deps)
    last = { candidate, missed: result }
  }
  if (!isMissing && poolError !== null) throw poolError
  const { model } = turn.ask
  throw last === null ? poolError : sourceError(model, last.candidate.source.name, last.missed, deps.clock.now())
}

/** Sources of several uses, each once, in the operator's order. */
function candidatesOf({ ask, guest }: Turn, uses: SourceUse[], { sources }: FindDeps): Candidate[] {
  // A key that is for certain accounts is for no source in their place.
  const open = uses.filter((use) => use === 'missing_models' || scopeOf(guest.key) === null)
  const found = open.flatMap((use) => sources.offering({ model: ask.model, use, protocol: 'turn' }))
  const own = new Map(found.map((candidate) => [candidate.source.id, candidate]))
  return sources.all().flatMap(({ id }) => own.get(id) ?? [])
}

/** True when no account has the model, as far as all of those that could serve have said. */
function poolLacks(accounts: readonly Account[], model: string): boolean {
  return accounts.every(({ models, health }) =>
    models === null ? health.paused || health.signIn !== 'ok' : !models.has(model),
  )
}

/** What sources are for after this error; null: no source mends it. */
function usesFor(error: unknown, lacks: boolean, isEmpty: boolean): SourceUse[] | null {
  const isOut = error instanceof AppError ? poolIsOut.has(error.code) : isFaultOfThePool(error)
  const isMissing =
    error instanceof AppError
      ? error.code === 'model_unavailable'
      : error instanceof UpstreamRefusal && error.fault.kind === 'model_unavailable'
  if (!isOut && !isMissing) return null
  if (isEmpty) return ['missing_models', 'last_resort']
  return isMissing || lacks ? ['missing_models'] : ['last_resort']
}

function isFaultOfThePool(error: unknown): boolean {
  return error instanceof UpstreamRefusal && faultsOfThePool.has(error.fault.kind)
}

/** A request that holds what only an account can read. */
function unmovable(turn: Turn, poolError: unknown): unknown {
  const isContinued = turn.ask.owned.some(({ kind }) => kind === 'response')
  // On a socket the client sends the whole conversation when it hears this, and that any source can read.
  if (isContinued && (turn.transport === 'ws' || poolError === null)) return lostContinuation(turn)
  if (poolError !== null) return poolError
  const message = `The model "${turn.ask.model}" comes from a model source, which cannot take this request.`
  return new AppError('model_unavailable', { message, param: 'model' })
}

function note(turn: Turn, { source }: Candidate, result: Asked, startedAtMs: number, { clock }: FindDeps): void {
  const atMs = clock.now()
  const scope: ErrorScope | null = result.head !== null ? null : result.isRequest ? 'request' : 'source'
  turn.attempts.push({
    ...{ accountId: null, sourceId: source.id, verdict: result.head === null ? 'source_failed' : 'relay', scope },
    code: result.head === null ? result.error.code : null,
    status: result.head === null ? result.error.status : result.head.status,
    ...{ atMs, tookMs: atMs - startedAtMs },
  })
}

function foundAt(
  turn: Turn,
  candidate: Candidate,
  { head, lease }: Extract<Asked, { lease: unknown }>,
  isMissing: boolean,
  { pool, settings, log }: FindDeps,
): Found {
  const { source, model } = candidate
  turn.source = { id: source.id, name: source.name, model }
  const because = isMissing ? 'source_model' : 'source_last_resort'
  turn.decision = {
    ...(turn.decision ?? unasked(pool.accounts(), turn.ask.model, settings().strategy)),
    ...{ accountId: null, because, move: null, source: { id: source.id, name: source.name } },
  }
  log.warn({ requestId: turn.ask.requestId, source: source.name, because }, 'a model source serves')
  return {
    head,
    accountId: null,
    lease: { started() {}, release: (usage) => lease.release(costOf(candidate, usage)) },
  }
}

/** So many of the accounts that were passed by are named. */
const keptRows = 12

/** The decision where no account was asked, because none has the model. */
function unasked(accounts: readonly Account[], model: string, strategy: Decision['strategy']): Decision {
  const exclusion = { reason: 'model_unavailable', model } as const
  return {
    ...{ accountId: null, because: 'none_eligible', strategy, panic: false, move: null, candidates: 0, ranked: [] },
    excluded: accounts.slice(0, keptRows).map(({ id }) => ({ accountId: id, exclusion })),
  }
}

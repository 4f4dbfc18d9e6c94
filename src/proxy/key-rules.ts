import type { Account } from '../domain/account.ts'
import type { ApiKey, Effort } from '../domain/api-key.ts'
import type { Ask } from '../domain/request.ts'
import { AppError } from '../errors.ts'
import type { Asked } from './ask.ts'
import { parseBody } from './normalize.ts'
import { scanObject } from './scan.ts'

/** A request as its key has it: with what the key enforces in it. */
type Ruled = { request: Buffer; asked: Asked }

const ruled = ['model', 'reasoning', 'service_tier'] as const
type Field = (typeof ruled)[number]
/** What a field becomes; null: it is left out. */
type Changes = Partial<Record<Field, unknown>>

/**
 * Holds a request to the rules of its key. Its bytes stay as they are unless something in them has to become something
 * else. @throws AppError naming what the key may not ask for
 */
export function ruledByKey(request: Buffer, asked: Asked, key: ApiKey | null): Ruled {
  if (key === null || !hasRules(key)) return { request, asked }
  const { ask } = asked
  const model = key.enforcedModel ?? ask.model
  checkModel(key, model)
  const repeated = new Set<string>()
  const spans = scanObject(request, new Set(ruled), repeated)
  const changes: Changes = {}
  if (model !== ask.model) changes.model = model
  const effort = effortFor(key, ask.effort)
  if (effort !== ask.effort) {
    const span = spans.get('reasoning')
    const reasoning: unknown = span === undefined ? null : JSON.parse(request.toString('utf8', span.from, span.to))
    changes.reasoning = { ...(reasoning as object | null), effort }
  }
  const serviceTier = tierFor(key, ask.serviceTier)
  if (serviceTier !== ask.serviceTier) changes.service_tier = serviceTier
  if (Object.keys(changes).length === 0 && repeated.size === 0) return { request, asked }
  const next: Ask = { ...ask, model, effort, serviceTier }
  // Of a field that is given twice others might take the one that was not looked at.
  const isPlain = repeated.size === 0 && !(changes.service_tier === null && spans.has('service_tier'))
  const body = isPlain ? spliced(request, changes, spans) : rewritten(request, changes)
  return { request: body, asked: { ...asked, ask: next } }
}

/** @throws AppError that names the model, and those that may be asked for */
export function checkModel(key: ApiKey | null, model: string): void {
  const allowed = key?.allowedModels ?? null
  if (allowed === null || allowed.includes(model)) return
  const message = `The API key may not use the model "${model}". It may use: ${listOf(allowed)}.`
  throw new AppError('model_not_allowed', { message, param: 'model' })
}

/** The models that accounts are known to have and the key may use. */
export function offeredBy(accounts: readonly Account[], key: ApiKey | null): string[] {
  const known = new Set(accounts.flatMap(({ models }) => (models === null ? [] : [...models])))
  return [...known].filter((model) => mayUseModel(key, model))
}

export function mayUseModel(key: ApiKey | null, model: string): boolean {
  return key === null || key.allowedModels === null || key.allowedModels.includes(model)
}

function hasRules({ allowedModels, enforcedModel, enforcedEffort, allowedEfforts, enforcedServiceTier }: ApiKey) {
  return [allowedModels, enforcedModel, enforcedEffort, allowedEfforts, enforcedServiceTier].some(
    (rule) => rule !== null,
  )
}

/** Two names for one effort; the upstream knows the second. */
const meant: Record<string, Effort> = { minimal: 'low', ultra: 'max' }
const meaningOf = (effort: string): string => meant[effort] ?? effort
/** What the upstream takes where nothing is asked. */
const usualEffort = 'medium'

/** @throws AppError that names the effort, and those that may be asked for */
function effortFor({ enforcedEffort, allowedEfforts }: ApiKey, asked: string | null): string | null {
  if (enforcedEffort !== null)
    return asked !== null && meaningOf(asked) === meaningOf(enforcedEffort) ? asked : meaningOf(enforcedEffort)
  if (allowedEfforts === null) return asked
  const isAllowed = (effort: string) => allowedEfforts.some((one) => meaningOf(one) === meaningOf(effort))
  if (isAllowed(asked ?? usualEffort)) return asked
  const [least] = allowedEfforts
  if (asked === null && least !== undefined) return meaningOf(least)
  const message = `The API key may not ask for the reasoning effort "${asked}". It may ask for: ${listOf(allowedEfforts)}.`
  throw new AppError('effort_not_allowed', { message, param: 'reasoning.effort' })
}

/** The usual tier is had by asking for none. */
function tierFor({ enforcedServiceTier }: ApiKey, asked: string | null): string | null {
  if (enforcedServiceTier === null) return asked
  return enforcedServiceTier === 'auto' || enforcedServiceTier === 'default' ? null : enforcedServiceTier
}

type Spans = ReturnType<typeof scanObject>

/** The same bytes but for the fields that change: a request may be large, and the rest of it is nobody's business. */
function spliced(request: Buffer, changes: Changes, spans: Spans): Buffer {
  const pieces: Buffer[] = []
  let at = 0
  const inPlace = Object.entries(changes).flatMap(([name, value]) => {
    const span = spans.get(name)
    return span === undefined ? [] : [{ ...span, value }]
  })
  for (const { from, to, value } of inPlace.toSorted((a, b) => a.from - b.from)) {
    pieces.push(request.subarray(at, from), Buffer.from(JSON.stringify(value)))
    at = to
  }
  const end = request.lastIndexOf('}')
  const added = Object.entries(changes).filter(([name, value]) => !spans.has(name) && value !== null)
  const texts = added.map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`)
  pieces.push(request.subarray(at, end), Buffer.from(texts.join('')), request.subarray(end))
  return Buffer.concat(pieces)
}

function rewritten(request: Buffer, changes: Changes): Buffer {
  const left = Object.entries({ ...parseBody(request), ...changes }).filter(
    ([name, value]) => value !== null || changes[name as Field] !== null,
  )
  return Buffer.from(JSON.stringify(Object.fromEntries(left)))
}

/** Enough of them to go on. */
function listOf(names: readonly string[]): string {
  const shown = names.slice(0, 20).join(', ')
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown
}

import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Catalogue } from '../accounts/catalogue.ts'
import type { Account } from '../domain/account.ts'
import { type Guest, scopeOf } from '../domain/api-key.ts'
import type { CatalogueModel } from '../domain/catalogue.ts'
import { AppError } from '../errors.ts'
import type { ListedModel, ModelSources } from '../sources/sources.ts'
import { anthropicModel, anthropicModels } from '../translate/anthropic/models.ts'
import { accountsFor, guestOf } from './guest.ts'
import { mayUseModel } from './key-rules.ts'

const ownedBy = 'codex-lb'
/** Ours, in entries for models of sources: which one has it. */
const sourceField = 'codex_lb_source'
const noModels: readonly CatalogueModel[] = []

function catalogueModel({ model, sourceName, contextWindow }: ListedModel): CatalogueModel {
  return { slug: model, [sourceField]: sourceName, context_window: contextWindow }
}

export type ModelDeps = {
  catalogue: Catalogue
  pool: { accounts(): readonly Account[] }
  sources: Pick<ModelSources, 'listed'>
}

/** Puts the lists of models on the server, in the form of Codex and in that of OpenAI. */
export function addModelRoutes(app: FastifyInstance, { catalogue, pool: accounts, sources }: ModelDeps): void {
  /** The pool's models, and those that only sources have. */
  let listed = { pool: noModels, added: sources.listed(), all: noModels }
  const all = (pool: readonly CatalogueModel[]): readonly CatalogueModel[] => {
    const added = sources.listed()
    if (added.length === 0) return pool
    if (listed.pool !== pool || listed.added !== added) {
      const own = new Set(pool.map(({ slug }) => slug))
      const more = added.filter(({ model }) => !own.has(model)).map(catalogueModel)
      listed = { pool, added, all: [...pool, ...more] }
    }
    return listed.all
  }
  const read = { config: { access: 'client' } } as const
  const publicList = rendering((models) => JSON.stringify({ object: 'list', data: publicModels(models) }))
  const anthropicList = rendering((models) => JSON.stringify(anthropicModels(claudeNames(models))))
  const codexBody = rendering((models) => JSON.stringify({ models }))

  const answerCodex = async (request: FastifyRequest, reply: FastifyReply) => {
    catalogue.seen(request.headers)
    const { models, etag } = await catalogue.models(clientVersion(request.query))
    const shown = shownTo(guestOf(request), models, accounts)
    const list = codexBody(shown)
    return answer(request, reply, list.body, shown === models ? etag : list.etag)
  }
  app.get('/backend-api/codex/models', read, answerCodex)
  app.get('/v1/models', read, async (request, reply) => {
    if (clientVersion(request.query) !== undefined) return answerCodex(request, reply)
    const list = request.headers['anthropic-version'] === undefined ? publicList : anthropicList
    const { body, etag } = list(shownTo(guestOf(request), all((await catalogue.models()).models), accounts))
    return answer(request, reply, body, etag)
  })
  app.get<{ Params: { '*': string } }>('/v1/models/*', read, async (request) => {
    const models = shownTo(guestOf(request), all((await catalogue.models()).models), accounts)
    const named = (one: { id: string }) => one.id === request.params['*']
    if (request.headers['anthropic-version'] !== undefined) {
      const entry = claudeNames(models).find(named)
      if (entry) return anthropicModel(entry)
    }
    const model = publicModels(models).find(named)
    if (model) return model
    const message = `No account offers the model "${request.params['*'].slice(0, 200)}".`
    throw new AppError('model_not_found', { message, param: 'model' })
  })
}

/** The models that a client may use, and that an account which may serve it has, as far as that is known. */
function shownTo(guest: Guest, models: readonly CatalogueModel[], pool: ModelDeps['pool']): readonly CatalogueModel[] {
  const { key } = guest
  const isScoped = scopeOf(key) !== null
  if (key === null || (key.allowedModels === null && !isScoped)) return models
  const accounts = isScoped ? accountsFor(pool, guest) : []
  const isHad = (slug: string) => !isScoped || accounts.some(({ models: had }) => had === null || had.has(slug))
  return models.filter((one) => mayUseModel(key, one.slug) && (one[sourceField] !== undefined || isHad(one.slug)))
}

/** Names that Claude Code takes, and the pool's own: all of them are served. */
const offeredToClaude = ['claude-opus', 'claude-sonnet', 'claude-haiku']

function claudeNames(models: readonly CatalogueModel[]) {
  const own = publicModels(models).map(({ id, name, context_length }) => ({
    ...{ id, displayName: name ?? id, createdAtMs: null, maxInputTokens: context_length ?? null },
  }))
  const claude = offeredToClaude.map((id) => ({ id, displayName: id, createdAtMs: null, maxInputTokens: null }))
  return own.length === 0 ? [] : [...claude, ...own]
}

function clientVersion(query: unknown): string | undefined {
  const value =
    typeof query === 'object' && query !== null && 'client_version' in query ? query.client_version : undefined
  return typeof value === 'string' ? value : undefined
}

function answer(request: FastifyRequest, reply: FastifyReply, body: string, etag: string): FastifyReply {
  reply.header('etag', etag)
  if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
  return reply.type('application/json').send(body)
}

/** Compares weakly, as a cache on the way may have marked the ETag. */
function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const named = ifNoneMatch?.split(',').map((one) => one.trim().replace(/^W\//, '')) ?? []
  return named.includes('*') || named.includes(etag)
}

/** Puts each list into words once: it is large, and the same for long. */
function rendering(toText: (models: readonly CatalogueModel[]) => string) {
  const known = new WeakMap<readonly CatalogueModel[], { body: string; etag: string }>()
  return (models: readonly CatalogueModel[]) => {
    const before = known.get(models)
    if (before) return before
    const body = toText(models)
    const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"`
    known.set(models, { body, etag })
    return { body, etag }
  }
}

function publicModels(models: readonly CatalogueModel[]) {
  return models
    .filter((model) => model.supported_in_api !== false && model.visibility !== 'hide')
    .map((model) => ({
      id: model.slug,
      object: 'model' as const,
      created: 0,
      owned_by: typeof model[sourceField] === 'string' ? model[sourceField] : ownedBy,
      ...described(model),
    }))
}

/** What the entry says beyond OpenAI's form; what it does not say is left out. */
function described(model: CatalogueModel) {
  const { display_name, context_window, input_modalities, supported_reasoning_levels, supports_parallel_tool_calls } =
    model
  const reasoning = Array.isArray(supported_reasoning_levels) ? supported_reasoning_levels.length > 0 : undefined
  const vision = Array.isArray(input_modalities) ? input_modalities.includes('image') : undefined
  const parallel = typeof supports_parallel_tool_calls === 'boolean' ? supports_parallel_tool_calls : undefined
  return {
    name: typeof display_name === 'string' ? display_name : undefined,
    context_length: typeof context_window === 'number' ? context_window : undefined,
    input_modalities: Array.isArray(input_modalities) ? input_modalities : undefined,
    supports_reasoning: reasoning,
    supports_vision: vision,
    capabilities: { reasoning, vision, parallel_tool_calls: parallel },
  }
}

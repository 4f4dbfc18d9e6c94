import type { FastifyInstance } from 'fastify'
import type { Catalogue } from '../accounts/catalogue.ts'
import { AppError } from '../errors.ts'
import { maxBodyBytes } from './body.ts'
import { poolUsage } from './pool-usage.ts'
import { type ServeDeps, serveTurn } from './serve.ts'
import { surfaces, webSocketPaths } from './surfaces.ts'

export type ProxyDeps = ServeDeps & { catalogue: Catalogue }

const ownedBy = 'codex-lb'

/** Puts every client-facing route on the server. */
export function addProxyRoutes(app: FastifyInstance, deps: ProxyDeps): void {
  void app.register(async (scope) => {
    // Turns read their own bodies, compressed or not, whatever content type a client claims.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    for (const surface of surfaces) {
      scope.post(
        surface.path,
        { bodyLimit: maxBodyBytes, config: { access: 'local', readsBody: true } },
        (request, reply) => serveTurn(request, reply, surface, deps),
      )
    }
  })
  for (const path of webSocketPaths) {
    // At once and with this status: Codex then uses HTTP without a delay (client notes, §8).
    app.get(path, { config: { access: 'local' } }, async (_request, reply) => {
      reply.header('upgrade', 'HTTP/1.1').header('connection', 'close')
      throw new AppError('websocket_unavailable')
    })
  }
  const read = { config: { access: 'local' } } as const
  app.get('/backend-api/codex/models', read, async (request) =>
    codexModels(deps.catalogue, clientVersion(request.query)),
  )
  app.get('/v1/models', read, async (request) => {
    const version = clientVersion(request.query)
    return version === undefined ? publicModels(deps.catalogue) : codexModels(deps.catalogue, version)
  })
  app.get<{ Params: { '*': string } }>('/v1/models/*', read, async (request) => {
    const model = (await publicModels(deps.catalogue)).data.find(({ id }) => id === request.params['*'])
    if (model) return model
    const message = `No account offers the model "${request.params['*'].slice(0, 200)}".`
    throw new AppError('model_not_found', { message, param: 'model' })
  })
  app.get('/api/codex/usage', read, async () => poolUsage(deps.pool.accounts(), deps.clock.now()))
}

function clientVersion(query: unknown): string | undefined {
  const value =
    typeof query === 'object' && query !== null && 'client_version' in query ? query.client_version : undefined
  return typeof value === 'string' ? value : undefined
}

async function codexModels(catalogue: Catalogue, version: string | undefined) {
  return { models: await catalogue.models(version) }
}

async function publicModels(catalogue: Catalogue) {
  const models = (await catalogue.models()).filter(
    (model) => model.supported_in_api !== false && model.visibility !== 'hide',
  )
  return {
    object: 'list' as const,
    data: models.map(({ slug }) => ({ id: slug, object: 'model' as const, created: 0, owned_by: ownedBy })),
  }
}

import type { FastifyInstance } from 'fastify'
import type { Catalogue } from '../accounts/catalogue.ts'
import { AppError } from '../errors.ts'
import { maxBodyBytes } from './body.ts'
import { addModelRoutes } from './models.ts'
import { type ServeDeps, serveTurn } from './serve.ts'
import { addSideCalls, type SideCallDeps } from './side-calls.ts'
import { surfaces, webSocketPaths } from './surfaces.ts'

export type ProxyDeps = ServeDeps & SideCallDeps & { catalogue: Catalogue }

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
  addModelRoutes(app, deps.catalogue)
  addSideCalls(app, deps)
}

import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Catalogue } from '../accounts/catalogue.ts'
import { maxBodyBytes } from './body.ts'
import { addEmbeddingRoute } from './embeddings.ts'
import { guestOf } from './guest.ts'
import { countedTokens } from './messages.ts'
import { addModelRoutes } from './models.ts'
import { addControlRoutes } from './pass/control.ts'
import { addFileRoutes } from './pass/files.ts'
import { addImageRefusals } from './pass/images.ts'
import type { RealtimeDeps } from './pass/realtime.ts'
import { addTranscriptionRoutes } from './pass/transcribe.ts'
import { serveTurn } from './serve.ts'
import { addSideCalls, type SideCallDeps } from './side-calls.ts'
import { addSocketRoutes } from './socket-routes.ts'
import type { SocketDeps } from './socket-session.ts'
import { addStoredRoutes } from './stored/routes.ts'
import { surfaces } from './surfaces.ts'
import { addUsageRoute, type UsageDeps } from './usage.ts'

export type ProxyDeps = Omit<SocketDeps, 'greeting'> &
  SideCallDeps &
  RealtimeDeps &
  Omit<UsageDeps, 'keyOf'> & { catalogue: Catalogue }

/** Puts every client-facing route on the server. */
export function addProxyRoutes(app: FastifyInstance, deps: ProxyDeps): void {
  void app.register(async (scope) => {
    // Turns read their own bodies, compressed or not, whatever content type a client claims.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    for (const surface of surfaces) {
      scope.post(
        surface.path,
        { bodyLimit: maxBodyBytes, config: { access: 'client', readsBody: true } },
        (request, reply) => serveTurn(request, reply, surface, deps),
      )
    }
    scope.post(
      '/v1/messages/count_tokens',
      { bodyLimit: maxBodyBytes, config: { access: 'client', readsBody: true } },
      async (request) => {
        const { bytes, done } = await deps.bodies.read(request.raw)
        try {
          return countedTokens(bytes)
        } finally {
          done()
        }
      },
    )
  })
  addSocketRoutes(app, deps)
  const keyOf = (request: FastifyRequest) => guestOf(request).key?.id ?? null
  addStoredRoutes(app, { ...deps, keyOf })
  addUsageRoute(app, { ...deps, keyOf })
  addFileRoutes(app, deps)
  addTranscriptionRoutes(app, deps)
  addControlRoutes(app, deps)
  addImageRefusals(app)
  addEmbeddingRoute(app, deps)
  addModelRoutes(app, deps)
  addSideCalls(app, deps)
}

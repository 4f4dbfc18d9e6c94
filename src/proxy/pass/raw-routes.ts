import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type BodyReader, createBodyReader } from '../body.ts'

export type RawRoute = {
  method: 'GET' | 'POST'
  url: string
  handle(request: FastifyRequest, reply: FastifyReply, bodies: BodyReader): Promise<unknown>
}

export type RawLimits = {
  bodyBytes: number
  /** All bodies of these routes in memory at one time. */
  heldBytes: number
  /** For the whole exchange, with the time in which the body may come. */
  deadlineMs: number
}

/** The longest that a body may be on its way before the call itself begins. */
const arrivalMs = 10 * 60_000

/** Routes whose bodies are read by their handlers, compressed or not, whatever content type a client claims. */
export function addRawRoutes(app: FastifyInstance, limits: RawLimits, routes: readonly RawRoute[]): void {
  const { bodyBytes, heldBytes, deadlineMs } = limits
  const bodies = createBodyReader({ bodyBytes, heldBytes })
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    for (const { method, url, handle } of routes) {
      scope.route({
        ...{ method, url, bodyLimit: bodyBytes, handlerTimeout: arrivalMs + deadlineMs },
        exposeHeadRoute: false,
        config: { access: 'client', readsBody: method === 'POST' },
        handler: (request, reply) => handle(request, reply, bodies),
      })
    }
  })
}

/** The body while the work goes on: afterwards its bytes count as given back. @throws AppError */
export async function withBody<R>(
  bodies: BodyReader,
  request: FastifyRequest,
  work: (bytes: Buffer) => Promise<R>,
): Promise<R> {
  const { bytes, done } = await bodies.read(request.raw)
  try {
    return await work(bytes)
  } finally {
    done()
  }
}

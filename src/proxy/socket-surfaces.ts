import { nativeExchange, publicExchange } from './dialects.ts'
import type { Exchange } from './exchange.ts'
import { normalizeRequest, parseBody } from './normalize.ts'
import { codexShape, publicShape } from './shapes.ts'
import type { Surface } from './surfaces.ts'

/** The pool's windows as the event that Codex's status line reads. */
export type PoolLimits = () => string

/** Routes on which clients may open a WebSocket. A frame is a request; its answer always is a stream. */
export function socketSurfaces(limits: PoolLimits): readonly Surface[] {
  return [
    {
      path: '/backend-api/codex/responses',
      speak: (request) => ({ request, form: 'native', exchange: () => nativeSocketExchange(limits) }),
    },
    {
      path: '/v1/responses',
      speak: (bytes) => {
        const { stream: _stream, ...body } = normalizeRequest(parseBody(bytes))
        const exchange = () => ({ ...publicExchange({ stream: true }), createShape: publicShape })
        return { request: Buffer.from(JSON.stringify(body)), form: 'native', exchange }
      },
    },
  ]
}

const accountLimits = Buffer.from('data: {"type":"codex.rate_limits"')

/** Frames pass as they came, but for those that tell of one account's windows: the client is to see the pool's. */
function nativeSocketExchange(limits: PoolLimits): Exchange {
  return {
    ...nativeExchange(),
    // Each chunk is a whole event.
    passesBytes: false,
    createShape() {
      const shape = codexShape()
      return {
        ...shape,
        chunk: (chunk) =>
          chunk.subarray(0, accountLimits.length).equals(accountLimits) ? `data: ${limits()}\n\n` : chunk,
        broken: (code, message) => shape.broken(code, message, true),
      }
    },
  }
}

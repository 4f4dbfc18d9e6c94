import type { ApiKey } from '../domain/api-key.ts'
import { nativeExchange, publicExchange } from './dialects.ts'
import type { Exchange } from './exchange.ts'
import { normalizeRequest, parseBody } from './normalize.ts'
import { codexShape, publicShape } from './shapes.ts'
import type { Surface } from './surfaces.ts'

/** The pool's windows, as a client has them, as the event that Codex's status line reads. */
export type PoolLimits = (key: ApiKey | null) => string

/** Routes on which clients may open a WebSocket. A frame is a request; its answer always is a stream. */
export function socketSurfaces(limits: PoolLimits): readonly Surface[] {
  return [
    {
      path: '/backend-api/codex/responses',
      speak: (request, { key }) => ({
        ...{ request, form: 'native' },
        exchange: () => nativeSocketExchange(() => limits(key)),
      }),
    },
    {
      path: '/v1/responses',
      speak: (bytes) => {
        const { stream: _stream, ...body } = normalizedFrame(parseBody(bytes))
        const exchange = () => ({ ...publicExchange({ stream: true }), createShape: publicShape })
        return { request: Buffer.from(JSON.stringify(body)), form: 'native', exchange }
      },
    },
  ]
}

/** On a socket nothing new may be said: a prewarm has no input yet, and a turn may go on from the response before. */
function normalizedFrame(frame: Record<string, unknown>): Record<string, unknown> {
  const isEmpty = Array.isArray(frame.input) && frame.input.length === 0
  return isEmpty ? { ...normalizeRequest({ ...frame, input: '' }), input: [] } : normalizeRequest(frame)
}

const accountLimits = /^data: \s*\{\s*"type"\s*:\s*"codex\.rate_limits"/
/** Enough for the type, which comes first. */
const startBytes = 60

/** Frames pass as they came, but for those that tell of one account's windows: the client is to see the pool's. */
function nativeSocketExchange(limits: () => string): Exchange {
  return {
    ...nativeExchange(),
    // Each chunk is a whole event.
    passesBytes: false,
    createShape() {
      const shape = codexShape()
      return {
        ...shape,
        chunk: (chunk) =>
          accountLimits.test(chunk.toString('latin1', 0, startBytes)) ? `data: ${limits()}\n\n` : chunk,
        broken: (code, message) => shape.broken(code, message, true),
      }
    },
  }
}

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { StoredName, StoredObject } from '../../domain/stored.ts'
import { AppError } from '../../errors.ts'
import { isObject } from '../../stored/items.ts'
import type { Stored } from '../../stored/stored.ts'
import { type BodyReader, maxBodyBytes } from '../body.ts'
import { parseObjectBody } from '../normalize.ts'
import { listOf, pageOf } from './lists.ts'
import { metadataOf } from './metadata.ts'

type Json = Record<string, unknown>

export type ChatRouteDeps = {
  stored: Stored
  bodies: BodyReader
  /** Whose completions a request may see. */
  keyOf: (request: FastifyRequest) => string | null
}

const PageQuery = z.object({
  after: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('asc'),
})
const ListQuery = PageQuery.extend({ model: z.string().optional() })
const Params = z.object({ id: z.string() })

const path = '/v1/chat/completions'

/** What can be done with chat completions that were kept. */
export function addChatRoutes(app: FastifyInstance, { stored, bodies, keyOf }: ChatRouteDeps): void {
  const local = { config: { access: 'client' } } as const
  const nameIn = (request: FastifyRequest): StoredName => ({
    kind: 'chat',
    id: Params.parse(request.params).id,
    keyId: keyOf(request),
  })
  app.get(path, local, async (request) => {
    const { after = null, ...query } = ListQuery.parse(request.query)
    const metadata = wantedMetadata(request.query)
    const { items, hasMore } = await stored.page({ ...query, kind: 'chat', keyId: keyOf(request), after, metadata })
    return listOf(items.map(shown), hasMore)
  })
  app.get(`${path}/:id`, local, async (request) => shown(await stored.get(nameIn(request))))
  app.delete(`${path}/:id`, local, async (request) => {
    const name = nameIn(request)
    await stored.remove(name)
    return { id: name.id, object: 'chat.completion.deleted', deleted: true }
  })
  app.get(`${path}/:id/messages`, local, async (request) => {
    const { order, ...query } = PageQuery.parse(request.query)
    const messages = messagesOf(await stored.get(nameIn(request)))
    const { items, hasMore } = pageOf(order === 'asc' ? messages : messages.toReversed(), query)
    return listOf(items, hasMore)
  })
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    const config = { access: 'client', readsBody: true } as const
    scope.post(`${path}/:id`, { bodyLimit: maxBodyBytes, config }, async (request) => {
      const { bytes, done } = await bodies.read(request.raw)
      try {
        return shown(await stored.setMetadata(nameIn(request), newMetadata(bytes)))
      } finally {
        done()
      }
    })
  })
}

function shown({ output, metadata }: StoredObject): Json {
  return { ...output, metadata }
}

/** Null takes away what there is. @throws AppError */
function newMetadata(bytes: Buffer): Record<string, string> {
  const { metadata } = parseObjectBody(bytes)
  if (metadata !== undefined) return metadataOf(metadata)
  const message = '"metadata" is missing: it is the only thing that can be changed.'
  throw new AppError('invalid_request', { message, param: 'metadata' })
}

/** Written as `metadata[name]=value`. @throws AppError */
function wantedMetadata(query: unknown): Record<string, string> {
  const given = Object.entries(isObject(query) ? query : {}).flatMap(([key, value]) => {
    const name = /^metadata\[(.*)\]$/s.exec(key)?.[1]
    return name === undefined ? [] : [[name, value]]
  })
  return metadataOf(Object.fromEntries(given))
}

/** The messages of the request, each with an id. Parts are apart from texts, as the public API shows them. */
function messagesOf({ id, input }: StoredObject): Json[] {
  return input.map((message, index) => {
    const fields = isObject(message) ? message : {}
    const { content = null } = fields
    const parts = Array.isArray(content) ? content : null
    return {
      ...{ name: null, ...fields },
      ...{ id: `${id}-${index}`, content: parts === null ? content : null, content_parts: parts },
    }
  })
}

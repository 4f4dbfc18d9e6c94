import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { StoredName } from '../../domain/stored.ts'
import { AppError } from '../../errors.ts'
import { inputItems, itemsOf, shownItem, shownResponse } from '../../stored/items.ts'
import type { Stored } from '../../stored/stored.ts'
import { countResponseTokens } from '../../translate/responses/count.ts'
import { type BodyReader, maxBodyBytes } from '../body.ts'
import { parseObjectBody } from '../normalize.ts'
import { addChatRoutes } from './chat-routes.ts'
import { type FollowReplyDeps, followReply } from './follow-reply.ts'
import { completedInput } from './item-references.ts'
import { listOf, pageOf } from './lists.ts'

export type StoredRouteDeps = FollowReplyDeps & {
  stored: Stored
  bodies: BodyReader
  /** Whose responses a request may see. */
  keyOf: (request: FastifyRequest) => string | null
}

const flag = z.enum(['true', 'false']).transform((word) => word === 'true')
const names = z.union([z.string(), z.array(z.string())]).transform((given) => new Set([given].flat()))
/** Lists are written in either way by clients. */
const included = { include: names.optional(), 'include[]': names.optional() }
const GetQuery = z.object({
  ...included,
  stream: flag.optional(),
  starting_after: z.coerce.number().int().min(0).optional(),
})
const ItemsQuery = z.object({
  ...included,
  after: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
})
const Params = z.object({ id: z.string() })
const bodyDeadlineMs = 60_000

/** What can be done with responses and chat completions that were kept, and the count of tokens before one is made. */
export function addStoredRoutes(app: FastifyInstance, deps: StoredRouteDeps): void {
  const { stored, keyOf } = deps
  addChatRoutes(app, deps)
  const local = { config: { access: 'client' } } as const
  const nameIn = (request: FastifyRequest): StoredName => ({
    kind: 'response',
    id: Params.parse(request.params).id,
    keyId: keyOf(request),
  })
  app.get('/v1/responses/:id', local, async (request, reply) => {
    const query = GetQuery.parse(request.query)
    const object = await stored.get(nameIn(request))
    if (query.stream) return followReply(reply, object, query.starting_after ?? -1, deps)
    return shownResponse(object.output, includeOf(query))
  })
  app.delete('/v1/responses/:id', local, async (request) => {
    const name = nameIn(request)
    await stored.remove(name)
    return { id: name.id, object: 'response', deleted: true }
  })
  app.post('/v1/responses/:id/cancel', local, async (request) =>
    shownResponse((await stored.cancel(nameIn(request))).output, new Set()),
  )
  app.get('/v1/responses/:id/input_items', local, async (request) => {
    const query = ItemsQuery.parse(request.query)
    const items = inputItems(await stored.lineage(nameIn(request)))
    const page = pageOf(query.order === 'asc' ? items : items.toReversed(), query)
    const include = includeOf(query)
    return listOf(
      page.items.map((item) => shownItem(item, include)),
      page.hasMore,
    )
  })
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    for (const path of ['/v1/responses/input_tokens', '/v1/responses/count_tokens']) {
      scope.post(
        path,
        {
          bodyLimit: maxBodyBytes,
          handlerTimeout: bodyDeadlineMs,
          config: { access: 'client', readsBody: true },
        },
        async (request, reply) => {
          const { bytes, done } = await deps.bodies.read(request.raw)
          try {
            const tokens = await countedTokens(bytes, keyOf(request), stored)
            // The upstream has no such call: this number is made here.
            reply.header('x-codex-lb-token-count', 'estimate')
            return { object: 'response.input_tokens', input_tokens: tokens }
          } finally {
            done()
          }
        },
      )
    }
  })
}

function includeOf(query: { include?: Set<string> | undefined; 'include[]'?: Set<string> | undefined }): Set<string> {
  return new Set([...(query.include ?? []), ...(query['include[]'] ?? [])])
}

/** @throws AppError */
async function countedTokens(bytes: Buffer, keyId: string | null, stored: Stored): Promise<number> {
  const body = parseObjectBody(bytes)
  if (body.conversation != null) {
    const message = 'The tokens of a conversation cannot be counted here: only its account knows it.'
    throw new AppError('invalid_request', { message, param: 'conversation' })
  }
  const items = await completedInput(body.input, keyId, stored)
  if (items !== null) body.input = items.sent
  const previousId = body.previous_response_id ?? null
  if (previousId === null) return countResponseTokens(body)
  const history = await stored.history(String(previousId), keyId)
  if (history === null) throw new AppError('previous_response_not_found', { param: 'previous_response_id' })
  return countResponseTokens({ ...body, input: [...history.items, ...itemsOf(body.input)] })
}

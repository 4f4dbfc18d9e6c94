import { z } from 'zod'
import { open } from '../contract/visibility.ts'
import { type AnyRoute, route } from './route.ts'

/** The management API as an OpenAPI 3.1 document, made from the schemas that check it. */
function openApiDocument(routes: readonly AnyRoute[], version: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const one of routes) {
    const path = one.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [one.method.toLowerCase()]: operationOf(one) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'codex-lb management API', version },
    paths,
    components: {
      securitySchemes: { session: { type: 'apiKey', in: 'cookie', name: 'codex_lb_dashboard_session' } },
      schemas: { Error: errorSchema },
    },
  }
}

export function openApiRoutes(routes: readonly AnyRoute[], version: string) {
  const all: AnyRoute[] = [...routes]
  const self = route(
    {
      method: 'GET',
      path: '/api/openapi.json',
      access: 'viewer',
      summary: 'This description',
      answer: open(z.looseObject({})),
    },
    async () => openApiDocument(all, version) as Record<string, unknown>,
  )
  // It describes itself as well.
  all.push(self)
  return [self]
}

function operationOf(one: AnyRoute): object {
  const { summary, access, params, query, body, answer, bodyType, answerType, status = 200 } = one
  const parameters = [...parametersOf(params, 'path'), ...parametersOf(query, 'query')]
  return {
    summary,
    'x-access': access,
    ...(access === 'viewer' || access === 'admin' ? { security: [{ session: [] }] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { [bodyType ?? 'application/json']: { schema: schemaOf(body, 'input') } },
          },
        }),
    responses: {
      [status]: {
        description: 'Done',
        ...(status === 204
          ? {}
          : { content: { [answerType ?? 'application/json']: { schema: schemaOf(answer, 'output') } } }),
      },
      default: { description: 'Refused', content: json({ $ref: '#/components/schemas/Error' }) },
    },
  }
}

function json(schema: unknown) {
  return { 'application/json': { schema } }
}

/** Routes hold their schemas untyped; everything that stands there is a zod schema. */
function schemaOf(schema: unknown, io: 'input' | 'output') {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema as z.ZodType, { io, unrepresentable: 'any' })
  return rest
}

function parametersOf(schema: unknown, place: 'path' | 'query'): object[] {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = schemaOf(schema, 'input')
  return Object.entries(properties).map(([name, value]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: value,
  }))
}

const errorSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'requestId'],
      properties: {
        code: { type: 'string' },
        message: { type: 'string' },
        requestId: { type: 'string' },
        details: {
          type: 'array',
          items: { type: 'object', properties: { path: { type: 'string' }, message: { type: 'string' } } },
        },
      },
    },
  },
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

type Path = { Params: { '*': string } }

/** Where `npm run build` puts the web app. */
const builtApp = join(import.meta.dirname, '../dist/web')

/** Paths that programs ask for; nothing below them is ever a page. */
const apiPaths = ['/api', '/v1', '/backend-api', '/health']

/** No inline script or style, nothing from elsewhere; a data image is how a QR code comes. */
const contentPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

const notBuilt = 'codex-lb runs, but its web page has not been built: run "npm run build" in its folder, then reload.\n'

/**
 * Serves the built web app: its page for `/` and for every path that a browser navigates to, and its assets. The files
 * hold no data, so anybody may have them; what the page shows comes from the API, which asks who is there.
 */
export async function addWebFiles(app: FastifyInstance, root = builtApp): Promise<void> {
  await app.register(fastifyStatic, { root, serve: false, dotfiles: 'ignore' })
  const access = { config: { access: 'public' } } as const
  /** Files whose names stay the same are asked for anew each time. */
  const sendFresh = (name: string, reply: FastifyReply) =>
    reply.header('cache-control', 'no-cache').sendFile(name, { cacheControl: false })
  const page = (reply: FastifyReply) => {
    reply.header('content-security-policy', contentPolicy).header('referrer-policy', 'no-referrer')
    if (existsSync(join(root, 'index.html'))) return sendFresh('index.html', reply)
    return reply.header('cache-control', 'no-cache').type('text/plain; charset=utf-8').send(notBuilt)
  }
  app.get('/', access, (_request, reply) => page(reply))
  app.get<Path>('/assets/*', access, (request, reply) =>
    // Their names change with their content.
    reply.sendFile(`assets/${request.params['*']}`, { maxAge: '365d', immutable: true }),
  )
  app.get<Path>('/*', access, (request, reply) => {
    const name = request.params['*']
    const isPage = name === 'index.html' || (isNavigation(request) && !hasDot(name))
    return isPage ? page(reply) : sendFresh(name, reply)
  })
  for (const path of apiPaths) {
    for (const url of [path, `${path}/*`]) {
      app.get(url, { config: { access: 'client' } }, (_request, reply) => reply.callNotFound())
    }
  }
}

/** True when a person's browser opens the path as a page, not when a page or a program asks for a file. */
function isNavigation({ headers }: FastifyRequest): boolean {
  const target = headers['sec-fetch-dest'] ?? 'document'
  return target === 'document' && (headers.accept ?? '').includes('text/html')
}

/** A path whose last part has a dot names a file, never a page of the app. */
function hasDot(path: string): boolean {
  return path.slice(path.lastIndexOf('/') + 1).includes('.')
}

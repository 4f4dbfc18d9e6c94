import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Page } from './page.ts'
import { pageHeaders, pageText } from './page.ts'

/** Whether the browser's way back is open here; if not, why. */
export type ListenerState = { isActive: boolean; problem: 'off' | 'busy' | 'failed' | null }

/** Waits on the port that the sign-in server sends browsers back to. */
export type CallbackListener = {
  state(): ListenerState
  /** Opens or closes it, and tries again where it was busy. Never throws. */
  keep(open: boolean): Promise<void>
}

export type ListenerDeps = {
  /** 0: off. */
  port: number
  answer: (query: URLSearchParams) => Promise<Page>
  onError: (error: unknown) => void
}

export const callbackPath = '/auth/callback'

/** `localhost` means one of these, which of them is up to the browser. */
const hosts = ['127.0.0.1', '::1']
/** A machine without IPv6 has no `::1`. */
const absent = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'])

export function createCallbackListener({ port, answer, onError }: ListenerDeps): CallbackListener {
  let servers: Server[] = []
  let problem: ListenerState['problem'] = port === 0 ? 'off' : null

  const names = new Set(['localhost', '127.0.0.1', '[::1]'].map((name) => `${name}:${port}`))
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const target = targetOf(request)
    if (!names.has(request.headers.host?.toLowerCase() ?? '')) return say(response, 403, refused)
    if (target?.pathname !== callbackPath) return say(response, 404, refused)
    if (request.method !== 'GET') return say(response, 405, refused, { allow: 'GET' })
    const page = await answer(target.searchParams)
    say(response, page.isGood ? 200 : 400, page)
  }
  const open = async () => {
    const opened: Server[] = []
    try {
      for (const host of hosts) {
        const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
          handle(request, response).catch((error: unknown) => {
            onError(error)
            if (!response.headersSent) say(response, 500, broken)
          })
        })
        server.maxConnections = 20
        if (await listens(server, port, host)) opened.push(server)
      }
      servers = opened
      problem = opened.length > 0 ? null : 'failed'
    } catch (error) {
      await Promise.all(opened.map(closed))
      const isBusy = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
      if (!isBusy && problem !== 'failed') onError(error)
      problem = isBusy ? 'busy' : 'failed'
    }
  }
  return {
    state: () => ({ isActive: servers.length > 0, problem }),
    async keep(isWanted) {
      if (port === 0 || isWanted === servers.length > 0) return
      if (isWanted) return open()
      const open_ = servers
      servers = []
      await Promise.all(open_.map(closed))
    },
  }
}

/** False where the machine has no such address. @throws what keeps it from listening */
function listens(server: Server, port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (absent.has(error.code ?? '')) resolve(false)
      else reject(error)
    })
    server.listen({ port, host, ipv6Only: host.includes(':') }, () => resolve(true))
  })
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
    // The page that says how it went out is on its way; nothing else has to be waited for.
    setTimeout(() => server.closeAllConnections(), 500).unref()
  })
}

const refused: Page = {
  isGood: false,
  title: 'There is nothing here',
  text: 'This address only takes sign-ins that were begun in the dashboard.',
}
const broken: Page = {
  isGood: false,
  title: 'That did not work',
  text: 'Something went wrong on this server. Go back to the dashboard and start again.',
}

function targetOf({ url = '' }: IncomingMessage): URL | null {
  return URL.canParse(url, 'http://localhost') ? new URL(url, 'http://localhost') : null
}

function say(response: ServerResponse, status: number, page: Page, extra: Record<string, string> = {}): void {
  response.writeHead(status, { ...pageHeaders, ...extra, connection: 'close' })
  response.end(pageText(page))
}

import { WebSocket } from 'ws'
import { z } from 'zod'
import { probeHeaders, probeStream } from '../domain/probe.ts'
import { type Finding, failed, fine, skipped, warning } from './finding.ts'

const server = { id: 'server', title: 'Server' }
const headers = { id: 'headers', title: 'Headers on the way' }
const stream = { id: 'streaming', title: 'Streaming on the way' }
const socket = { id: 'websocket', title: 'WebSockets on the way' }
const patienceMs = 8_000

const Live = z.object({ status: z.literal('ok'), version: z.string() })
const Echo = z.object({ headers: z.record(z.string(), z.string()) })

export type Way = {
  /** Without a trailing slash. */
  url: string
  key: string | null
}

/** What answers at an address: this program (with its version), another one, or nobody. */
export async function whoAnswers(
  url: string,
): Promise<{ kind: 'codex_lb'; version: string } | { kind: 'other' | 'nobody' }> {
  try {
    const answer = await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(patienceMs) })
    const live = Live.safeParse(await answer.json().catch(() => null))
    return live.success ? { kind: 'codex_lb', version: live.data.version } : { kind: 'other' }
  } catch (error) {
    // Whatever speaks, but not HTTP, is somebody else.
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const isGone =
      cause instanceof Error &&
      'code' in cause &&
      /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH/.test(String(cause.code))
    return { kind: isGone ? 'nobody' : 'other' }
  }
}

/** Whether what a client sends arrives as it was sent, and answers come as they are made: through every proxy between. */
export async function checkWay(way: Way): Promise<Finding[]> {
  const who = await whoAnswers(way.url)
  if (who.kind !== 'codex_lb') {
    const found = who.kind === 'nobody' ? `nothing answers at ${way.url}` : `something else answers at ${way.url}`
    return [
      failed(
        server,
        found,
        'The server does not run, or the address is not its own.',
        'Start it (codex-lb serve), or give its address with --url.',
      ),
    ]
  }
  const running = fine(server, `codex-lb ${who.version} answers at ${way.url}`)
  const echo = await fetch(`${way.url}/api/doctor/echo`, {
    headers: { ...probeHeaders, ...authorization(way) },
    signal: AbortSignal.timeout(patienceMs),
  })
  if (echo.status === 401 || echo.status === 403) {
    const refused = failed(
      { id: 'access', title: 'Access' },
      'this machine is not let in',
      await reasonOf(echo),
      'Make a key in the dashboard (Keys) and give it with --key sk-clb-…',
    )
    return [running, refused, skipped(headers, 'no access'), skipped(stream, 'no access'), skipped(socket, 'no access')]
  }
  return [running, await headersFinding(echo), await streamFinding(way), await socketFinding(way)]
}

function authorization({ key }: Way): Record<string, string> {
  return key === null ? {} : { authorization: `Bearer ${key}` }
}

async function reasonOf(answer: Response): Promise<string> {
  const body = (await answer.json().catch(() => null)) as { error?: { message?: unknown } } | null
  return typeof body?.error?.message === 'string' ? body.error.message : `It answers ${answer.status}.`
}

async function headersFinding(answer: Response): Promise<Finding> {
  const echo = Echo.safeParse(await answer.json().catch(() => null))
  if (!echo.success) return skipped(headers, `the server answers ${answer.status}; it may be of an older release`)
  const lost = Object.entries(probeHeaders).flatMap(([name, value]) =>
    echo.data.headers[name] === value ? [] : [name],
  )
  if (lost.length === 0) return fine(headers, 'arrive as they were sent')
  return failed(
    headers,
    `do not arrive unchanged: ${lost.join(', ')}`,
    'A proxy between drops or changes them: turns lose their thread, and with it the prompt cache.',
    'In nginx: underscores_in_headers on; and large_client_header_buffers 8 32k; elsewhere let these headers pass.',
  )
}

/** Events that were sent apart must come apart. */
async function streamFinding(way: Way): Promise<Finding> {
  const answer = await fetch(`${way.url}/api/doctor/stream`, {
    headers: { accept: 'text/event-stream', ...authorization(way) },
    signal: AbortSignal.timeout(patienceMs),
  })
  if (!answer.ok || answer.body === null) return skipped(stream, `the server answers ${answer.status}`)
  const arrivals: number[] = []
  for await (const _chunk of answer.body) arrivals.push(performance.now())
  const spreadMs = (arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)
  if (spreadMs >= probeStream.pauseMs) return fine(stream, 'events arrive as they are sent')
  return failed(
    stream,
    'events arrive all at once',
    'A proxy between collects the answer: clients see nothing until it is whole, and may give up.',
    'In nginx: proxy_buffering off; and proxy_read_timeout 15m;',
  )
}

async function socketFinding(way: Way): Promise<Finding> {
  const url = `${way.url.replace(/^http/, 'ws')}/v1/responses`
  const status = await new Promise<number | 'open' | 'off' | 'lost'>((resolve) => {
    const probe = new WebSocket(url, { headers: authorization(way), handshakeTimeout: patienceMs })
    probe.once('open', () => {
      resolve('open')
      probe.close()
    })
    probe.once('unexpected-response', (_request, response) => {
      // The server says so itself where they are switched off; it says something else where no upgrade has come.
      let said = ''
      response.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(0, 2_000)
      })
      response.once('close', () => resolve(said.includes('not offered') ? 'off' : (response.statusCode ?? 0)))
    })
    probe.once('error', () => resolve('lost'))
  })
  if (status === 'open') return fine(socket, 'can be opened')
  if (status === 'off') return skipped(socket, 'are switched off in the settings')
  return warning(
    socket,
    status === 'lost' ? 'cannot be opened' : `are answered ${status}`,
    'A proxy between does not pass upgrades on. Clients use HTTP instead, which works, but sends more.',
    'In nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";',
  )
}

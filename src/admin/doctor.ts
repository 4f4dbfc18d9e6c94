import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import type { Pool } from '../accounts/pool.ts'
import { checkDataFolder } from '../care/data-folder.ts'
import { type Finding, fine, guarded, warning } from '../care/finding.ts'
import { checkUpstream } from '../care/upstream.ts'
import { DoctorReport, HeaderEcho } from '../contract/doctor.ts'
import { statusOf } from '../domain/account.ts'
import { probeHeaders, probeStream } from '../domain/probe.ts'
import { dayMs } from '../domain/quota.ts'
import type { Egress } from '../egress/registry.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import { route } from './route.ts'

export type DoctorDeps = {
  store: Store
  pool: Pool
  egress: Pick<Egress, 'proxies' | 'healthOf'>
  clock: Clock
  config: { dataDir: string; upstreamBaseUrl: string; authBaseUrl: string; trustedProxies: readonly unknown[] }
}

const accounts = { id: 'accounts', title: 'Accounts' }
const database = { id: 'database', title: 'Database' }
const waysOut = { id: 'egress', title: 'Egress proxies' }
const client = { id: 'client_headers', title: 'Headers of clients' }
const reverseProxy = { id: 'reverse_proxy', title: 'Reverse proxy' }
/** So many of the latest requests tell whether clients' headers arrive. */
const looked = 100

/** What a running server can say about itself, and two routes by which the command tries the way to it. */
export function doctorRoutes(deps: DoctorDeps) {
  return [
    route(
      {
        method: 'GET',
        path: '/api/doctor',
        access: 'admin',
        summary: 'What is wrong with this server, each with cause and fix',
        answer: DoctorReport,
      },
      async ({ request }) => ({ items: await findings(request, deps), nextCursor: null }),
    ),
    route(
      {
        method: 'GET',
        path: '/api/doctor/echo',
        access: 'client',
        summary: 'Which of the headers that matter have arrived, for "codex-lb doctor"',
        answer: HeaderEcho,
      },
      async ({ request }) => {
        const arrived = Object.keys(probeHeaders).flatMap((name) => {
          const value = request.headers[name]
          return typeof value === 'string' ? [[name, value.slice(0, 2_000)]] : []
        })
        return { headers: Object.fromEntries(arrived) as Record<string, string> }
      },
    ),
    route(
      {
        method: 'GET',
        path: '/api/doctor/stream',
        access: 'client',
        summary: 'A few events, some time apart, for "codex-lb doctor"',
        answer: HeaderEcho.pick({}),
        answerType: 'text/event-stream',
      },
      async ({ reply }) => {
        reply.hijack()
        const { raw } = reply
        raw.writeHead(200, {
          'content-type': 'text/event-stream',
          'cache-control': 'no-store',
          'x-accel-buffering': 'no',
        })
        for (let count = 1; count <= probeStream.events && !raw.destroyed; count++) {
          if (count > 1) await wait(probeStream.pauseMs)
          raw.write(`event: probe\ndata: ${count}\n\n`)
        }
        raw.end()
        return {}
      },
    ),
  ]
}

async function findings(request: FastifyRequest, deps: DoctorDeps): Promise<Finding[]> {
  const { store, clock, config } = deps
  const upstream = { id: 'upstream', title: 'Upstream' }
  const folder = { id: 'data_folder', title: 'Data directory' }
  const all = await Promise.all([
    guarded(upstream, () => checkUpstream(config, clock)),
    guarded(folder, () => checkDataFolder(config.dataDir)),
    guarded(database, async () => {
      const startedAt = performance.now()
      await store.ping()
      return [fine(database, `answers in ${Math.ceil(performance.now() - startedAt)} ms`)]
    }),
    guarded(accounts, async () => [accountsFinding(deps)]),
    guarded(client, async () => [await clientFinding(deps)]),
  ])
  return [...all.flat(), ...egressFindings(deps), proxyFinding(request, config)]
}

function accountsFinding({ pool, clock }: DoctorDeps): Finding {
  const all = pool.accounts()
  if (all.length === 0) {
    return warning(
      accounts,
      'there are none',
      'Nothing can be served.',
      'Add one: sign in with ChatGPT on the page, or codex-lb import auth.json',
    )
  }
  const lost = all.filter(({ health }) => ['reauth_required', 'deactivated'].includes(statusOf(health, clock.now())))
  if (lost.length === 0) return fine(accounts, `${all.length}, all signed in`)
  return warning(
    accounts,
    `${lost.length} of ${all.length} cannot serve`,
    'Their sign-in has ended.',
    'Sign them in again on the page Accounts.',
  )
}

/** Nothing where there are no proxies. */
function egressFindings({ egress }: DoctorDeps): Finding[] {
  const active = egress.proxies().filter(({ isActive }) => isActive)
  if (active.length === 0) return []
  const down = active.filter(({ id }) => egress.healthOf(id).downSinceMs !== null)
  if (down.length === 0) return [fine(waysOut, `${active.length}, none of them known to be down`)]
  return down.map(({ id, name }) =>
    warning(
      waysOut,
      `${name} does not work`,
      egress.healthOf(id).lastError?.message ?? 'It did not let a request through.',
      'Test it in Settings → Network. Accounts that are bound to it wait until it works again.',
    ),
  )
}

/** Codex names its thread in a header with every turn: where it is missing, something between has taken it. */
async function clientFinding({ store, clock }: DoctorDeps): Promise<Finding> {
  const { items } = await store.requests.page({ limit: looked, cursor: null, filter: { sinceMs: clock.now() - dayMs } })
  const turns = items.filter(
    ({ client: name, route: path }) => /^codex/i.test(name ?? '') && path.endsWith('/responses'),
  )
  const bare = turns.filter(({ threadId, sessionId }) => threadId === null && sessionId === null)
  if (turns.length === 0) return fine(client, 'no turn of Codex in the last day to look at')
  if (bare.length === 0) return fine(client, `of the last ${turns.length} turns of Codex each named its thread`)
  return warning(
    client,
    `${bare.length} of the last ${turns.length} turns of Codex named no thread`,
    'A proxy between drops its headers: threads change accounts, and the prompt cache is lost.',
    'Find out which with: codex-lb doctor --url ADDRESS, from where the client runs.',
  )
}

/** Who asks through a proxy that is not known is taken for the proxy. */
function proxyFinding({ headers }: FastifyRequest, { trustedProxies }: DoctorDeps['config']): Finding {
  const forwarded = headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined
  if (!forwarded) return fine(reverseProxy, 'this page came without one')
  if (trustedProxies.length > 0) return fine(reverseProxy, 'there is one')
  return warning(
    reverseProxy,
    'there is one that is not trusted',
    'Every visitor counts as the proxy: addresses in the log, limits and sign-in attempts are those of one.',
    'Set CODEX_LB_TRUSTED_PROXIES to its address.',
  )
}

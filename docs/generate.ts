import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, RouteOptions } from 'fastify'
import pino from 'pino'
import { startApp } from '../src/app.ts'
import { readConfig } from '../src/config.ts'
import type { Access } from '../src/domain/access.ts'

/** A route as the running server has it. */
export type RouteSeen = { method: string; url: string; options: RouteOptions; defaultBodyBytes: number }

const kib = 1024
const mib = 1024 * kib

/** Who may use a route, and in which role. */
const policies: Record<Access, readonly [policy: string, role: string]> = {
  public: ['none', 'anybody'],
  door: ['none, but no page of another site', 'anybody'],
  viewer: ['session', 'viewer, admin'],
  admin: ['session', 'admin'],
  client: ['API key, or this machine', 'client'],
  scraper: ['metrics token, session, or this machine', 'viewer, admin'],
}

/** Collects the routes of every server that starts until `stop`. */
export function watchRoutes(): { routes: RouteSeen[]; stop: () => void } {
  const routes: RouteSeen[] = []
  const onServer = (message: unknown) => {
    // What the framework itself publishes on this channel.
    const { fastify } = message as { fastify: FastifyInstance }
    const defaultBodyBytes = fastify.initialConfig.bodyLimit ?? 0
    fastify.addHook('onRoute', (options) => {
      for (const method of [options.method].flat()) {
        routes.push({ method, url: options.url, options, defaultBodyBytes })
      }
    })
  }
  subscribe('fastify.initialization', onServer)
  return { routes, stop: () => void unsubscribe('fastify.initialization', onServer) }
}

/** What a route lacks of what each must have. */
export function lacksOf({ options, defaultBodyBytes }: RouteSeen): string[] {
  const { config, handlerTimeout = 0, bodyLimit = defaultBodyBytes } = options
  return [
    ...(config?.access === undefined ? ['access'] : []),
    ...(bodyLimit > 0 ? [] : ['size limit']),
    ...(handlerTimeout > 0 || config?.readsBody ? [] : ['deadline']),
  ]
}

/** The table of all routes, as `docs/routes.md` has it. */
export function routesPage(routes: readonly RouteSeen[]): string {
  const rows = routes
    .filter(({ method }) => method !== 'HEAD')
    .map((route) => [...cellsOf(route)])
    .toSorted((a, b) => `${a[1]} ${a[0]}`.localeCompare(`${b[1]} ${b[0]}`, 'en'))
  const unique = rows.filter((row, at) => JSON.stringify(row) !== JSON.stringify(rows[at - 1]))
  return `# Routes

Made by \`npm run routes\` from the running server; a test fails when this page is not what the server has. A GET can also be
asked as HEAD. "This machine" and the rest is explained in [security](security.md#who-is-let-in); the firewall comes before
all of them but \`/health\`.

${table(['Method', 'Path', 'Policy', 'Role', 'Body', 'Deadline', 'Audit log'], unique)}`
}

function cellsOf({ method, url, options, defaultBodyBytes }: RouteSeen): string[] {
  const { config, handlerTimeout = 0, bodyLimit = defaultBodyBytes } = options
  const [policy, role] = config?.access === undefined ? ['?', '?'] : policies[config.access]
  const hasBody = !['GET', 'HEAD', 'OPTIONS'].includes(method)
  const deadline = handlerTimeout > 0 ? `${handlerTimeout / 1000} s` : 'the turn’s own'
  return [
    method,
    `\`${url}\``,
    policy,
    role,
    hasBody ? size(bodyLimit) : '',
    deadline,
    config?.audit ? `\`${config.audit}\`` : '',
  ]
}

function size(bytes: number): string {
  return bytes >= mib ? `${bytes / mib} MiB` : `${bytes / kib} KiB`
}

/** With columns of one width, as the formatter wants them. */
function table(names: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = names.map((name, at) => Math.max(name.length, ...rows.map((row) => row[at]?.length ?? 0)))
  const line = (cells: readonly string[], fill = ' ') =>
    `| ${widths.map((width, at) => (cells[at] ?? '').padEnd(width, fill)).join(' | ')} |`
  const rule = line(
    names.map(() => ''),
    '-',
  )
  return `${[line(names), rule, ...rows.map((row) => line(row))].join('\n')}\n`
}

/** Actions that no route is called by: at the command line, and by the server itself. */
const otherActions = ['account.sign_in', 'password.reset']

/** The security page with the list of actions that the routes have now. */
export function securityPage(page: string, routes: readonly RouteSeen[]): string {
  const named = routes.flatMap(({ options }) => options.config?.audit ?? [])
  const actions = [...new Set([...named, ...otherActions])].toSorted()
  const list = actions.map((action) => `\`${action}\``).join(', ')
  return page.replace(
    /(<!-- audit actions -->\n)[\s\S]*?(<!-- end -->)/,
    (_, start, end) => `${start}\n${list}\n\n${end}`,
  )
}

const pages = { routes: join(import.meta.dirname, 'routes.md'), security: join(import.meta.dirname, 'security.md') }

/** The pages as they are, and as they should be. */
export function generated(routes: readonly RouteSeen[]) {
  const security = readFileSync(pages.security, 'utf8')
  return [
    { path: pages.routes, is: () => readFileSync(pages.routes, 'utf8'), shouldBe: routesPage(routes) },
    { path: pages.security, is: () => security, shouldBe: securityPage(security, routes) },
  ]
}

async function writePages(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'codex-lb-routes-'))
  const watched = watchRoutes()
  try {
    const { config } = readConfig(
      { CODEX_LB_DATA_DIR: dataDir, CODEX_LB_PORT: '0', CODEX_LB_OAUTH_CALLBACK_PORT: '0' },
      dataDir,
    )
    const app = await startApp(config, pino({ level: 'silent' }))
    await app.close()
    for (const { path, shouldBe } of generated(watched.routes)) writeFileSync(path, shouldBe)
  } finally {
    watched.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

if (import.meta.main) await writePages()

import { homedir } from 'node:os'
import { z } from 'zod'
import { checkDataFolder } from '../care/data-folder.ts'
import { checkDatabase } from '../care/database.ts'
import { type Finding, failed, fine, guarded, skipped, warning } from '../care/finding.ts'
import { checkWay, whoAnswers } from '../care/path.ts'
import { checkCallbackPort, checkPort } from '../care/ports.ts'
import { checkUpstream } from '../care/upstream.ts'
import { type Config, readConfig } from '../config.ts'
import { systemClock } from '../lib/clock.ts'
import type { Call, ExitCode, Options } from './command.ts'
import { addressOf, urlOf } from './setup/address.ts'
import { clients } from './setup/clients.ts'
import { openFile } from './setup/edited-file.ts'

const patienceMs = 20_000

/** `codex-lb doctor`: looks at everything that is known to go wrong, and says what to do. Changes nothing. */
export async function doctor(call: Call, options: Options): Promise<ExitCode> {
  const given = options.get('url')?.at(-1)
  const url = given === undefined ? null : urlOf(given)
  if (given !== undefined && url === null) {
    call.complain('codex-lb: option "--url" takes the address of the server, such as https://lb.example')
    return 2
  }
  const key = options.get('key')?.at(-1) ?? call.env.CODEX_LB_API_KEY ?? null
  const { config, warnings } = readConfig(call.env, call.cwd, call.isTerminal)
  for (const said of warnings) call.complain(`codex-lb: ${said}`)
  const findings = url === null ? await ofThisMachine(config, key, call) : await checkWay({ url, key })
  findings.push(...(await ofClients(url ?? addressOf(config.host, config.port), call)))
  if (options.has('json')) call.print(JSON.stringify({ items: findings }, null, 2))
  else for (const line of findings.flatMap(linesOf)) call.print(line)
  return findings.some(({ status }) => status === 'failed') ? 1 : 0
}

async function ofThisMachine(config: Config, key: string | null, call: Call): Promise<Finding[]> {
  const url = addressOf(config.host, config.port)
  const runs = (await whoAnswers(url)).kind === 'codex_lb'
  const found = await Promise.all([
    guarded({ id: 'upstream', title: 'Upstream' }, () => checkUpstream(config, systemClock)),
    guarded({ id: 'data_folder', title: 'Data directory' }, () => checkDataFolder(config.dataDir)),
    guarded({ id: 'database', title: 'Database' }, () => checkDatabase(config.databaseUrl, config.encryptionKeyFile)),
    guarded({ id: 'port', title: 'Port' }, async () => [
      await checkPort(config.host, config.port, url),
      await checkCallbackPort(config.oauthCallbackPort, runs),
    ]),
    guarded({ id: 'environment', title: 'Environment' }, async () => [ofEnvironment(call)]),
    ...(runs
      ? [
          guarded({ id: 'server', title: 'Server' }, () => checkWay({ url, key })),
          guarded({ id: 'server', title: 'Server' }, () => ofServer(url)),
        ]
      : []),
  ])
  return found.flat()
}

const environment = { id: 'environment', title: 'Environment' }

/** We go our own ways out; whoever has set a proxy for all programs may expect otherwise. */
function ofEnvironment({ env }: Call): Finding {
  const names = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY'].filter((name) => env[name] || env[name.toLowerCase()])
  if (names.length === 0) return fine(environment, 'names no proxy')
  return warning(
    environment,
    `sets ${names.join(', ')}`,
    'codex-lb does not heed it.',
    'Add the proxy in Settings → Network if accounts shall use it.',
  )
}

const Report = z.object({
  items: z.array(
    z.object({
      ...{ id: z.string(), title: z.string(), status: z.enum(['ok', 'warning', 'failed', 'skipped']) },
      ...{ found: z.string(), cause: z.string().nullable(), fix: z.string().nullable() },
    }),
  ),
})
/** What the server looks at better than a command beside it. */
const ownToServer = new Set(['accounts', 'client_headers'])

async function ofServer(url: string): Promise<Finding[]> {
  const accounts = { id: 'accounts', title: 'Accounts' }
  const answer = await fetch(`${url}/api/doctor`, { signal: AbortSignal.timeout(patienceMs) })
  if (answer.status === 401) return [skipped(accounts, 'the dashboard has a password; look at its page')]
  const report = Report.safeParse(await answer.json().catch(() => null))
  if (!report.success) return [skipped(accounts, `the server answers ${answer.status}`)]
  return report.data.items.filter(({ id }) => ownToServer.has(id))
}

/** Whether the clients of this machine come here. */
async function ofClients(url: string, { env }: Call): Promise<Finding[]> {
  const found = await Promise.all(
    Object.entries(clients).map(async ([name, client]): Promise<Finding[]> => {
      const check = { id: `client_${name}`, title: client.title }
      const path = client.path(env, env.HOME ?? homedir())
      const { text } = await openFile(path).catch(() => ({ text: null }))
      if (text === null) return [skipped(check, 'is not set up here')]
      const fix = `codex-lb setup ${name}`
      try {
        const [problem] = client.warnings(text)
        if (problem !== undefined) return [warning(check, path, problem, `Edit ${path}.`)]
        const address = client.address(text)
        if (address === null) return [skipped(check, `does not come here (${path})`)]
        if (!address.isChosen) return [warning(check, path, 'Our provider is in it, but another one is chosen.', fix)]
        const isOurs = sameOrigin(address.url, url)
        if (isOurs || (await whoAnswers(new URL(address.url).origin)).kind === 'codex_lb')
          return [fine(check, `comes to ${address.url}`)]
        return [failed(check, `goes to ${address.url}`, `Nothing answers there; the server is at ${url}.`, fix)]
      } catch (error) {
        return [failed(check, path, error instanceof Error ? error.message : String(error), `Mend ${path}.`)]
      }
    }),
  )
  return found.flat()
}

function sameOrigin(one: string, other: string): boolean {
  const place = (url: string) => new URL(url).host.replace(/^(localhost|\[::1\])(?=:|$)/, '127.0.0.1')
  return URL.canParse(one) && place(one) === place(other)
}

const marks = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ', skipped: '-      ' } as const

function linesOf({ status, title, found, cause, fix }: Finding): string[] {
  const more = [cause, fix === null ? null : `→ ${fix}`].flatMap((text) => text ?? [])
  return [`${marks[status]}  ${title}: ${found}`, ...more.map((text) => `         ${text}`)].map((line) =>
    line.replace(/\p{C}/gu, '?'),
  )
}

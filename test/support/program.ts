import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Simulator } from '../../src/simulator/upstream.ts'
import { jsonOf } from './simulator-client.ts'
import type { RequestSeen } from './start.ts'

/** The real program in a process of its own. */
export type Program = {
  url: string
  process: ChildProcess
  /** Ends it without a warning. */
  kill(): Promise<void>
  /** Asks it to stop; resolves with its exit code. */
  stop(): Promise<number | null>
}

/** Starts the program on a data directory. @throws Error when it ends before it is ready */
export async function startProgram(
  dataDir: string,
  { baseUrl, authUrl }: Pick<Simulator, 'baseUrl' | 'authUrl'>,
  env: Record<string, string> = {},
): Promise<Program> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../src/main.ts'), 'serve'], {
    cwd: dataDir,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      HOME: dataDir,
      CODEX_LB_PORT: '0',
      CODEX_LB_DATA_DIR: dataDir,
      CODEX_LB_UPSTREAM_BASE_URL: baseUrl,
      CODEX_LB_AUTH_BASE_URL: authUrl,
      CODEX_LB_OAUTH_CALLBACK_PORT: '0',
      CODEX_LB_USAGE_REFRESH_SECONDS: '86400',
      CODEX_LB_LOG_LEVEL: process.env.TEST_LOG ?? 'error',
      ...env,
    },
  })
  const exited = once(child, 'exit')
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal)
      await exited
    }
    return child.exitCode
  }
  return {
    url: await addressOf(child),
    process: child,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  }
}

async function addressOf({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error('The program was started without a pipe to read.')
  for await (const line of createInterface(stdout)) {
    const url = /^codex-lb listening on (\S+)/.exec(line)?.[1]
    if (url === undefined) continue
    // Nobody reads on; a pipe that fills up would stop the program.
    stdout.resume()
    return url
  }
  throw new Error('The program ended before it was ready.')
}

/** Imports the tokens that the simulator issued last. */
export async function importInto(
  { url }: { url: string },
  simulator: Simulator,
  emails: readonly string[],
): Promise<void> {
  const form = new FormData()
  for (const email of emails)
    form.append('files', new Blob([JSON.stringify(simulator.authJson(email))]), `${email}.json`)
  const answer = await fetch(`${url}/api/accounts/import`, { method: 'POST', body: form })
  if (!answer.ok) throw new Error(await answer.text())
}

/** Every account as the program sees it. */
export async function accountsOf({ url }: { url: string }): Promise<RequestSeen[]> {
  return (await jsonOf(await fetch(`${url}/api/accounts`))).accounts
}

/** The whole request log, newest first. */
export async function logOf({ url }: { url: string }): Promise<RequestSeen[]> {
  const items: RequestSeen[] = []
  let cursor: string | null = null
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page = await jsonOf(await fetch(`${url}/api/request-logs?limit=200${query}`))
    items.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== null)
  return items
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { SimulatedAccountOptions } from '../../src/simulator/accounts.ts'
import type { RecordedRequest } from '../../src/simulator/http.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/upstream.ts'

export const poolEmails = ['ann@example.com', 'ben@example.com', 'cleo@example.com']
/** Has an account upstream that is not in the pool: the person at the client, signed in for herself. */
export const visitorEmail = 'visitor@example.com'

/** What stands in the place of an e-mail address where a model source was asked. */
export const sourceName = 'a model source'

/** A request as the product's log has it, with e-mail addresses in place of account ids. */
export type Served = {
  by: string | null
  tries: { by: string; verdict: string }[]
  status: string
  errorCode: string | null
  transport: string
  totalMs: number
}

/** The real program in a process of its own, with the simulator as its upstream and the pool's accounts imported. */
export type Product = {
  /** Another one after a restart. */
  url: string
  simulator: Simulator
  /** The turns that came through to the upstream over HTTP, oldest first. */
  upstreamTurns(): RecordedRequest[]
  /** The same on sockets, prewarms included. */
  upstreamFrames(): RecordedRequest[]
  /** How many sockets the upstream has opened for the product. */
  upstreamSockets(): number
  /** `status` of an account, as the product sees it. */
  statusOf(email: string): Promise<string | undefined>
  /** How many windows the product knows of each account. */
  windows(): Promise<number[]>
  /** The request log, oldest first. */
  served(): Promise<Served[]>
  change(settings: object): Promise<void>
  /** Ends the program in good order and starts it again on the same data. */
  restart(): Promise<void>
  close(): Promise<void>
}

type AccountItem = { accountId: string; email: string; status: string; windows: unknown[] }
type LogItem = {
  accountId: string | null
  sourceId: string | null
  attempts: { accountId: string | null; verdict: string }[]
  status: string
  errorCode: string | null
  transport: string
  totalMs: number
}

/** By e-mail, what is to be said of an account but that it has plan plus. */
export type AccountsGiven = Record<string, Partial<SimulatedAccountOptions>>

export async function startProduct(given: AccountsGiven = {}, options: SimulatorOptions = {}): Promise<Product> {
  const simulator = await startSimulator({
    ...options,
    accounts: [...poolEmails, visitorEmail].map((email) => ({ email, plan: 'plus', ...given[email] })),
  })
  const dataDir = await mkdtemp(join(tmpdir(), 'codex-lb-product-'))
  let child = serve(dataDir, simulator)
  const end = async () => {
    const code = await stop(child)
    if (code !== 0) throw new Error(`The product ended with ${code}.`)
  }
  const close = async () => {
    try {
      await end()
    } finally {
      await simulator.close()
      await rm(dataDir, { recursive: true, force: true })
    }
  }
  const product = {
    url: '',
    simulator,
    close,
    async restart() {
      await end()
      child = serve(dataDir, simulator)
      product.url = await addressOf(child)
    },
  }
  try {
    product.url = await addressOf(child)
    await importPool(product.url, simulator)
    return Object.assign(product, viewsOf(product))
  } catch (error) {
    await close().catch(() => {}) // Why it did not start is worth more than how it stopped.
    throw error
  }
}

function serve(dataDir: string, { baseUrl, authUrl }: Simulator): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, '../../src/main.ts'), 'serve'], {
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
      CODEX_LB_DRAIN_SECONDS: '1',
      CODEX_LB_LOG_LEVEL: process.env.TEST_LOG ?? 'error',
    },
  })
}

async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
  return child.exitCode
}

/** The address in the ready line. @throws Error when the program ends before it is ready */
async function addressOf({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error('The product was started without a pipe to read.')
  for await (const line of createInterface(stdout)) {
    const url = /^codex-lb listening on (\S+)/.exec(line)?.[1]
    if (url === undefined) continue
    // Nobody reads on; a pipe that fills up would stop the program.
    stdout.resume()
    return url
  }
  throw new Error('The product ended before it was ready.')
}

async function importPool(url: string, simulator: Simulator): Promise<void> {
  const form = new FormData()
  for (const email of poolEmails) {
    form.append('files', new Blob([JSON.stringify(simulator.authJson(email))]), `${email}.json`)
  }
  const answer = await fetch(`${url}/api/accounts/import`, { method: 'POST', body: form })
  if (!answer.ok) throw new Error(`The import was answered ${answer.status}: ${await answer.text()}`)
}

type Views = Pick<
  Product,
  'upstreamTurns' | 'upstreamFrames' | 'upstreamSockets' | 'statusOf' | 'windows' | 'served' | 'change'
>

function viewsOf(product: Pick<Product, 'url' | 'simulator'>): Views {
  const read = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(product.url + path, init)
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${path} was answered ${answer.status}: ${text}`)
    return JSON.parse(text)
  }
  const accounts = async (): Promise<AccountItem[]> => (await read('/api/accounts')).accounts
  const asked = (wanted: string) =>
    product.simulator.requests.filter(
      ({ method, path }) => method === wanted && path === '/backend-api/codex/responses',
    )
  return {
    upstreamTurns: () => asked('POST'),
    upstreamFrames: () => asked('WS'),
    upstreamSockets: () => asked('GET').filter(({ status }) => status === 101).length,
    statusOf: async (email) => (await accounts()).find((account) => account.email === email)?.status,
    windows: async () => (await accounts()).map(({ windows }) => windows.length),
    async served() {
      const emails = new Map((await accounts()).map(({ accountId, email }) => [accountId, email]))
      const nameOf = (accountId: string | null) =>
        accountId === null ? sourceName : (emails.get(accountId) ?? accountId)
      const { items }: { items: LogItem[] } = await read('/api/request-logs?limit=200')
      return items.toReversed().map(({ accountId, sourceId, attempts, status, errorCode, transport, totalMs }) => ({
        by: accountId === null && sourceId === null ? null : nameOf(accountId),
        tries: attempts.map((attempt) => ({ by: nameOf(attempt.accountId), verdict: attempt.verdict })),
        ...{ status, errorCode, transport, totalMs },
      }))
    },
    async change(settings) {
      const headers = { 'content-type': 'application/json' }
      await read('/api/settings', { method: 'PATCH', headers, body: JSON.stringify(settings) })
    },
  }
}

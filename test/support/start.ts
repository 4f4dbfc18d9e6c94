import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { type App, type AppOptions, startApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import type { SimulatedAccountOptions } from '../../src/simulator/accounts.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/upstream.ts'
import type { Untyped } from './untyped.ts'

/** The product in front of a simulated upstream, both on free ports, with every simulated account imported. */
export type Rig = {
  app: App
  simulator: Simulator
  url: string
  dataDir: string
  /** Import the current auth.json of these simulated accounts (all when none is named). */
  importAccounts(...emails: string[]): Promise<void>
  /** The product's own view: `GET /api/accounts`, by e-mail. */
  account(email: string): Promise<AccountSeen>
  /** Newest first. */
  requests(): Promise<RequestSeen[]>
  /** Stop the product and start it again on the same data. */
  restart(): Promise<void>
  close(): Promise<void>
}

type AccountSeen = Record<string, Untyped>
export type RequestSeen = Record<string, Untyped>

export type RigOptions = {
  accounts?: SimulatedAccountOptions[]
  simulator?: Omit<SimulatorOptions, 'accounts' | 'port'>
  app?: AppOptions
  env?: Record<string, string>
  /** Default true. */
  importAll?: boolean
}

const threeAccounts: SimulatedAccountOptions[] = [
  { email: 'a@example.com', plan: 'plus' },
  { email: 'b@example.com', plan: 'plus' },
  { email: 'c@example.com', plan: 'plus' },
]

/** `clock` of the options drives both sides. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const { accounts = threeAccounts, importAll = true } = options
  const clock = options.app?.clock
  const simulator = await startSimulator({ ...(clock ? { clock } : {}), ...options.simulator, accounts })
  const dataDir = await mkdtemp(join(tmpdir(), 'codex-lb-rig-'))
  const env = {
    CODEX_LB_PORT: '0',
    CODEX_LB_DATA_DIR: dataDir,
    CODEX_LB_UPSTREAM_BASE_URL: simulator.baseUrl,
    CODEX_LB_AUTH_BASE_URL: simulator.authUrl,
    CODEX_LB_REALTIME_BASE_URL: simulator.url,
    CODEX_LB_DRAIN_SECONDS: '2',
    // Several of these run side by side; a test of the listener names a port.
    CODEX_LB_OAUTH_CALLBACK_PORT: '0',
    ...options.env,
  }
  const { config } = readConfig(env, dataDir)
  const log = pino({ level: process.env.TEST_LOG ?? 'silent' })
  const start = () => startApp(config, log, options.app)
  const json = async (path: string) => (await fetch(rig.url + path)).json()
  const rig: Rig = {
    app: await start(),
    simulator,
    url: '',
    dataDir,
    async importAccounts(...emails) {
      const form = new FormData()
      const chosen = emails.length > 0 ? emails : accounts.map(({ email }) => email)
      for (const email of chosen)
        form.append('files', new Blob([JSON.stringify(simulator.authJson(email))]), `${email}.json`)
      const answer = await fetch(`${rig.url}/api/accounts/import`, { method: 'POST', body: form })
      if (!answer.ok) throw new Error(await answer.text())
    },
    async account(email) {
      const { accounts: seen } = (await json('/api/accounts')) as { accounts: AccountSeen[] }
      const found = seen.find((account) => account.email === email)
      if (!found) throw new Error(`There is no account ${email}.`)
      return found
    },
    requests: async () => ((await json('/api/request-logs?limit=200')) as { items: RequestSeen[] }).items,
    async restart() {
      await rig.app.close()
      rig.app = await start()
      rig.url = rig.app.url
    },
    async close() {
      await rig.app.close()
      await simulator.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
  rig.url = rig.app.url
  if (importAll) await rig.importAccounts()
  return rig
}

import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import pino from 'pino'
import { addAdmin } from '../../src/app-admin.ts'
import { buildParts, type Parts } from '../../src/app-parts.ts'
import { readConfig } from '../../src/config.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createRoster } from '../../src/lib/roster.ts'
import { createTally } from '../../src/lib/tally.ts'
import { isCallPath, type RealtimeDeps } from '../../src/proxy/pass/realtime.ts'
import { createServer } from '../../src/server.ts'
import type { SimulatedAccountOptions } from '../../src/simulator/accounts.ts'
import { type Simulator, startSimulator } from '../../src/simulator/upstream.ts'
import type { ManualClock } from './clock.ts'
import { letIn, openToClients, system } from './principal.ts'
import type { RequestSeen } from './start.ts'

/** The routes beside the turns in front of a simulated upstream, with every simulated account imported. */
export type PassRig = {
  url: string
  simulator: Simulator
  parts: Parts
  /** What was logged, as text. */
  logged: () => string
  running: RealtimeDeps['running']
  requests(): Promise<RequestSeen[]>
  /** The product's id of a simulated account. */
  idOf(email: string): string
  close(): Promise<void>
}

export const [a, b, c] = ['a@example.com', 'b@example.com', 'c@example.com'] as const

/** Asked in this order: the fullest first. */
const inOrder: SimulatedAccountOptions[] = [
  { email: a, plan: 'plus', shortUsedPercent: 60 },
  { email: b, plan: 'plus', shortUsedPercent: 40 },
  { email: c, plan: 'plus', shortUsedPercent: 20 },
]

// Nothing else of a set is asked.
const callPaths = { has: isCallPath } as unknown as ReadonlySet<string>

type Add = (app: FastifyInstance, deps: RealtimeDeps) => void
export type PassRigOptions = { accounts?: SimulatedAccountOptions[]; clock?: ManualClock }

export async function startPassRig(add: Add, options: PassRigOptions = {}): Promise<PassRig> {
  const { accounts = inOrder, clock = systemClock } = options
  const simulator = await startSimulator({ clock, accounts })
  const dataDir = await mkdtemp(join(tmpdir(), 'codex-lb-pass-'))
  const env = {
    CODEX_LB_PORT: '0',
    CODEX_LB_DATA_DIR: dataDir,
    CODEX_LB_UPSTREAM_BASE_URL: simulator.baseUrl,
    CODEX_LB_AUTH_BASE_URL: simulator.authUrl,
  }
  const { config } = readConfig(env, dataDir)
  const lines: string[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
  const parts = await buildParts(config, log, clock)
  await parts.settingsKeeper.change({ strategy: 'fill_first' }, system)
  const gate = { trustedProxies: [], hosts: new Set<string>(), origins: new Set<string>() }
  const underWay = createTally()
  const app = createServer({
    ...{ gate, clock, log, version: '0', underWay, socketPaths: callPaths },
    isOpen: () => true,
    checkSession: letIn,
    clientGate: openToClients,
  })
  // The connection of a refused upgrade can take no other request.
  await app.register(websocket)
  const running = createRoster<AbortController>()
  const addresses = { upstreamBaseUrl: config.upstreamBaseUrl, realtimeBaseUrl: simulator.url }
  add(app, { ...parts, live: parts.bus, running, version: '0', ...addresses, clientGate: openToClients })
  await addAdmin(app, parts, {
    ...{ config, gate, demo: false, stopping: new AbortController().signal },
    onPasswordRemoved: async () => {},
    checkSession: letIn,
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`

  const form = new FormData()
  for (const { email } of accounts) {
    form.append('files', new Blob([JSON.stringify(simulator.authJson(email))]), `${email}.json`)
  }
  const imported = await fetch(`${url}/api/accounts/import`, { method: 'POST', body: form })
  if (!imported.ok) throw new Error(await imported.text())
  await parts.usagePoll.pollAll(parts.pool.accounts().map(({ id }) => id))
  return {
    ...{ url, simulator, parts, running },
    logged: () => lines.join(''),
    async requests() {
      const answer = await fetch(`${url}/api/request-logs?limit=200`)
      return ((await answer.json()) as { items: RequestSeen[] }).items
    },
    idOf(email) {
      const account = parts.pool.accounts().find((one) => one.email === email)
      if (!account) throw new Error(`There is no account ${email}.`)
      return account.id
    },
    async close() {
      await underWay.empty()
      await app.close()
      await parts.close()
      await simulator.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** What reached the upstream below a path, by the letters of the accounts. */
export function askedOf({ simulator }: Pick<PassRig, 'simulator'>, path: string): string {
  const asked = simulator.requests.filter((request) => request.path.startsWith(path))
  return asked.map(({ email }) => email?.charAt(0) ?? '?').join('')
}

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApp } from '../app.ts'
import { readConfig } from '../config.ts'
import { pause, systemClock } from '../lib/clock.ts'
import { createLog } from '../log.ts'
import type { SimulatedAccountOptions } from '../simulator/accounts.ts'
import { startSimulator } from '../simulator/upstream.ts'
import type { Call, ExitCode } from './command.ts'
import { stopSignal } from './serve.ts'

/** A pool with something to see on it: different plans, different levels, one that is nearly out. */
const accounts: SimulatedAccountOptions[] = [
  { email: 'ada@demo.example', plan: 'pro', shortUsedPercent: 12, weeklyUsedPercent: 31 },
  { email: 'grace@demo.example', plan: 'plus', shortUsedPercent: 64, weeklyUsedPercent: 48 },
  { email: 'edsger@demo.example', plan: 'plus', shortUsedPercent: 97, weeklyUsedPercent: 71 },
  { email: 'barbara@demo.example', plan: 'team', shortUsedPercent: 35, weeklyUsedPercent: 20 },
  { email: 'linus@demo.example', plan: 'free', monthlyUsedPercent: 42 },
]
const turnEveryMs = 4_000
const models = ['gpt-5.5', 'gpt-5.4', 'gpt-5.4-mini']
const threads = 3

/** `codex-lb demo`: the real product against the simulated upstream, in a scratch folder that is removed at the end. */
export async function demo(call: Call): Promise<ExitCode> {
  const dataDir = await mkdtemp(join(tmpdir(), 'codex-lb-demo-'))
  const simulator = await startSimulator({ accounts, eventDelayMs: 40 })
  const { CODEX_LB_DATABASE_URL: _database, CODEX_LB_ENCRYPTION_KEY_FILE: _key, ...env } = call.env
  const { config, warnings } = readConfig(
    {
      ...env,
      CODEX_LB_DATA_DIR: dataDir,
      CODEX_LB_UPSTREAM_BASE_URL: simulator.baseUrl,
      CODEX_LB_AUTH_BASE_URL: simulator.authUrl,
      CODEX_LB_LOG_LEVEL: env.CODEX_LB_LOG_LEVEL ?? 'warn',
    },
    dataDir,
    call.isTerminal,
  )
  for (const warning of warnings) call.complain(`codex-lb: ${warning}`)
  try {
    const app = await startApp(config, createLog(config), { demo: true })
    await importAll(
      app.url,
      simulator.accounts.map(({ email }) => simulator.authJson(email)),
    )
    call.print(`codex-lb listening on ${app.url}`)
    call.print('This is a demo: the accounts and the upstream are simulated, and everything is gone when it stops.')
    call.print(`Accounts: ${app.url}/api/accounts   Requests: ${app.url}/api/request-logs`)
    const stop = new AbortController()
    const traffic = sendTraffic(app.url, stop.signal)
    await stopSignal()
    stop.abort()
    await traffic
    await app.close()
  } finally {
    await simulator.close()
    await rm(dataDir, { recursive: true, force: true })
  }
  return 0
}

/** The way every user does it: files over the management API. */
async function importAll(url: string, files: object[]): Promise<void> {
  const form = new FormData()
  for (const file of files) form.append('files', new Blob([JSON.stringify(file)]), 'auth.json')
  const answer = await fetch(`${url}/api/accounts/import`, { method: 'POST', body: form })
  if (!answer.ok) throw new Error(`The demo accounts were not imported: ${await answer.text()}`)
}

/** A turn every few seconds, on a few threads, until it is stopped. */
async function sendTraffic(url: string, signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn++) {
    const body = {
      model: models[turn % models.length],
      input: `Demo turn ${turn}`,
      stream: true,
      prompt_cache_key: `demo-thread-${turn % threads}`,
    }
    try {
      const headers = { 'content-type': 'application/json', 'user-agent': 'codex-lb-demo' }
      const answer = await fetch(`${url}/v1/responses`, { method: 'POST', headers, body: JSON.stringify(body), signal })
      await answer.text()
      await pause(systemClock, turnEveryMs, signal)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }
}

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { importFiles } from '../accounts/import.ts'
import { startApp } from '../app.ts'
import { openConfiguredStore } from '../app-store.ts'
import { type Config, readConfig } from '../config.ts'
import { dayMs } from '../domain/quota.ts'
import { systemClock, pause as wait } from '../lib/clock.ts'
import { createLog } from '../log.ts'
import type { SimulatedAccountOptions } from '../simulator/accounts.ts'
import { type Simulator, startSimulator } from '../simulator/upstream.ts'
import type { Call, ExitCode } from './command.ts'
import { type DemoWindow, demoRequests, demoSamples } from './demo-history.ts'
import { stopSignal } from './serve.ts'

/** A pool with something to see on it: different plans and levels, one nearly out, one paused, one signed out. */
const accounts: SimulatedAccountOptions[] = [
  {
    email: 'ada@demo.example',
    plan: 'pro',
    shortUsedPercent: 12,
    weeklyUsedPercent: 31,
    ...resets(3.2, 4.1),
    resetCredits: 2,
  },
  { email: 'grace@demo.example', plan: 'plus', shortUsedPercent: 64, weeklyUsedPercent: 48, ...resets(1.4, 2.6) },
  { email: 'edsger@demo.example', plan: 'plus', shortUsedPercent: 97, weeklyUsedPercent: 71, ...resets(0.7, 1.2) },
  { email: 'barbara@demo.example', plan: 'team', shortUsedPercent: 35, weeklyUsedPercent: 20, ...resets(4.4, 5.8) },
  { email: 'linus@demo.example', plan: 'free', monthlyUsedPercent: 42, resetsInSeconds: { monthly: 17 * 86_400 } },
  { email: 'margaret@demo.example', plan: 'plus', shortUsedPercent: 5, weeklyUsedPercent: 9, ...resets(2, 6) },
]
/** Not in the pool yet: somebody to sign in with. */
const newcomer: SimulatedAccountOptions = { email: 'katherine@demo.example', plan: 'pro', weeklyUsedPercent: 4 }
const paused = 'linus@demo.example'
const signedOut = 'margaret@demo.example'
const turnEveryMs = 4_000
/** So often an account refuses a turn, to show how another one takes over. */
const troubleEveryTurns = 7
const models = ['gpt-5.5', 'gpt-5.4', 'gpt-5.4-mini']
const threads = 3
/** The accounts are shown as if they had been there for so long. */
const usedForMs = 8 * dayMs

function resets(shortHours: number, weeklyDays: number): Pick<SimulatedAccountOptions, 'resetsInSeconds'> {
  return { resetsInSeconds: { short: shortHours * 3_600, weekly: weeklyDays * 86_400 } }
}

/** `codex-lb demo`: the real product against the simulated upstream, in a scratch folder that is removed at the end. */
export async function demo(call: Call): Promise<ExitCode> {
  const dataDir = await mkdtemp(join(tmpdir(), 'codex-lb-demo-'))
  const simulator = await startSimulator({
    accounts: [...accounts, newcomer],
    eventDelayMs: 40,
    interactiveSignIn: true,
  })
  const { CODEX_LB_DATABASE_URL: _database, CODEX_LB_ENCRYPTION_KEY_FILE: _key, ...env } = call.env
  const { config, warnings } = readConfig(
    {
      ...env,
      CODEX_LB_DATA_DIR: dataDir,
      CODEX_LB_UPSTREAM_BASE_URL: simulator.baseUrl,
      CODEX_LB_AUTH_BASE_URL: simulator.authUrl,
      CODEX_LB_REALTIME_BASE_URL: simulator.url,
      CODEX_LB_LOG_LEVEL: env.CODEX_LB_LOG_LEVEL ?? 'warn',
    },
    dataDir,
    call.isTerminal,
  )
  for (const warning of warnings) call.complain(`codex-lb: ${warning}`)
  try {
    simulator.script(signedOut, { kind: 'unauthorized', path: 'usage' })
    simulator.script(signedOut, { kind: 'token_error', code: 'refresh_token_expired', path: 'token' })
    await pretendPast(config, simulator)
    const app = await startApp(config, createLog(config), { demo: true })
    await importAll(
      app.url,
      accounts.map(({ email }) => simulator.authJson(email)),
    )
    await pause(app.url, paused)
    call.print(`codex-lb listening on ${app.url}`)
    call.print('This is a demo: the accounts and the upstream are simulated, and everything is gone when it stops.')
    const stop = new AbortController()
    const traffic = sendTraffic(app.url, simulator, stop.signal)
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

/** Fill the log and the trends as if these accounts had been in use for a while. */
async function pretendPast(config: Config, simulator: Simulator): Promise<void> {
  const store = await openConfiguredStore(config, { warn: () => {} })
  try {
    const nowMs = Date.now()
    const files = accounts.map(({ email }) => ({
      name: email,
      bytes: Buffer.from(JSON.stringify(simulator.authJson(email))),
    }))
    await importFiles(store, { ...systemClock, now: () => nowMs - usedForMs }, files)
    const known = (await store.accounts.list()).map(({ id, email }) => ({
      id,
      email,
      windows: windowsOf(simulator, email, nowMs),
    }))
    await store.requests.add(
      demoRequests(
        known.filter(({ email }) => email !== paused && email !== signedOut),
        nowMs,
      ),
    )
    await store.usage.add(demoSamples(known, nowMs))
  } finally {
    await store.close()
  }
}

function windowsOf(simulator: Simulator, email: string | null, nowMs: number): DemoWindow[] {
  const account = simulator.accounts.find((one) => one.email === email)
  return (account?.windows ?? []).map(({ kind, usedTokens, capacityTokens, endsAtMs }) => ({
    ...{ kind, usedPercent: (usedTokens / capacityTokens) * 100, resetAtMs: endsAtMs ?? nowMs },
  }))
}

async function pause(url: string, email: string): Promise<void> {
  const { accounts } = (await (await fetch(`${url}/api/accounts`)).json()) as {
    accounts: { accountId: string; email: string | null }[]
  }
  const account = accounts.find((one) => one.email === email)
  await fetch(`${url}/api/accounts/${account?.accountId}/pause`, { method: 'POST' })
}

/** A turn every few seconds, on a few threads, until it is stopped. */
async function sendTraffic(url: string, simulator: Simulator, signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn++) {
    const troubled = accounts[turn % accounts.length]
    if (troubled && turn % troubleEveryTurns === troubleEveryTurns - 1)
      simulator.script(troubled.email, { kind: 'rate_limit' })
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
      await wait(systemClock, turnEveryMs, signal)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }
}

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { SimulatedAccountOptions } from './accounts.ts'
import { startSimulator } from './upstream.ts'

const usage = `Usage: node src/simulator/main.ts [--port N] [--accounts N] [--event-delay-ms N] [--auth-dir DIR]

Runs a simulated upstream. --auth-dir writes an auth.json per account, ready to be imported.`

const plans = ['plus', 'pro', 'free', 'team', 'plus', 'business']
const names = ['ada', 'grace', 'linus', 'barbara', 'edsger', 'margaret']

function accountsFor(count: number): SimulatedAccountOptions[] {
  return Array.from({ length: count }, (_, i) => ({
    email: `${names[i] ?? `account-${i + 1}`}@example.test`,
    plan: plans[i % plans.length] ?? 'plus',
    shortUsedPercent: (i * 23) % 90,
    weeklyUsedPercent: (i * 17) % 80,
    monthlyUsedPercent: (i * 29) % 70,
    resetsInSeconds: { short: 3600 + ((i * 5000) % 14_000), weekly: 86_400 * (1 + (i % 6)), monthly: 86_400 * (5 + i) },
  }))
}

function wholeNumber(text: string, name: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new RangeError(`--${name} must be a whole number, not '${text}'.`)
  return value
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      accounts: { type: 'string', default: '3' },
      'event-delay-ms': { type: 'string', default: '20' },
      'auth-dir': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  return {
    help: values.help,
    port: wholeNumber(values.port, 'port'),
    accounts: wholeNumber(values.accounts, 'accounts'),
    eventDelayMs: wholeNumber(values['event-delay-ms'], 'event-delay-ms'),
    authDir: values['auth-dir'] ?? null,
  }
}

async function run(): Promise<void> {
  const { help, port, accounts, eventDelayMs, authDir } = readArguments()
  if (help) return console.log(usage)
  const simulator = await startSimulator({ port, eventDelayMs, accounts: accountsFor(accounts) })
  if (authDir !== null) {
    mkdirSync(authDir, { recursive: true, mode: 0o700 })
    for (const { email } of simulator.accounts) {
      const text = `${JSON.stringify(simulator.authJson(email), null, 2)}\n`
      writeFileSync(join(authDir, `${email}.json`), text, { mode: 0o600 })
    }
  }
  console.log(`simulated upstream at ${simulator.url}`)
  const stop = () => {
    simulator.close().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

run().catch((thrown: unknown) => {
  console.error(thrown instanceof Error ? thrown.message : thrown)
  console.error(usage)
  process.exitCode = 2
})

import { resolve } from 'node:path'
import { readConfig } from '../config.ts'
import { systemClock } from '../lib/clock.ts'
import { randomId } from '../lib/secrets.ts'
import type { Store } from '../store/store.ts'
import type { Call, ExitCode, Options } from './command.ts'
import { type MigratedAccounts, migrateAccounts } from './migrate/accounts.ts'
import { migrateKeys } from './migrate/keys.ts'
import { openReference, type ReferenceDatabase } from './migrate/reference-database.ts'
import { migrateRequests } from './migrate/requests.ts'
import { migratedSettings } from './migrate/settings.ts'
import { openStoreFor } from './open-store.ts'

/** What has no place here, or works differently enough to be set up by a person. */
const leftBehind: Record<string, string> = {
  api_firewall_allowlist: 'addresses of the firewall',
  proxy_endpoints: 'egress proxies',
  model_sources: 'model sources',
  automation_jobs: 'automations',
  sticky_sessions: 'threads with a home (they find a new one with their next turn)',
}

/** `codex-lb migrate-from-codex-lb DIR`: takes over what the Python system of this name has. Its files are only read. */
export async function migrate(call: Call, options: Options): Promise<ExitCode> {
  const [folder = '', ...more] = call.operands
  if (more.length > 0) {
    call.complain('codex-lb: give one directory')
    return 2
  }
  const { config, warnings } = readConfig(call.env, call.cwd, call.isTerminal)
  for (const warning of warnings) call.complain(`codex-lb: ${warning}`)
  const from = await openReference(resolve(call.cwd, folder))
  try {
    if (options.has('dry-run')) return foresee(from, call)
    const store = await openStoreFor(call, config)
    try {
      return await carryOver(from, store, call)
    } finally {
      await store.close()
    }
  } finally {
    from.close()
  }
}

function foresee(from: ReferenceDatabase, call: Call): ExitCode {
  const counts = ['accounts', 'api_keys', 'request_logs'].map(
    (table) => `${from.count(table)} ${table.replace('_', ' ')}`,
  )
  call.print(`There are ${counts.join(', ')}, and the settings. Nothing was changed.`)
  tellLeftBehind(from, call)
  return 0
}

async function carryOver(from: ReferenceDatabase, store: Store, call: Call): Promise<ExitCode> {
  const nowMs = systemClock.now()
  const accounts = await migrateAccounts(from, store, nowMs)
  call.print(`${accounts.taken} accounts taken over`)
  for (const line of accounts.refused) call.complain(`left behind  ${printable(line)}`)
  const keys = await migrateKeys(from, store, accounts.ids)
  call.print(
    `${keys.taken} API keys taken over, ${keys.known} were here already; clients go on with the keys they have`,
  )
  const settings = await settingsOf(from, store, accounts, nowMs)
  call.print(settings.length === 0 ? 'no settings to take over' : `settings taken over: ${settings.join(', ')}`)
  const all = from.count('request_logs')
  let told = 0
  const requests = await migrateRequests(from, store, accounts.ids, (count) => {
    if (!call.isTerminal || count - told < 50_000) return
    told = count
    call.complain(`${count} of ${all} requests`)
  })
  call.print(`${requests} logged requests taken over`)
  tellLeftBehind(from, call)
  if (accounts.taken > 0) {
    call.print('Stop the Python system for good now: two servers that renew the same logins end them for each other.')
  }
  await store.audit.add({
    id: randomId(`aud_${nowMs.toString(36).padStart(9, '0')}`),
    atMs: nowMs,
    action: 'migration.run',
    actor: { kind: 'command_line', name: null, address: null },
    requestId: null,
    target: null,
    outcome: 'success',
    before: null,
    after: { accounts: accounts.taken, keys: keys.taken, settings, requests },
  })
  return accounts.refused.length === 0 ? 0 : 1
}

/** The names of the settings that were taken over. */
async function settingsOf(
  from: ReferenceDatabase,
  store: Store,
  { ids }: MigratedAccounts,
  atMs: number,
): Promise<string[]> {
  const [row] = from.rows('dashboard_settings', 'id')
  if (row === undefined) return []
  const change = migratedSettings(row, ids)
  const names = Object.keys(change)
  if (names.length > 0)
    await store.settings.change(change, { by: { kind: 'command_line', name: 'migrate-from-codex-lb' }, atMs })
  return names
}

function tellLeftBehind(from: ReferenceDatabase, call: Call): void {
  for (const [table, name] of Object.entries(leftBehind)) {
    const count = from.count(table)
    if (count > 0) call.print(`not taken over: ${count} ${name}`)
  }
}

/** Names come from strangers: nothing in them may move the cursor. */
function printable(line: string): string {
  return line.replace(/\p{C}/gu, '?')
}

// `npm run year`: a year of ten million requests in SQLite, and how long it takes to look at it.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { dayMs, hourMs } from '../../src/domain/quota.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createVault, randomId } from '../../src/lib/secrets.ts'
import { createConversations } from '../../src/reports/conversations.ts'
import { type ReportQuery, report } from '../../src/reports/report.ts'
import { createRequestLog } from '../../src/reports/request-log.ts'
import { createTraffic } from '../../src/reports/traffic.ts'
import { openStore } from '../../src/store/open.ts'
import type { RequestFilter } from '../../src/store/request-store.ts'
import { generateYear, someAccount, someFamily } from './generate.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    folder: { type: 'string', default: join(tmpdir(), 'codex-lb-year') },
    rounds: { type: 'string', default: '5' },
    fresh: { type: 'boolean', default: false },
    uncounted: { type: 'boolean', default: false },
  },
})
const { folder } = values
const path = join(folder, 'codex-lb.db')
const endMs = Date.UTC(2026, 10, 20)
const rounds = Number(values.rounds)

if (values.fresh) rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const vault = createVault(createHash('sha256').update('bench').digest())
const open = () =>
  openStore({ url: `sqlite:${path}`, dataDir: folder, vault, log: { warn: (fields) => slow.push(fields) } })
const slow: object[] = []
if (!existsSync(path)) {
  await (await open()).close()
  const startedAt = performance.now()
  const rows = generateYear({ path, rows: Number(values.rows), endMs, isUncounted: values.uncounted })
  console.log(`${rows} requests written in ${Math.round((performance.now() - startedAt) / 1000)} s`)
}
console.log(`database: ${(statSync(path).size / 2 ** 30).toFixed(2)} GiB`)

const store = await open()
const traffic = createTraffic(store)
const log = createRequestLog(store)
const newest = (await log.page({ limit: 50, cursor: null, filter: {} })).items
const clock = { ...systemClock, now: () => endMs }

async function measure(name: string, work: () => Promise<unknown>): Promise<void> {
  const times: number[] = []
  const cpuTimes: number[] = []
  const delay = monitorEventLoopDelay({ resolution: 1 })
  await work()
  delay.enable()
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now()
    const cpu = process.cpuUsage()
    await work()
    times.push(performance.now() - startedAt)
    const { user, system } = process.cpuUsage(cpu)
    cpuTimes.push((user + system) / 1_000)
  }
  delay.disable()
  const cells = [medianOf(times), Math.max(...times), medianOf(cpuTimes), delay.max / 1e6]
  console.log(`${name.padEnd(58)}${cells.map((ms) => ms.toFixed(1).padStart(10)).join('')}`)
}

function medianOf(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
}

const year = { from: '2025-11-20', to: '2026-11-19' }
const asked = (given: Partial<ReportQuery>): ReportQuery => ({
  ...{ timeZone: 'UTC', bucket: 'day', groupBy: [], filter: {}, top: 10, rankBy: 'cost', ...year, ...given },
})
const reports: [string, Partial<ReportQuery>][] = [
  ['a year, days, UTC', {}],
  ['a year, days, Berlin', { timeZone: 'Europe/Berlin' }],
  ['a year, days, Kathmandu, by account', { timeZone: 'Asia/Kathmandu', groupBy: ['account'] }],
  ['a year, days, New York, by account and key', { timeZone: 'America/New_York', groupBy: ['account', 'key'] }],
  [
    'a year, days, Honolulu, by all six',
    { timeZone: 'Pacific/Honolulu', groupBy: ['account', 'key', 'model', 'client', 'effort', 'tier'] },
  ],
  [
    'a year, days, Berlin, by model, of one account and client',
    { timeZone: 'Europe/Berlin', groupBy: ['model'], filter: { account: [someAccount], client: [someFamily] } },
  ],
  [
    '60 days, hours, Berlin, by key',
    { timeZone: 'Europe/Berlin', bucket: 'hour', groupBy: ['key'], from: '2026-09-21' },
  ],
  ['30 days, days, Berlin, by key', { timeZone: 'Europe/Berlin', groupBy: ['key'], from: '2026-10-21' }],
]
console.log(
  `${''.padEnd(58)}${['median ms', 'worst ms', 'stall ms']
    .map((head) => head.padStart(9))
    .join(' ')
    .slice(1)}`,
)
for (const [name, given] of reports) await measure(`report: ${name}`, () => report(asked(given), traffic, clock))
for (const [days, bucketMs] of [
  [1, hourMs],
  [7, 6 * hourMs],
  [30, dayMs],
] as const) {
  await measure(`overview: ${days} days`, () =>
    traffic.sums({ sinceMs: endMs - days * dayMs, untilMs: endMs, bucketMs }),
  )
}
await measure('/v1/usage: 90 days of one key', () =>
  traffic.sums({ sinceMs: endMs - 90 * dayMs + 1, untilMs: endMs + 1, bucketMs: dayMs, keyId: 'key_3' }),
)
await measure('facets: all time, error codes', async () => {
  await traffic.parts([endMs - 366 * dayMs], endMs)
  await store.requests.errorCodes({ sinceMs: 0, untilMs: endMs, limit: 100, countTo: 10_000 })
})
const pages: [string, RequestFilter][] = [
  ['everything', {}],
  ['one account', { accountIds: [someAccount] }],
  ['an account that never was', { accountIds: ['nobody'] }],
  ['one key, errors', { keyIds: ['key_3'], statuses: ['error'] }],
  ['errors of one model with one effort', { statuses: ['error'], models: ['gpt-5.6-luna'], efforts: ['high'] }],
  ['one error code', { errorCodes: ['invalid_request'] }],
  ['one thread', { threadIds: [`0199${String(100_000).padStart(28, '0')}`] }],
  ['slower than five minutes', { slowerThanMs: 300_000 }],
  ['search: nothing has it (ends early)', { search: 'nothing-has-this' }],
  [
    'half a year ago, one account, cancelled',
    { untilMs: endMs - 180 * dayMs, accountIds: [someAccount], statuses: ['cancelled'] },
  ],
]
for (const [name, filter] of pages)
  await measure(`log page: ${name}`, () => log.page({ limit: 50, cursor: null, filter }))
const conversations = createConversations(store)
for (const [name, filter] of [
  ['newest 25', {}],
  ['of one account, half a year ago', { accountIds: [someAccount], untilMs: endMs - 180 * dayMs }],
] as const) {
  await measure(`conversations: ${name}`, () =>
    conversations.page({ limit: 25, cursor: null, filter: { inConversation: '', ...filter } }),
  )
}
await measure('retention: sizes and what is due', async () => {
  await store.retention.sizes()
  await store.retention.countOlder('requests', endMs - 300 * dayMs, 100_000)
})
await measure('log: 20 batches of 50 new requests', async () => {
  for (let batch = 0; batch < 20; batch++) {
    const records = newest.map((one) => ({ ...one, id: randomId('req_z'), atMs: endMs }))
    await store.requests.add(records)
  }
})
await store.requestSums.fold({ beforeMs: endMs + 1, minRows: 1 })
console.log(`slow units: ${slow.length}`, slow.slice(0, 5))
await store.close()

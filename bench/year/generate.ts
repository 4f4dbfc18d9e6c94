import Database from 'better-sqlite3'
import { clientFamily } from '../../src/domain/client-family.ts'
import { createSums, type Sums } from '../../src/domain/packed-sums.ts'
import { dayMs, hourMs } from '../../src/domain/quota.ts'
import type { Outcome } from '../../src/domain/request.ts'
import { figuresOf, hourOf, kindOf, quarterOf } from '../../src/domain/request-sums.ts'
import { createRandom, type Random } from '../months/random.ts'

export type YearOptions = {
  path: string
  rows: number
  endMs: number
  /** As an earlier release would have left it: in no sum yet. */
  isUncounted: boolean
}

const days = 365
const accounts = Array.from({ length: 20 }, (_, n) => `acc_${String(n).padStart(20, '0')}`)
const models = ['gpt-5.5', 'gpt-5.4', 'gpt-5.4-mini', 'gpt-5.6-sol', 'gpt-5.3-codex', 'gpt-5.6-luna']
const clients = [
  'codex_cli_rs/0.169.0 (Debian 13; x86_64)',
  'opencode/1.2.3',
  'OpenAI/Python 2.8.1',
  'claude-cli/2.0.1',
]
const efforts = ['none', 'low', 'medium', 'high']
const codes = ['usage_limit_reached', 'stream_incomplete', 'upstream_error', 'server_is_overloaded', 'invalid_request']
/** Attempts and decision are dropped with age, as the setting does it. */
const detailDays = 90

/** Each key is a person with habits: two programs, three models and so on, some much more often than others. */
function habitsOf(random: Random) {
  return Array.from({ length: 12 }, (_, n) => ({
    keyId: `key_${n}`,
    weight: random.skewed(1, 0.8),
    models: Array.from({ length: 3 }, () => models[random.whole(0, models.length - 1)] ?? 'gpt-5.5'),
    clients: Array.from({ length: 2 }, () => clients[random.whole(0, clients.length - 1)] ?? null),
    efforts: Array.from({ length: 2 }, () => efforts[random.whole(0, efforts.length - 1)] ?? null),
    priority: random.between(0, 0.3),
  }))
}

/** Fills an empty, migrated database with a year of requests, busy by day and on weekdays. Returns how many. */
export function generateYear({ path, rows, endMs, isUncounted }: YearOptions): number {
  const random = createRandom(7)
  const raw = new Database(path)
  raw.pragma('journal_mode = off')
  raw.pragma('synchronous = off')
  raw.pragma('cache_size = -400000')
  const indexes = raw
    .prepare("select name, sql from sqlite_master where type = 'index' and tbl_name = 'requests' and sql is not null")
    .all() as { name: string; sql: string }[]
  for (const { name } of indexes) raw.exec(`drop index ${name}`)
  const insert = raw.prepare(`insert into requests
    (id, request_id, at_ms, route, model, effort, service_tier, account_id, key_id, status, http_status, error_code,
     input_tokens, cached_tokens, output_tokens, reasoning_tokens, cost_micro_usd, first_token_ms, total_ms, transport,
     client, session_id, thread_id, response_id, client_address, moved, counted, attempts, decision)
    values (?, ?, ?, '/backend-api/codex/responses', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'sse', ?, ?, ?, ?, '10.0.0.9', 0, ?, ?, ?)`)
  const decision = JSON.stringify({
    because: 'affinity',
    ranked: accounts
      .slice(0, 8)
      .map((accountId, rank) => ({ accountId, rank, edge: 0, inFlight: 1, parts: { headroom: 0.5, cache: 12_000 } })),
    excluded: [],
    candidates: 8,
  })
  const kinds = new Map<string, number>()
  const hours = new Map<number, Sums>()
  const daySums = new Map<number, Sums>()
  const startMs = Math.floor(endMs / dayMs) * dayMs - days * dayMs
  const hourly = hourlyShares(startMs)
  const habits = habitsOf(random)
  const weights = habits.reduce((sum, { weight }) => sum + weight, 0)
  let thread = 0
  let count = 0
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random.next() ** 1.7 * values.length)] as T
  raw.exec('begin')
  for (const [hour, share] of hourly.entries()) {
    const inHour = Math.round(rows * share)
    const times = Array.from(
      { length: inHour },
      () => startMs + hour * hourMs + Math.floor(random.next() * hourMs),
    ).sort((a, b) => a - b)
    for (const atMs of times) {
      let at = random.next() * weights
      const who = habits.find(({ weight }) => {
        at -= weight
        return at <= 0
      })
      if (who === undefined) continue
      if (random.isLikely(0.04)) thread++
      const chance = random.next()
      const status: Outcome = chance < 0.03 ? 'error' : chance < 0.05 ? 'cancelled' : 'success'
      const input = Math.round(random.skewed(20_000, 1))
      const usage =
        status === 'success'
          ? {
              input,
              cached: Math.round(input * random.next()),
              output: Math.round(random.skewed(600, 1)),
              reasoning: 100,
            }
          : null
      const one = {
        accountId: accounts[random.whole(0, accounts.length - 1)] ?? null,
        ...{ keyId: who.keyId, model: pick(who.models), client: pick(who.clients), effort: pick(who.efforts) },
        serviceTier: random.isLikely(who.priority) ? 'priority' : null,
        ...{ status, moved: false, usage, costMicroUsd: usage && Math.round(usage.input * 2 + usage.output * 14) },
        firstTokenMs: usage && Math.round(random.skewed(900)),
      } as const
      const id = `req_${(atMs * 1000 + (count % 1000)).toString(36)}${String(count).padStart(16, '0')}`
      const hasDetails = atMs > endMs - detailDays * dayMs
      insert.run(
        ...[
          id,
          `r${count}-${Math.floor(random.next() * 1e15).toString(36)}`,
          atMs,
          one.model,
          one.effort,
          one.serviceTier,
          one.accountId,
        ],
        ...[one.keyId, status, status === 'error' ? 502 : 200, status === 'error' ? pick(codes) : null],
        ...[
          usage?.input ?? null,
          usage?.cached ?? null,
          usage?.output ?? null,
          usage?.reasoning ?? null,
          one.costMicroUsd,
        ],
        ...[one.firstTokenMs, Math.round(random.skewed(9_000, 1)), one.client],
        `s${thread - random.whole(0, 30)}`,
        `0199${String(thread - random.whole(0, 30)).padStart(28, '0')}`,
        ...[`resp_${count}`, isUncounted ? null : 1],
        hasDetails
          ? JSON.stringify([
              { accountId: one.accountId, verdict: 'relay', scope: null, code: null, status: 200, atMs, tookMs: 200 },
            ])
          : '[]',
        hasDetails ? decision : null,
      )
      count++
      if (isUncounted) continue
      const kind = kindOf(one)
      const name = JSON.stringify([kind.account, kind.key, kind.model, kind.client, kind.effort, kind.tier])
      const kindId = kinds.get(name) ?? kinds.size + 1
      kinds.set(name, kindId)
      const figures = figuresOf(one)
      sumsAt(hours, hourOf(atMs)).add(quarterOf(atMs), kindId, figures)
      sumsAt(daySums, Math.floor(atMs / dayMs) * dayMs).add(0, kindId, figures)
    }
    writeSums(raw, 'request_hours', hours)
    if (hour % 24 === 23) {
      writeSums(raw, 'request_days', daySums)
      raw.exec('commit')
      raw.exec('begin')
    }
  }
  const insertKind = raw.prepare(
    'insert into request_kinds (id, name, account, key, model, client, effort, tier) values (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  for (const [name, id] of kinds) insertKind.run(id, name, ...(JSON.parse(name) as string[]))
  raw.prepare("insert or replace into counters (name, value) values ('request_kinds', ?)").run(kinds.size)
  raw.exec('commit')
  for (const { sql } of indexes) raw.exec(sql)
  raw.pragma('journal_mode = wal')
  raw.close()
  return count
}

function sumsAt(of: Map<number, Sums>, atMs: number): Sums {
  const sums = of.get(atMs) ?? createSums()
  of.set(atMs, sums)
  return sums
}

function writeSums(raw: Database.Database, table: string, sums: Map<number, Sums>): void {
  const insert = raw.prepare(`insert into ${table} (at_ms, sums) values (?, ?)`)
  for (const [atMs, one] of sums) insert.run(atMs, one.pack())
  sums.clear()
}

/** What share of the year each hour has. */
function hourlyShares(startMs: number): number[] {
  const weights = Array.from({ length: days * 24 }, (_, n) => {
    const hour = n % 24
    const weekday = new Date(startMs + n * hourMs).getUTCDay()
    const byDay = 0.15 + Math.max(0, Math.sin((Math.PI * (hour - 6)) / 14))
    return byDay * (weekday === 0 || weekday === 6 ? 0.3 : 1)
  })
  const all = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => weight / all)
}

/** A user agent that the log has, as sums name it. */
export const someFamily = clientFamily(clients[0] ?? null) ?? ''
export const [someAccount = ''] = accounts

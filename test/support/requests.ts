import fc from 'fast-check'
import type { RequestRecord } from '../../src/domain/request.ts'
import type { RequestSums } from '../../src/store/request-store.ts'
import { requestRecord } from './stores.ts'

const nameOf = (...names: (string | null)[]) => fc.constantFrom(...names)

/** Requests of a few accounts, keys, models and so on, within so many ms after a time; ids are given by the one who uses them. */
export function someRequests(
  startMs: number,
  spanMs: number,
  maxLength = 40,
  minLength = 0,
): fc.Arbitrary<Partial<RequestRecord>[]> {
  const tokens = fc.nat(90_000)
  return fc.array(
    fc.record({
      atMs: fc.nat(spanMs).map((ms) => startMs + ms),
      accountId: nameOf('acc_1', 'acc_2', 'acc_3', null),
      keyId: nameOf('key_1', 'key_2', null),
      model: nameOf('gpt-5.5', 'gpt-5.4', null),
      client: nameOf('codex_cli_rs/0.1', 'codex_cli_rs/0.2 (x)', 'OpenAI/Python 2.8.1', null),
      effort: nameOf('high', 'none', null),
      serviceTier: nameOf('priority', null),
      status: fc.constantFrom('success', 'success', 'error', 'cancelled'),
      moved: fc.boolean(),
      usage: fc.option(fc.record({ input: tokens, cached: tokens, output: tokens, reasoning: tokens }), { nil: null }),
      costMicroUsd: fc.option(fc.nat(5_000_000), { nil: null }),
      firstTokenMs: fc.option(fc.nat(60_000), { nil: null }),
    }),
    { minLength, maxLength },
  )
}

/** Whole records of them, with ids of their own. */
export function recordsOf(requests: readonly Partial<RequestRecord>[], prefix = 'req'): RequestRecord[] {
  return requests.map((given, n) => requestRecord(`${prefix}_${String(n).padStart(4, '0')}`, given))
}

/** The truth about sums, by going through every request. */
export function summedPlainly(
  records: readonly RequestRecord[],
  { sinceMs, untilMs, bucketMs, keyId }: { sinceMs: number; untilMs: number; bucketMs: number; keyId?: string | null },
): RequestSums[] {
  const rows = new Map<number, RequestSums>()
  for (const one of records) {
    if (one.atMs < sinceMs || one.atMs >= untilMs || (keyId !== undefined && one.keyId !== keyId)) continue
    const atMs = Math.floor(one.atMs / bucketMs) * bucketMs
    const zero = {
      requests: 0,
      errors: 0,
      cancelled: 0,
      inputTokens: 0,
      cachedTokens: 0,
      outputTokens: 0,
      costMicroUsd: 0,
    }
    const row = rows.get(atMs) ?? { atMs, ...zero }
    rows.set(atMs, row)
    row.requests++
    if (one.status === 'error' && !one.moved) row.errors++
    if (one.status === 'cancelled') row.cancelled++
    row.inputTokens += one.usage?.input ?? 0
    row.cachedTokens += one.usage?.cached ?? 0
    row.outputTokens += one.usage?.output ?? 0
    row.costMicroUsd += one.costMicroUsd ?? 0
  }
  return [...rows.values()].sort((a, b) => a.atMs - b.atMs)
}

import { chanceOf } from '../balancer/chance.ts'
import type { Decision } from '../balancer/choose.ts'
import { builtIn, costMicroUsd } from '../domain/price.ts'
import { dayMs, hourMs, lengthByKind, type WindowKind } from '../domain/quota.ts'
import type { RequestRecord } from '../domain/request.ts'
import { defaultSettings } from '../domain/settings.ts'
import type { UsageSample } from '../store/store.ts'

/** What the demo remembers of an account's past. */
export type DemoAccount = { id: string; windows: readonly DemoWindow[] }
export type DemoWindow = { kind: WindowKind; usedPercent: number; resetAtMs: number }

const models = ['gpt-5.5', 'gpt-5.4', 'gpt-5.4-mini'] as const
const clients = ['codex_exec/0.169.0 (demo)', 'codex-tui/0.169.0 (demo)', 'OpenAI/Python 2.8.1 (demo)']
const pastHours = 24
const pastDays = 7

/** A day of made-up requests, busier in the middle of it, with a few that failed, so that every page has something to show. */
export function demoRequests(accounts: readonly DemoAccount[], nowMs: number): RequestRecord[] {
  const records: RequestRecord[] = []
  for (let hour = pastHours; hour >= 1; hour--) {
    const busy = 6 + Math.round(18 * Math.sin((Math.PI * (pastHours - hour)) / pastHours))
    for (let n = 0; n < busy; n++) {
      const chance = (what: string) => chanceOf(`${hour}:${n}`, what)
      const account = accounts[Math.floor(chance('account') * accounts.length)]
      if (account)
        records.push(demoRequest(`${hour}-${n}`, account, nowMs - (hour - chance('minute')) * hourMs, chance))
    }
  }
  return records
}

function demoRequest(
  name: string,
  { id: accountId }: DemoAccount,
  startMs: number,
  chance: (what: string) => number,
): RequestRecord {
  const atMs = Math.round(startMs)
  const model = models[Math.floor(chance('model') * models.length)] ?? models[0]
  const input = Math.round(2_000 + 60_000 * chance('input') ** 2)
  const output = Math.round(100 + 2_400 * chance('output'))
  const usage = { input, cached: Math.round(input * 0.9 * chance('cached')), output, reasoning: Math.round(output / 3) }
  const failed = chance('outcome') < 0.03
  const totalMs = Math.round(1_500 + 20_000 * chance('total'))
  const because = chance('because') < 0.7 ? 'affinity' : 'ranked_first'
  const ranked: Decision['ranked'] = [{ accountId, rank: 0, edge: 0, inFlight: 0, parts: {} }]
  const strategy = defaultSettings.strategy
  const rest = { panic: false, move: null, candidates: 1, excluded: [] }
  const decision: Decision = { accountId, because, strategy, ranked, ...rest }
  return {
    id: `req_0demo-${name}`,
    requestId: `demo-${name}`,
    atMs,
    route: '/backend-api/codex/responses',
    model,
    effort: 'medium',
    serviceTier: null,
    accountId,
    keyId: null,
    status: failed ? 'error' : 'success',
    httpStatus: failed ? 502 : 200,
    errorCode: failed ? 'stream_incomplete' : null,
    errorMessage: failed ? 'The upstream ended the answer early.' : null,
    usage: failed ? null : usage,
    costMicroUsd: failed ? null : costMicroUsd(builtIn, model, null, usage),
    firstTokenMs: failed ? null : Math.round(400 + 1_600 * chance('first')),
    totalMs,
    transport: 'sse',
    client: clients[Math.floor(chance('client') * clients.length)] ?? null,
    sessionId: null,
    threadId: `demo-thread-${Math.floor(chance('thread') * 12)}`,
    responseId: null,
    affinityKey: null,
    waitedMs: null,
    ...{ clientAddress: null, sourceId: null, egressId: null, moved: false },
    attempts: [
      {
        ...{ accountId, verdict: failed ? 'transient' : 'relay', scope: failed ? 'account' : null, code: null },
        ...{ status: failed ? null : 200, atMs, tookMs: 400 },
      },
    ],
    decision,
  }
}

/** A week of made-up figures, window after window, that end at today's: within each one use rises, more by day. */
export function demoSamples(accounts: readonly DemoAccount[], nowMs: number): UsageSample[] {
  return accounts.flatMap(({ id, windows }) =>
    windows.flatMap(({ kind, usedPercent, resetAtMs }) => {
      const lengthMs = lengthByKind[kind]
      return Array.from({ length: (pastDays * dayMs) / hourMs }, (_, index) => {
        const atMs = nowMs - (index + 1) * hourMs
        const windowsAgo = Math.ceil(Math.max(0, resetAtMs - lengthMs - atMs) / lengthMs)
        const endMs = resetAtMs - windowsAgo * lengthMs
        const into = 1 - (endMs - atMs) / lengthMs
        const now = 1 - (resetAtMs - nowMs) / lengthMs
        const peak = 35 + 50 * chanceOf(id, `${kind}${windowsAgo}`)
        const used = windowsAgo === 0 ? (usedPercent * into) / Math.max(now, 0.01) : peak * into
        return { accountId: id, kind, atMs, usedPercent: Math.round(used), resetAtMs: endMs, source: 'poll' as const }
      })
    }),
  )
}

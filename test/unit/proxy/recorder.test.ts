import { describe, expect, it } from 'vitest'
import type { Decision } from '../../../src/balancer/choose.ts'
import { builtIn } from '../../../src/domain/price.ts'
import { createRecorder, type Recorded, type Result, recordOf } from '../../../src/proxy/recorder.ts'
import type { Store } from '../../../src/store/store.ts'
import { nowMs } from '../../support/accounts.ts'
import { createManualClock } from '../../support/clock.ts'
import { anApiKey } from '../../support/keys.ts'

const attempts = [
  { accountId: 'acc_1', verdict: 'relay', scope: null, code: null, status: 200, atMs: nowMs, tookMs: 300 },
]
const recorded: Recorded = {
  requestId: 'req_1',
  headers: { 'user-agent': 'codex_cli_rs/0.142.2' },
  guest: { key: anApiKey(), address: '10.0.0.9' },
  route: '/v1/responses',
  startedAtMs: nowMs - 900,
  attempts,
  waitedMs: 0,
  affinityKey: 'digest',
  decision: null,
  ask: {
    requestId: 'req_1',
    model: 'gpt-5',
    effort: 'high',
    serviceTier: 'priority',
    stream: true,
    keyId: 'key_1',
    inputTokens: 1_200,
    affinityKeys: [{ kind: 'thread', id: 'T' }],
    owned: [],
    sessionId: 'S',
    threadId: 'T',
  },
}
const usage = {
  input_tokens: 1_000,
  input_tokens_details: { cached_tokens: 400 },
  output_tokens: 100,
  output_tokens_details: { reasoning_tokens: 40 },
}
const result: Result = {
  status: 'success',
  httpStatus: 200,
  errorCode: null,
  errorMessage: null,
  accountId: 'acc_1',
  firstTokenMs: 210,
  transport: 'sse',
  response: { id: 'resp_1', usage },
}
const record = (request: Partial<Recorded> = {}, response: unknown = result.response) =>
  recordOf('req_line', { ...recorded, ...request }, { ...result, response }, nowMs, builtIn)

describe('the record of a request', () => {
  it('holds who asked, who served, what it took and what it cost, and no word of what was said', () => {
    const { id, ...rest } = record({}, { id: 'resp_1', usage, instructions: 'secret', output: [{ text: 'secret' }] })
    expect(id).toBe('req_line')
    expect(rest).toEqual({
      requestId: 'req_1',
      atMs: nowMs - 900,
      route: '/v1/responses',
      model: 'gpt-5',
      effort: 'high',
      serviceTier: 'priority',
      keyId: 'key_1',
      status: 'success',
      httpStatus: 200,
      errorCode: null,
      errorMessage: null,
      accountId: 'acc_1',
      firstTokenMs: 210,
      transport: 'sse',
      usage: { input: 1_000, cached: 400, output: 100, reasoning: 40 },
      costMicroUsd: 600 * 2.5 + 400 * 0.25 + 100 * 20,
      totalMs: 900,
      client: 'codex_cli_rs/0.142.2',
      sessionId: 'S',
      threadId: 'T',
      responseId: 'resp_1',
      affinityKey: 'digest',
      waitedMs: null,
      ...{ clientAddress: '10.0.0.9', sourceId: null, egressId: null, moved: false },
      attempts,
      decision: null,
    })
  })

  it('gets an id that sorts by the order of the requests, also within one millisecond', () => {
    const clock = createManualClock(nowMs)
    // No request is pushed, so no store is asked.
    const recorder = createRecorder({} as Store, clock, () => {})
    const ids = Array.from({ length: 50 }, () => recorder.newId())
    clock.advance(1)
    ids.push(recorder.newId())
    expect(ids.toSorted()).toEqual(ids)
    expect(new Set(ids).size).toBe(51)
  })

  it('says how long the request waited, if it did', () => {
    expect(record({ waitedMs: 1_500 }).waitedMs).toBe(1_500)
  })

  it('is billed by the tier that served, where the upstream says so', () => {
    expect(record({}, { usage, service_tier: 'default' })).toMatchObject({
      serviceTier: 'default',
      costMicroUsd: 600 * 1.25 + 400 * 0.125 + 100 * 10,
    })
    expect(record({}, { usage, service_tier: null })).toMatchObject({ serviceTier: 'priority' })
  })

  it.each<[string, unknown, unknown]>([
    ['none without a response', null, null],
    ['none without figures', { id: 'r' }, null],
    ['none with empty figures', { usage: {} }, null],
    ['none when they are no object', { usage: 'many' }, null],
    ['what is given', { usage: { input_tokens: 5 } }, { input: 5, cached: 0, output: 0, reasoning: 0 }],
    [
      'the reasoning, where the output is missing',
      { usage: { input_tokens: 5, output_tokens_details: { reasoning_tokens: 7 } } },
      { input: 5, cached: 0, output: 7, reasoning: 7 },
    ],
    [
      'nothing negative, no text, no fractions',
      { usage: { input_tokens: -5, output_tokens: '7', input_tokens_details: { cached_tokens: 2.6 } } },
      { input: 0, cached: 3, output: 0, reasoning: 0 },
    ],
  ])('counts %s', (_what, response, expected) => expect(record({}, response).usage).toEqual(expected))

  it('has no cost without figures, or for a model without a price', () => {
    expect(record({}, null).costMicroUsd).toBeNull()
    expect(record({ ask: recorded.ask && { ...recorded.ask, model: 'house-model' } }).costMicroUsd).toBeNull()
  })

  it('is kept also of a request that could not be read', () => {
    expect(record({ ask: null }, null)).toMatchObject({
      requestId: 'req_1',
      model: null,
      effort: null,
      serviceTier: null,
      usage: null,
      costMicroUsd: null,
      sessionId: null,
      threadId: null,
      responseId: null,
    })
  })

  it.each<[string, Recorded['headers'], string | null]>([
    ['by its agent', { 'user-agent': 'OpenAI/JS 7', originator: 'codex_exec' }, 'OpenAI/JS 7'],
    ['by its agent, cut', { 'user-agent': 'x'.repeat(500) }, 'x'.repeat(200)],
    ['by its originator, if that is Codex', { originator: 'codex_exec' }, 'codex_exec'],
    ['not by any other originator', { originator: 'somebody' }, null],
    ['not at all without a name', {}, null],
  ])('names the client %s', (_how, headers, client) => expect(record({ headers }).client).toBe(client))

  it('keeps the head of a long decision', () => {
    const rows = Array.from({ length: 50 }, (_, at) => ({
      accountId: `a${at}`,
      rank: at,
      edge: 0 as const,
      inFlight: 0,
      parts: {},
    }))
    const excluded = rows.map(({ accountId }) => ({ accountId, exclusion: { reason: 'paused' as const } }))
    const decision: Decision = {
      accountId: 'a0',
      because: 'ranked_first',
      strategy: 'round_robin',
      panic: false,
      move: null,
      candidates: 50,
      ranked: rows,
      excluded,
    }
    const kept = record({ decision }).decision
    expect(kept).toEqual({ ...decision, ranked: rows.slice(0, 20), excluded: excluded.slice(0, 20) })
  })
})

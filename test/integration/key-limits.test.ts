import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { bearer, changeKey, createKey } from '../support/keys.ts'
import { jsonOf, turnBody } from '../support/simulator-client.ts'
import { openSocket } from '../support/socket-client.ts'
import type { Rig } from '../support/start.ts'
import {
  a,
  ask,
  b,
  c,
  closeClean,
  codexPath,
  expectNoHandles,
  follow,
  hurry,
  post,
  publicPath,
  startPool,
  turnsAt,
} from '../support/turns.ts'
import type { Untyped } from '../support/untyped.ts'

// Limits of a key, as its client meets them.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const noonMs = Date.UTC(2026, 7, 20, 12)
const midnight = '2026-08-21T00:00:00Z'
const hourMs = 3_600_000

let rig: Rig
let clock: ManualClock
let key: { id: string; key: string }
beforeEach(async () => {
  clock = createManualClock(noonMs)
  rig = await startPool({ app: { clock }, env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' } })
})
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

const perDay = (max: number, given: object = {}) => ({
  kind: 'requests',
  period: 'day',
  isCalendar: true,
  max,
  ...given,
})
async function limit(...limits: object[]) {
  key = await createKey(rig, { limits: limits.map((one) => ({ model: null, ...one })) })
}
const model = 'gpt-5.5'
const turn = (input = 'FAKE_TEXT: one two three', body: object = {}) =>
  ask(rig, { model, input, ...body }, { path: publicPath, headers: bearer(key.key) })
const codexTurn = (text = 'FAKE_TEXT: one two three') =>
  ask(rig, turnBody(text), { headers: { ...bearer(key.key), 'user-agent': 'codex_exec/0.169.0 (test)' } })
/** The limits as the key itself is told. */
const standing = async (): Promise<Untyped[]> =>
  (await jsonOf(await fetch(`${rig.url}/v1/usage`, { headers: bearer(key.key) }))).limits
const counted = async () => {
  const [first] = await standing()
  return [first?.current_value, first?.reserved_value]
}
const lastRequest = async (): Promise<Untyped> => (await rig.requests())[0]

describe('a limit of requests', () => {
  it('lets so many through, and refuses the next with its name and the time of its reset', async () => {
    await limit(perDay(2))
    expect([(await turn()).status, (await turn()).status]).toEqual([200, 200])
    const refused = await turn()
    expect(refused.status).toBe(429)
    expect(Object.fromEntries(refused.headers)).toMatchObject({ 'retry-after': '43200', 'x-should-retry': 'false' })
    expect(refused.error).toEqual({
      message: `This key may make 2 requests per day; room returns at ${midnight} (in 12 h).`,
      ...{ type: 'rate_limit_exceeded', code: 'key_limit_reached', param: null },
      ...{ resets_at: Date.parse(midnight) / 1000, resets_in_seconds: 12 * 3600 },
      limit: {
        ...{ id: expect.any(String), kind: 'requests', period: 'day', is_calendar: true, model: null, max: 2, used: 2 },
      },
    })
    expect(turnsAt(rig.simulator)).toHaveLength(2)
    for (const email of [a, b, c]) expect(await rig.account(email)).toMatchObject({ status: 'active', blocked: null })
    expect(await lastRequest()).toMatchObject({
      ...{ status: 'error', httpStatus: 429, errorCode: 'key_limit_reached', keyId: key.id, model, accountId: null },
    })
    expect((await lastRequest()).attempts).toEqual([])
  })

  it('begins anew with its window', async () => {
    await limit(perDay(1))
    await turn()
    clock.advance(12 * hourMs - 1)
    expect((await turn()).status).toBe(429)
    clock.advance(1)
    expect((await turn()).status).toBe(200)
  })

  it('lets one of two requests through that come at once for the last place', async () => {
    await limit(perDay(1))
    const both = await Promise.all([turn(), turn()])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 429])
    expect(turnsAt(rig.simulator)).toHaveLength(1)
  })

  it('does not hold for other keys, nor for this machine without one', async () => {
    await limit(perDay(1))
    await turn()
    const other = await createKey(rig)
    for (const headers of [bearer(other.key), {}] as Record<string, string>[])
      expect((await ask(rig, { model, input: 'hi' }, { path: publicPath, headers })).status).toBe(200)
    expect((await turn()).status).toBe(429)
  })

  it('takes nothing for what came to nothing', async () => {
    await limit(perDay(3))
    rig.simulator.script(a, { kind: 'invalid_request', message: 'No.' })
    expect((await turn()).status).toBe(400)
    expect((await turn('hi', { model: 7 })).status).toBe(400)
    rig.simulator.script(a, { kind: 'failed', code: 'content_policy_violation', times: 3 })
    await turn()
    await turn('hi', { stream: true })
    await codexTurn()
    expect(await counted()).toEqual([0, 0])
  })

  it('survives a restart', async () => {
    await limit(perDay(2))
    await turn()
    await rig.restart()
    expect(await counted()).toEqual([1, 0])
    expect([(await turn()).status, (await turn()).status]).toEqual([200, 429])
  })

  it('of one model leaves the others alone', async () => {
    await limit(perDay(1, { model }))
    expect([(await turn()).status, (await turn()).status]).toEqual([200, 429])
    const { error } = await turn()
    expect(error.message).toMatch('This key may make 1 request for gpt-5.5 per day;')
    expect((await turn('hi', { model: 'gpt-5.4' })).status).toBe(200)
  })

  it('keeps its count when it is made larger, and one that is new counts what was before', async () => {
    await limit(perDay(1))
    await turn()
    const [known] = await standing()
    const shown = await jsonOf(await fetch(`${rig.url}/api/api-keys/${key.id}`))
    const [first] = shown.limits
    expect(shown.limitUse).toEqual([
      { limitId: first.id, used: 1, reserved: 0, left: 0, resetAt: '2026-08-21T00:00:00.000Z' },
    ])
    expect(known).toMatchObject({ current_value: 1, remaining_value: 0, source: 'api_key_limit' })
    const { id, kind, period, isCalendar } = first
    await changeKey(rig, key.id, {
      limits: [
        { id, kind, period, isCalendar, max: 3, model: null },
        { kind: 'total_tokens', period: 'minute', isCalendar: false, max: 1_000_000, model: null },
      ],
    })
    const usage = (await rig.requests())[0]?.usage
    expect(await standing()).toMatchObject([
      { current_value: 1, remaining_value: 2 },
      { limit_type: 'total_tokens', current_value: usage.input + usage.output },
    ])
    expect([(await turn()).status, (await turn()).status, (await turn()).status]).toEqual([200, 200, 429])
  })
})

describe('a limit of tokens', () => {
  const tokens = (max: number, given: object = {}) => perDay(max, { kind: 'total_tokens', ...given })

  it('counts what the upstream counted, and lets a request in while there is any room', async () => {
    await limit(tokens(1_000_000), tokens(1, { kind: 'output_tokens', period: 'month', isCalendar: false }))
    await turn()
    const { usage } = await lastRequest()
    expect(await standing()).toMatchObject([
      { current_value: usage.input + usage.output, reserved_value: 0 },
      { limit_type: 'output_tokens', current_value: usage.output, remaining_value: 0 },
    ])
    const { error } = await turn()
    expect(error.message).toMatch(/^This key may use 1 output token within 30 days; room returns at 2026-09-2/)
  })

  it('counts money at list prices', async () => {
    await limit(perDay(1, { kind: 'cost_micro_usd', period: 'week' }))
    await turn()
    const { usage, costUsd, costMicroUsd } = await lastRequest()
    const micro = costMicroUsd ?? Math.round(costUsd * 1_000_000)
    expect(usage.output).toBeGreaterThan(0)
    expect(await counted()).toEqual([micro, 0])
    expect((await turn()).error.message).toBe(
      'This key may use $0.000001 per week; room returns at 2026-08-24T00:00:00Z (in 3 d 12 h).',
    )
  })

  it('takes what a request may use as long as it runs, and tells the others to come back soon', async () => {
    await limit(tokens(1_500))
    rig.simulator.script(a, { kind: 'stall_after_output', ms: 60_000 })
    const first = follow(await post(rig, turnBody('FAKE_EVENTS: 5'), { headers: bearer(key.key) }))
    await eventually('output came', async () => first.text().includes('.delta'))
    const [used, reserved] = await counted()
    expect(used).toBe(0)
    expect(reserved).toBeGreaterThan(2_000)
    const refused = await turn()
    expect(refused).toMatchObject({ status: 429, error: { type: 'rate_limit_exceeded', code: 'key_limit_reached' } })
    expect(refused.error.message).toBe(
      'This key may use 1,500 tokens per day; what is left of it is taken by requests that are under way.',
    )
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(refused.headers.get('x-should-retry')).toBeNull()
    await hurry(clock, first.done, 1_000)
    const usage = (await rig.requests()).find(({ status }) => status === 'success')?.usage
    expect(await counted()).toEqual([usage.input + usage.output, 0])
    expect((await turn()).status).toBe(200)
  })

  it('counts an answer whose client hung up as it was declared, and the output that it had got', async () => {
    await limit(perDay(1_000_000, { kind: 'output_tokens' }))
    rig.simulator.script(a, { kind: 'stall_after_output' })
    const first = follow(await post(rig, turnBody('FAKE_EVENTS: 5'), { headers: bearer(key.key) }))
    await eventually('output came', async () => first.text().includes('.delta'))
    await first.cancel()
    await eventually('the turn was logged', async () => (await rig.requests()).length === 1)
    expect(await lastRequest()).toMatchObject({ status: 'cancelled', usage: null })
    expect(await counted()).toEqual([2_000, 0])
  })

  it('gives back what a client had taken that left before there was an answer', async () => {
    await limit(perDay(1))
    rig.simulator.script(a, { kind: 'hang' })
    const leaving = new AbortController()
    const options = { path: publicPath, headers: bearer(key.key), signal: leaving.signal }
    const answer = post(rig, { model, input: 'hi' }, options).catch(() => null)
    await eventually('the upstream was asked', async () => turnsAt(rig.simulator).length === 1)
    expect(await counted()).toEqual([0, 1])
    leaving.abort()
    await answer
    await eventually('the turn was logged', async () => (await rig.requests()).length === 1)
    expect(await counted()).toEqual([0, 0])
  })
})

describe('Codex', () => {
  it('is stopped by the one error that it understands, where waiting makes no sense', async () => {
    await limit(perDay(1))
    expect((await codexTurn()).status).toBe(200)
    const { status, error } = await codexTurn()
    expect(status).toBe(429)
    expect(error).toMatchObject({
      ...{ type: 'usage_limit_reached', code: 'key_limit_reached', resets_at: Date.parse(midnight) / 1000 },
      message: expect.stringContaining('This key may make 1 request per day'),
    })
    expect(await rig.account(a)).toMatchObject({ status: 'active', blocked: null, limitReached: null })
  })

  it('is told to wait, where the limit has room again within a minute', async () => {
    await limit(perDay(1, { period: 'minute', isCalendar: false }))
    await codexTurn()
    const { error, headers } = await codexTurn()
    expect(error).toMatchObject({ type: 'rate_limit_exceeded', code: 'key_limit_reached' })
    const seconds = Number(headers.get('retry-after'))
    expect(seconds).toBeGreaterThan(55)
    expect(seconds).toBeLessThanOrEqual(61)
    clock.advance(seconds * 1_000)
    expect((await codexTurn()).status).toBe(200)
  })

  it('hears of it on a socket, where a prewarm takes nothing', async () => {
    await limit(perDay(1))
    const headers = { ...bearer(key.key), 'user-agent': 'codex_exec/0.169.0 (test)' }
    const socket = await openSocket(rig.url + codexPath, headers)
    try {
      const prewarm = await socket.turn({ ...turnBody('hi', { input: [] }), generate: false })
      expect(prewarm.at(-1)?.type).toBe('response.completed')
      expect(await counted()).toEqual([0, 0])
      expect((await socket.turn(turnBody('FAKE_TEXT: hello'))).at(-1)?.type).toBe('response.completed')
      await eventually('it was counted', async () => (await counted())[0] === 1)
      expect((await socket.turn(turnBody('FAKE_TEXT: hello'))).at(-1)).toMatchObject({
        ...{ type: 'error', status: 429, headers: { 'retry-after': '43200', 'x-should-retry': 'false' } },
        error: { type: 'usage_limit_reached', code: 'key_limit_reached' },
      })
    } finally {
      await socket.close()
    }
    expect(turnsAt(rig.simulator).filter(({ path }) => path === codexPath).length).toBe(2)
  })
})

describe('a limit', () => {
  it("speaks to Anthropic's clients in their words", async () => {
    await limit(perDay(1))
    const send = () =>
      ask(
        rig,
        { model: 'claude-sonnet-4-5', max_tokens: 50, messages: [{ role: 'user', content: 'FAKE_TEXT: hi' }] },
        { path: '/v1/messages', headers: { 'x-api-key': key.key } },
      )
    expect((await send()).status).toBe(200)
    const refused = await send()
    expect(refused.status).toBe(429)
    expect(JSON.parse(refused.text)).toMatchObject({
      type: 'error',
      error: { type: 'rate_limit_error', message: expect.stringContaining('This key may make 1 request per day') },
    })
    expect(Object.fromEntries(refused.headers)).toMatchObject({ 'retry-after': '43200', 'x-should-retry': 'false' })
  })

  it('counts chats, and refuses them in their form', async () => {
    await limit(perDay(1))
    const send = () =>
      ask(
        rig,
        { model, messages: [{ role: 'user', content: 'FAKE_TEXT: hi' }] },
        { path: '/v1/chat/completions', headers: bearer(key.key) },
      )
    expect((await send()).status).toBe(200)
    expect(await send()).toMatchObject({ status: 429, error: { code: 'key_limit_reached' } })
  })

  it('counts responses that are made in the background, and refuses them at once', async () => {
    await limit(perDay(1))
    const begin = () => turn('FAKE_TEXT: later', { store: true, background: true })
    const first = await begin()
    expect(first.status).toBe(200)
    const { id } = JSON.parse(first.text)
    const get = () => fetch(`${rig.url}${publicPath}/${id}`, { headers: bearer(key.key) })
    await eventually('it is made', async () => (await jsonOf(await get())).status === 'completed')
    await eventually('it is counted', async () => (await counted())[0] === 1)
    expect(await begin()).toMatchObject({ status: 429, error: { code: 'key_limit_reached' } })
  })

  it('counts a file and a recording as a request, and what Codex asks beside its turns not at all', async () => {
    await limit(perDay(2))
    const headers = bearer(key.key)
    const register = () =>
      ask(rig, { file_name: 'notes.txt', file_size: 5, use_case: 'codex' }, { path: '/backend-api/files', headers })
    const transcribe = async () => {
      const form = new FormData()
      form.append('file', new Blob(['sound'], { type: 'audio/wav' }), 'a.wav')
      form.append('model', 'whisper-1')
      const answer = await fetch(`${rig.url}/v1/audio/transcriptions`, { method: 'POST', headers, body: form })
      return { status: answer.status, error: (await jsonOf(answer)).error }
    }
    expect((await register()).status).toBe(200)
    await ask(rig, {}, { path: '/backend-api/codex/analytics-events/events', headers })
    expect((await fetch(`${rig.url}/v1/models`, { headers })).status).toBe(200)
    expect(await counted()).toEqual([1, 0])
    expect((await transcribe()).status).toBe(200)
    expect(await counted()).toEqual([2, 0])
    expect(await transcribe()).toMatchObject({ status: 429, error: { code: 'key_limit_reached' } })
    expect(await register()).toMatchObject({ status: 429, error: { type: 'usage_limit_reached' } })
    expect(await counted()).toEqual([2, 0])
  })

  it('that is not there costs nothing: nothing is stored for its key', async () => {
    key = await createKey(rig)
    await turn()
    expect(await standing()).toEqual([])
    await rig.app.close()
    const database = new Database(join(rig.dataDir, 'codex-lb.db'))
    const rows = (table: string) => database.prepare(`select count(*) from ${table}`).pluck().get()
    expect([rows('limit_counts'), rows('reservations')]).toEqual([0, 0])
    database.close()
    await rig.restart()
  })

  it('goes with its key', async () => {
    await limit(perDay(5))
    await turn()
    await fetch(`${rig.url}/api/api-keys/${key.id}`, { method: 'DELETE' })
    await rig.app.close()
    const database = new Database(join(rig.dataDir, 'codex-lb.db'))
    expect(database.prepare('select count(*) from limit_counts').pluck().get()).toBe(0)
    database.close()
    await rig.restart()
  })
})

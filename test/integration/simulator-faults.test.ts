import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Fault } from '../../src/simulator/faults.ts'
import { type Simulator, startSimulator } from '../../src/simulator/upstream.ts'
import { createManualClock } from '../support/clock.ts'
import { eventsIn, postTurn, tokensOf, turnBody, turnEvents, until } from '../support/simulator-client.ts'

const ada = 'ada@example.test'
const bob = 'bob@example.test'
const clock = createManualClock()
let simulator: Simulator

beforeAll(async () => {
  const accounts = [ada, bob].map((email) => ({ email, plan: 'plus' }))
  simulator = await startSimulator({ clock, accounts })
})
afterEach(() => simulator.reset())
afterAll(() => simulator.close())

const ask = turnBody('FAKE_EVENTS: 6')

/** Reads as far as the stream goes; says whether it ended by force. */
async function readAll(response: Response): Promise<{ text: string; broken: boolean }> {
  let text = ''
  try {
    // The body of an answered fetch is there.
    for await (const chunk of response.body as ReadableStream<Uint8Array>) text += Buffer.from(chunk).toString()
    return { text, broken: false }
  } catch {
    return { text, broken: true }
  }
}

async function suffer(fault: Fault) {
  simulator.script(ada, fault)
  const response = await postTurn(simulator, ada, ask)
  const { text, broken } = await readAll(response)
  return { response, text, broken, events: response.status === 200 ? () => eventsIn(text) : () => [] }
}

describe('scripted refusals', () => {
  const cases: [Fault, number, object | string][] = [
    [
      { kind: 'usage_limit', resetsInSeconds: 60 },
      429,
      { error: { type: 'usage_limit_reached', resets_in_seconds: 60 } },
    ],
    [{ kind: 'rate_limit' }, 429, { error: { code: 'rate_limit_exceeded', message: expect.stringContaining('1.2s') } }],
    [{ kind: 'usage_not_included' }, 429, { error: { type: 'usage_not_included' } }],
    [{ kind: 'status', status: 502, body: 'html' }, 502, '<html>'],
    [{ kind: 'status', status: 404, body: 'detail', message: 'gone' }, 404, { detail: 'gone' }],
    [{ kind: 'status', status: 500, code: 'server_error' }, 500, { error: { code: 'server_error' } }],
    [{ kind: 'unauthorized' }, 401, { error: { code: 'token_expired' } }],
    [{ kind: 'unauthorized', code: 'invalid_api_key' }, 401, { error: { code: 'invalid_api_key' } }],
    [{ kind: 'account_deactivated' }, 401, { error: { code: 'account_deactivated' } }],
    [{ kind: 'overloaded' }, 503, { error: { code: 'server_is_overloaded' } }],
    [{ kind: 'slow_down' }, 503, { error: { code: 'slow_down' } }],
    [{ kind: 'model_not_supported' }, 400, { detail: expect.stringContaining("'gpt-5.5' model is not supported") }],
    [{ kind: 'context_length' }, 400, { error: { code: 'context_length_exceeded' } }],
    [{ kind: 'invalid_request' }, 400, { error: { code: 'invalid_value' } }],
    [{ kind: 'invalid_encrypted_content' }, 400, { error: { code: 'invalid_encrypted_content' } }],
    [{ kind: 'html200' }, 200, '<html>'],
    [{ kind: 'empty' }, 200, ''],
  ]
  it.each(cases)('%o is answered once, with the account’s limits in the headers', async (fault, status, body) => {
    const { response, text } = await suffer(fault)
    expect(response.status).toBe(status)
    expect(response.headers.get('x-codex-primary-window-minutes')).toBe('300')
    if (typeof body === 'string') expect(text).toContain(body)
    else expect(JSON.parse(text)).toMatchObject(body)
    expect((await postTurn(simulator, ada, ask)).status).toBe(200)
  })

  it('leaves the reset fields out when asked to', async () => {
    const { text } = await suffer({ kind: 'usage_limit', resetsInSeconds: null })
    expect(Object.keys(JSON.parse(text).error)).toEqual(['type', 'message', 'plan_type'])
  })

  it('sends a retry-after header with a rate limit', async () => {
    const { response } = await suffer({ kind: 'rate_limit', retryAfterSeconds: 7 })
    expect(response.headers.get('retry-after')).toBe('7')
  })

  it('come in the order scripted, as often as asked, and only to the account and path they are for', async () => {
    simulator.script(ada, { kind: 'overloaded', times: 2 }, { kind: 'status', status: 500, path: 'usage' })
    simulator.script(ada, { kind: 'slow_down', times: 'always' })
    const statuses: number[] = []
    expect((await postTurn(simulator, bob, ask)).status).toBe(200)
    for (let i = 0; i < 3; i++) {
      const reply = await postTurn(simulator, ada, ask)
      if ((await reply.text()).includes('overloaded')) statuses.push(i)
      expect(reply.status).toBe(503)
    }
    expect(statuses).toEqual([0, 1])
    const headers = { authorization: `Bearer ${tokensOf(simulator, ada).access_token}` }
    const usage = async () => (await fetch(`${simulator.baseUrl}/wham/usage`, { headers })).status
    expect([await usage(), await usage()]).toEqual([500, 200])
  })
})

describe('scripted silence', () => {
  it('resets the connection before the headers', async () => {
    simulator.script(ada, { kind: 'reset' })
    await expect(postTurn(simulator, ada, ask)).rejects.toThrow()
    expect(simulator.requests.at(-1)?.outcome).toBe('cut')
  })

  it('never answers until the client leaves', async () => {
    simulator.script(ada, { kind: 'hang' })
    const leaving = new AbortController()
    const reply = postTurn(simulator, ada, ask, { signal: leaving.signal })
    const seen = expect(reply).rejects.toThrow()
    await until(() => simulator.requests.at(-1)?.email === ada)
    leaving.abort()
    await seen
    await until(() => simulator.requests.at(-1)?.outcome === 'client_gone')
  })

  it('holds the headers back for a while', async () => {
    simulator.script(ada, { kind: 'slow_headers', ms: 5000 })
    const startMs = clock.now()
    let answered = false
    const reply = postTurn(simulator, ada, ask).finally(() => {
      answered = true
    })
    await until(() => {
      if (!answered) clock.advance(1000)
      return answered
    })
    expect((await reply).status).toBe(200)
    expect(clock.now() - startMs).toBeGreaterThanOrEqual(5000)
  })

  it.each([
    ['stall_before_output', 0],
    ['stall_after_output', 3],
  ] as const)('%s pauses the stream and goes on', async (kind, deltasBefore) => {
    simulator.script(ada, { kind, ms: 5000 })
    const response = await postTurn(simulator, ada, ask)
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    const first = Buffer.from((await reader.read()).value ?? []).toString()
    expect(eventsIn(first).filter(({ type }) => type === 'response.output_text.delta')).toHaveLength(deltasBefore)
    let next: string | null = null
    const rest = reader.read().then(({ value }) => {
      next = Buffer.from(value ?? []).toString()
    })
    await until(() => {
      if (next === null) clock.advance(1000)
      return next !== null
    })
    await rest
    expect(next).toContain('response.completed')
  })

  it('stalls for ever and lets go when the client leaves', async () => {
    simulator.script(ada, { kind: 'stall_after_output' })
    const leaving = new AbortController()
    const response = await postTurn(simulator, ada, ask, { signal: leaving.signal })
    await (response.body as ReadableStream<Uint8Array>).getReader().read()
    clock.advance(3_600_000)
    expect(simulator.requests.at(-1)?.outcome).toBe('open')
    leaving.abort()
    await until(() => simulator.requests.at(-1)?.outcome === 'client_gone')
  })
})

describe('scripted streams', () => {
  const prologue = ['response.created', 'response.in_progress']
  const typesOf = (events: { type: string }[]) => events.map(({ type }) => type)
  const deltasIn = (types: string[]) => types.filter((type) => type === 'response.output_text.delta').length

  it('die before output', async () => {
    const { broken, events } = await suffer({ kind: 'cut_before_output' })
    expect(broken).toBe(true)
    expect(typesOf(events())).toEqual(prologue)
  })

  it('die after three deltas', async () => {
    const { broken, events } = await suffer({ kind: 'cut_after_output' })
    expect(broken).toBe(true)
    expect(deltasIn(typesOf(events()))).toBe(3)
  })

  it.each([
    ['end_early', 'response.created', 0],
    ['end_after_output', 'response.output_text.delta', 3],
    ['no_terminal', 'response.output_item.done', 6],
  ] as const)('%s ends cleanly without a last event', async (kind, last, deltas) => {
    const { broken, events } = await suffer({ kind })
    expect(broken).toBe(false)
    expect(typesOf(events()).at(-1)).toBe(last)
    expect(deltasIn(typesOf(events()))).toBe(deltas)
  })

  it('carry broken JSON', async () => {
    const { text, events } = await suffer({ kind: 'malformed' })
    expect(text).toContain('"delta":"bro\n')
    expect(events).toThrow(SyntaxError)
  })

  it('fail before output, with or without the usual beginning', async () => {
    const { events } = await suffer({ kind: 'failed', code: 'usage_limit_reached' })
    expect(typesOf(events())).toEqual([...prologue, 'response.failed'])
    expect(events().at(-1)?.response).toMatchObject({ status: 'failed', error: { code: 'usage_limit_reached' } })
    const bare = await suffer({ kind: 'failed', bare: true })
    expect(typesOf(bare.events())).toEqual(['response.failed'])
  })

  it('fail after output', async () => {
    const types = typesOf((await suffer({ kind: 'failed_after_output' })).events())
    expect(deltasIn(types)).toBe(3)
    expect(types.at(-1)).toBe('response.failed')
  })

  it('carry a bare error event', async () => {
    const { events } = await suffer({ kind: 'error_event', code: 'server_is_overloaded' })
    expect(events().at(-1)).toMatchObject({ type: 'error', error: { code: 'server_is_overloaded' } })
  })

  it('end incomplete', async () => {
    const { events } = await suffer({ kind: 'incomplete' })
    expect(events().at(-1)).toMatchObject({
      type: 'response.incomplete',
      response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
    })
  })

  it('come with CRLF or without event lines, and mean the same', async () => {
    const plain = typesOf(await turnEvents(simulator, ada, ask))
    const crlf = await suffer({ kind: 'cr_lf' })
    expect(crlf.text).toContain('event: response.created\r\ndata: ')
    expect(crlf.text.replaceAll('\r\n', '')).not.toContain('\n')
    const bare = await suffer({ kind: 'no_event_lines' })
    expect(bare.text).not.toContain('event: ')
    expect(typesOf(crlf.events())).toEqual(plain)
    expect(typesOf(bare.events())).toEqual(plain)
  })

  it('begin with the rate limits', async () => {
    simulator.setUsed(ada, 'short', 40)
    const { events } = await suffer({ kind: 'rate_limits_event' })
    expect(events()[0]).toMatchObject({
      type: 'codex.rate_limits',
      rate_limits: { primary: { used_percent: 40, window_minutes: 300 } },
    })
    expect(events().at(-1)?.type).toBe('response.completed')
  })

  it('cost nothing unless they are served', async () => {
    await suffer({ kind: 'failed_after_output' })
    const account = simulator.accounts.find(({ email }) => email === ada)
    expect(account?.windows.map(({ usedTokens }) => usedTokens)).toEqual([0, 0])
    await turnEvents(simulator, ada, ask)
    expect(account?.windows[0]?.usedTokens).toBeGreaterThan(0)
  })
})

describe('scripted token faults', () => {
  const refresh = (refreshToken: string) => {
    const grant = {
      client_id: 'app_EMoamEEZ73f0CkXaXp7hrann',
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
    }
    const headers = { 'content-type': 'application/json' }
    return fetch(`${simulator.authUrl}/oauth/token`, { method: 'POST', headers, body: JSON.stringify(grant) })
  }

  it('lose the reply after the rotation was done', async () => {
    const { refresh_token: old } = tokensOf(simulator, ada)
    simulator.script(ada, { kind: 'drop_token_reply' })
    await expect(refresh(old)).rejects.toThrow()
    expect(simulator.refreshes.at(-1)).toMatchObject({ email: ada, accepted: true })
    expect(await (await refresh(old)).json()).toMatchObject({ error: { code: 'refresh_token_reused' } })
    expect((await refresh(tokensOf(simulator, ada).refresh_token)).status).toBe(200)
  })

  it('refuse with any code and leave the token alive', async () => {
    const { refresh_token: live } = tokensOf(simulator, ada)
    simulator.script(ada, { kind: 'token_error', code: 'refresh_token_invalidated', status: 403 })
    const refused = await refresh(live)
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({ error: { code: 'refresh_token_invalidated' } })
    expect((await refresh(live)).status).toBe(200)
  })

  it('answer without a refresh token', async () => {
    const { refresh_token: live } = tokensOf(simulator, ada)
    simulator.script(ada, { kind: 'invalid_token_reply' }, { kind: 'status', status: 503, body: 'html', path: 'token' })
    expect(await (await refresh(live)).json()).not.toHaveProperty('refresh_token')
    expect((await refresh(live)).status).toBe(503)
    expect((await refresh(live)).status).toBe(200)
  })
})

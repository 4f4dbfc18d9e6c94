import { createHash } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/upstream.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import {
  eventsIn,
  jsonOf,
  postTurn,
  tokensOf,
  turnBody,
  turnEvents,
  until,
  userMessage,
} from '../support/simulator-client.ts'

const ada = 'ada@example.test'
const bob = 'bob@example.test'
const clientId = 'app_EMoamEEZ73f0CkXaXp7hrann'

let running: Simulator | null = null

async function start(options: SimulatorOptions = {}): Promise<{ simulator: Simulator; clock: ManualClock }> {
  const clock = createManualClock()
  const accounts = [
    { email: ada, plan: 'plus' },
    { email: bob, plan: 'pro' },
  ]
  running = await startSimulator({ clock, accounts, ...options })
  return { simulator: running, clock }
}

afterEach(async () => {
  await running?.close()
  running = null
})

function refresh(simulator: Simulator, refreshToken: string): Promise<Response> {
  const body = JSON.stringify({ client_id: clientId, grant_type: 'refresh_token', refresh_token: refreshToken })
  const headers = { 'content-type': 'application/json' }
  return fetch(`${simulator.authUrl}/oauth/token`, { method: 'POST', headers, body })
}

async function get(simulator: Simulator, email: string, path: string) {
  const headers = { authorization: `Bearer ${tokensOf(simulator, email).access_token}` }
  const response = await fetch(simulator.baseUrl + path, { headers })
  return { status: response.status, headers: response.headers, body: await jsonOf(response) }
}

function claimsOf(jwt: string) {
  return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())
}

describe('tokens of the simulated upstream', () => {
  it('rotates refresh tokens and refuses one that was used', async () => {
    const { simulator } = await start()
    const before = tokensOf(simulator, ada)
    const reply = await jsonOf(await refresh(simulator, before.refresh_token))
    expect(reply.refresh_token).not.toBe(before.refresh_token)
    expect(tokensOf(simulator, ada).access_token).toBe(reply.access_token)
    const again = await refresh(simulator, before.refresh_token)
    expect(again.status).toBe(401)
    expect(await again.json()).toMatchObject({ error: { code: 'refresh_token_reused' } })
    expect((await refresh(simulator, reply.refresh_token)).status).toBe(200)
    expect(simulator.refreshes.map(({ code }) => code)).toEqual([null, 'refresh_token_reused', null])
  })

  it('refuses a refresh token it never issued', async () => {
    const { simulator } = await start()
    const reply = await refresh(simulator, 'rt_unknown')
    expect(reply.status).toBe(400)
    expect(await reply.json()).toMatchObject({ error: { code: 'invalid_grant' } })
  })

  it('puts the identity into the claims', async () => {
    const { simulator } = await start()
    const tokens = tokensOf(simulator, bob)
    const auth = { chatgpt_account_id: tokens.account_id, chatgpt_plan_type: 'pro' }
    expect(claimsOf(tokens.id_token)).toMatchObject({ email: bob, 'https://api.openai.com/auth': auth })
    expect(claimsOf(tokens.access_token)).toMatchObject({
      'https://api.openai.com/auth': auth,
      'https://api.openai.com/profile': { email: bob },
    })
  })

  it('accepts an old access token until it expires', async () => {
    const { simulator, clock } = await start({ accounts: [{ email: ada, plan: 'plus', accessTokenMs: 60_000 }] })
    const old = { authorization: `Bearer ${tokensOf(simulator, ada).access_token}` }
    await refresh(simulator, tokensOf(simulator, ada).refresh_token)
    expect((await postTurn(simulator, ada, turnBody('hi'), { headers: old })).status).toBe(200)
    clock.advance(60_000)
    const late = await postTurn(simulator, ada, turnBody('hi'), { headers: old })
    expect(late.status).toBe(401)
    expect(await late.json()).toMatchObject({ error: { code: 'token_expired' } })
  })

  it('ends an opaque access token with the next one', async () => {
    const { simulator } = await start({ accounts: [{ email: ada, plan: 'plus', opaqueAccess: true }] })
    const old = tokensOf(simulator, ada).access_token
    expect(old).not.toContain('.')
    await refresh(simulator, tokensOf(simulator, ada).refresh_token)
    const reply = await postTurn(simulator, ada, turnBody('hi'), { headers: { authorization: `Bearer ${old}` } })
    expect(await reply.json()).toMatchObject({ error: { code: 'invalid_api_key' } })
  })

  it('refuses a token together with the id of another account', async () => {
    const { simulator } = await start()
    const headers = { 'chatgpt-account-id': tokensOf(simulator, bob).account_id }
    expect((await postTurn(simulator, ada, turnBody('hi'), { headers })).status).toBe(403)
  })

  it('signs in through the browser with PKCE, once per code', async () => {
    const { simulator } = await start()
    const redirectUri = 'http://localhost:1455/auth/callback'
    const query = new URLSearchParams({
      ...{ response_type: 'code', client_id: clientId, redirect_uri: redirectUri, state: 's1', login_hint: bob },
      ...{ code_challenge: createHash('sha256').update('verifier').digest('base64url'), code_challenge_method: 'S256' },
    })
    const asked = await fetch(`${simulator.authUrl}/oauth/authorize?${query}`, { redirect: 'manual' })
    const callback = new URL(asked.headers.get('location') ?? '')
    expect(callback.searchParams.get('state')).toBe('s1')
    const code = callback.searchParams.get('code') ?? ''
    const form = { grant_type: 'authorization_code', client_id: clientId, code, redirect_uri: redirectUri }
    const body = new URLSearchParams({ ...form, code_verifier: 'verifier' })
    const reply = await fetch(`${simulator.authUrl}/oauth/token`, { method: 'POST', body })
    expect(claimsOf((await jsonOf(reply)).id_token).email).toBe(bob)
    expect((await fetch(`${simulator.authUrl}/oauth/token`, { method: 'POST', body })).status).toBe(400)
  })

  it('signs a device in after its code was approved', async () => {
    const { simulator } = await start()
    const post = async (path: string, body: object) => {
      const headers = { 'content-type': 'application/json' }
      const reply = await fetch(simulator.authUrl + path, { method: 'POST', headers, body: JSON.stringify(body) })
      return { status: reply.status, body: await jsonOf(reply) }
    }
    const { body: device } = await post('/api/accounts/deviceauth/usercode', { client_id: clientId })
    const shown = { device_auth_id: device.device_auth_id, user_code: device.user_code }
    expect((await post('/api/accounts/deviceauth/token', shown)).status).toBe(403)
    simulator.approveDevice(device.user_code, ada)
    const { body: grant } = await post('/api/accounts/deviceauth/token', shown)
    const form = new URLSearchParams({
      ...{ grant_type: 'authorization_code', client_id: clientId, code: grant.authorization_code },
      ...{ code_verifier: grant.code_verifier, redirect_uri: `${simulator.authUrl}/deviceauth/callback` },
    })
    const reply = await fetch(`${simulator.authUrl}/oauth/token`, { method: 'POST', body: form })
    expect(claimsOf((await jsonOf(reply)).id_token).email).toBe(ada)
  })
})

describe('usage windows of the simulated upstream', () => {
  it('fill with use, refuse when full, and open again at their reset', async () => {
    const { simulator, clock } = await start({ capacityTokens: { short: 200 } })
    const epoch = clock.now() / 1000
    expect((await postTurn(simulator, ada, turnBody('x'.repeat(400)))).status).toBe(200)
    const { body: usage } = await get(simulator, ada, '/wham/usage')
    const { primary_window: primary } = usage.rate_limit
    expect(primary).toMatchObject({ limit_window_seconds: 18_000, reset_at: epoch + 18_000 })
    expect(primary.used_percent).toBeGreaterThan(50)

    await (await postTurn(simulator, ada, turnBody('x'.repeat(400)))).text()
    clock.advance(1000)
    const refused = await postTurn(simulator, ada, turnBody('more'))
    expect(refused.status).toBe(429)
    expect(refused.headers.get('x-codex-primary-used-percent')).toBe('100')
    expect(refused.headers.get('x-codex-secondary-window-minutes')).toBe('10080')
    expect(await refused.json()).toEqual({
      error: {
        type: 'usage_limit_reached',
        message: 'The usage limit has been reached',
        plan_type: 'plus',
        resets_at: epoch + 18_000,
        resets_in_seconds: 17_999,
      },
    })
    expect((await get(simulator, ada, '/wham/usage')).body.rate_limit).toMatchObject({ limit_reached: true })
    expect((await postTurn(simulator, bob, turnBody('hi'))).status).toBe(200)

    clock.advance(17_999_000)
    expect((await get(simulator, ada, '/wham/usage')).body.rate_limit.primary_window.used_percent).toBe(0)
    expect((await postTurn(simulator, ada, turnBody('hi'))).status).toBe(200)
    const after = (await get(simulator, ada, '/wham/usage')).body.rate_limit
    expect(after.primary_window.reset_at).toBe(epoch + 36_000)
    expect(after.secondary_window.reset_at).toBe(epoch + 604_800)
  })

  it.each([
    { plan: 'team', weeklyOnly: false, lengths: [18_000, 604_800] },
    { plan: 'free', weeklyOnly: false, lengths: [2_592_000, undefined] },
    { plan: 'plus', weeklyOnly: true, lengths: [604_800, undefined] },
  ])('sit in the slots of the plan: $plan, weekly only $weeklyOnly', async ({ plan, weeklyOnly, lengths }) => {
    const { simulator } = await start({ accounts: [{ email: ada, plan, weeklyOnly }] })
    const { plan_type, rate_limit: limit } = (await get(simulator, ada, '/wham/usage')).body
    expect(plan_type).toBe(plan)
    const slots = [limit.primary_window, limit.secondary_window]
    expect(slots.map((slot) => slot?.limit_window_seconds)).toEqual(lengths)
  })

  it('can be set, and reset with a credit', async () => {
    const { simulator } = await start({ accounts: [{ email: ada, plan: 'plus', resetCredits: 1 }] })
    simulator.setUsed(ada, 'weekly', 100, 600)
    expect((await postTurn(simulator, ada, turnBody('hi'))).status).toBe(429)
    const headers = { authorization: `Bearer ${tokensOf(simulator, ada).access_token}` }
    const redeem = () =>
      fetch(`${simulator.baseUrl}/wham/rate-limit-reset-credits/consume`, { method: 'POST', headers })
    expect(await (await redeem()).json()).toMatchObject({ code: 'reset', windows_reset: 1 })
    expect(await (await redeem()).json()).toMatchObject({ code: 'no_credit' })
    expect((await postTurn(simulator, ada, turnBody('hi'))).status).toBe(200)
  })

  it('are spared what the prompt cache of the account holds', async () => {
    const { simulator } = await start()
    const body = turnBody('x'.repeat(40_000), { prompt_cache_key: 'thread-1' })
    const cachedOf = async (email: string) => {
      const completed = (await turnEvents(simulator, email, body)).at(-1)
      const response = completed?.response as { usage: { input_tokens_details: { cached_tokens: number } } }
      return response.usage.input_tokens_details.cached_tokens
    }
    expect(await cachedOf(ada)).toBe(0)
    expect(await cachedOf(ada)).toBeGreaterThan(9000)
    expect(await cachedOf(bob)).toBe(0)
  })
})

describe('requests to the simulated upstream', () => {
  it.each([
    ['a forbidden parameter', { temperature: 1 }, { detail: 'Unsupported parameter: temperature' }],
    ['stored answers', { store: true }, { detail: 'Store must be set to false' }],
    ['answers that do not stream', { stream: false }, { detail: 'Stream must be set to true' }],
    ['text as input', { input: 'hi' }, { detail: 'Input must be a list' }],
    ['empty input', { input: [] }, { detail: 'Input must not be empty' }],
    ['an automatic service tier', { service_tier: 'auto' }, { detail: 'Unsupported service_tier: auto' }],
    ['a minimal effort', { reasoning: { effort: 'minimal' } }, { error: { param: 'reasoning.effort' } }],
    ['an unknown include', { include: ['everything'] }, { error: { param: 'include' } }],
    [
      'system messages',
      { input: [{ role: 'system', content: 'be kind' }] },
      { detail: 'System messages are not allowed' },
    ],
    [
      'a part in the wrong role',
      { input: [{ role: 'assistant', content: [{ type: 'input_text', text: 'x' }] }] },
      { error: { param: 'input[0].content' } },
    ],
    [
      'a call without its output',
      { input: [{ type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{}' }] },
      { error: { message: 'No tool output found for function call call_1.', param: 'input' } },
    ],
    [
      'an unknown previous response',
      { previous_response_id: 'resp_1' },
      { error: { code: 'previous_response_not_found' } },
    ],
    [
      'a model the account lacks',
      { model: 'gpt-9' },
      { detail: "The 'gpt-9' model is not supported when using Codex with a ChatGPT account." },
    ],
  ])('are refused with %s', async (_, changes, expected) => {
    const { simulator } = await start()
    const reply = await postTurn(simulator, ada, turnBody('hi', changes))
    expect(reply.status).toBe(400)
    expect(await reply.json()).toMatchObject(expected)
    expect(reply.headers.get('x-codex-primary-used-percent')).toBe('0')
  })

  it('are refused when broken or compressed', async () => {
    const { simulator } = await start()
    expect((await postTurn(simulator, ada, '{"model":')).status).toBe(400)
    const packed = new Uint8Array(zstdCompressSync(JSON.stringify(turnBody('hi'))))
    const reply = await postTurn(simulator, ada, packed, { headers: { 'content-encoding': 'zstd' } })
    expect(reply.status).toBe(400)
  })

  it('get the models of their account and client version', async () => {
    const { simulator } = await start({
      accounts: [
        { email: ada, plan: 'plus' },
        { email: bob, plan: 'free', models: ['gpt-5.4-mini'] },
      ],
    })
    const slugsOf = async (email: string, version: string) => {
      const { body } = await get(simulator, email, `/codex/models?client_version=${version}`)
      return body.models.map((model: { slug: string }) => model.slug)
    }
    expect(await slugsOf(ada, '0.169.0')).toContain('gpt-6.1-sol')
    expect(await slugsOf(ada, '0.142.2')).not.toContain('gpt-6.1-sol')
    expect(await slugsOf(bob, '0.169.0')).toEqual(['gpt-5.4-mini'])
    expect((await postTurn(simulator, bob, turnBody('hi'))).status).toBe(400)
    const { headers, body } = await get(simulator, ada, '/codex/models?client_version=0.169.0')
    const answer = await postTurn(simulator, ada, turnBody('hi'))
    expect(answer.headers.get('x-models-etag')).toBe(headers.get('etag'))
    const needed = [
      'slug',
      'display_name',
      'supported_reasoning_levels',
      'shell_type',
      'visibility',
      'supported_in_api',
    ]
    needed.push(
      'priority',
      'support_verbosity',
      'truncation_policy',
      'experimental_supported_tools',
      'max_context_window',
    )
    needed.push('base_instructions', 'supports_reasoning_summaries', 'supports_parallel_tool_calls')
    for (const model of body.models) expect(Object.keys(model)).toEqual(expect.arrayContaining(needed))
  })

  it('are recorded with their account, body and outcome', async () => {
    const { simulator } = await start({ eventDelayMs: 5 })
    const leaving = new AbortController()
    const response = await postTurn(simulator, ada, turnBody('hi'), { signal: leaving.signal })
    expect(response.status).toBe(200)
    expect(simulator.openSockets()).toBe(1)
    leaving.abort()
    await until(() => simulator.requests[0]?.outcome === 'client_gone')
    expect(simulator.requests[0]).toMatchObject({
      email: ada,
      path: '/backend-api/codex/responses',
      body: { store: false },
    })
    await until(() => simulator.openSockets() === 0)
  })

  it('keep what they record bounded', async () => {
    const { simulator } = await start()
    await (await postTurn(simulator, ada, turnBody('x'.repeat(300 * 1024)))).text()
    expect(simulator.requests[0]?.body).toBeNull()
    for (let i = 0; i < 40; i++) {
      await Promise.all(Array.from({ length: 50 }, () => fetch(`${simulator.url}/nowhere`).then((it) => it.text())))
    }
    expect(simulator.requests).toHaveLength(2000)
    expect(simulator.requests.every(({ path }) => path === '/nowhere')).toBe(true)
  })
})

describe('answers of the simulated upstream', () => {
  it('stream the text asked for in the order of the real events', async () => {
    const { simulator } = await start()
    const events = await turnEvents(
      simulator,
      ada,
      turnBody('FAKE_TEXT: one  two\nthree ', { instructions: 'Be brief.' }),
    )
    const types = events.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1])
    expect(types).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, i) => i))
    expect(events[0]?.response).toMatchObject({ model: 'gpt-5.5', instructions: 'Be brief.', status: 'in_progress' })
    const deltas = events.filter(({ type }) => type === 'response.output_text.delta')
    expect(deltas.map(({ delta }) => delta).join('')).toBe('one  two\nthree ')
    expect(events.at(-1)?.response).toMatchObject({
      id: expect.stringMatching(/^resp_[0-9a-f]{50}$/),
      status: 'completed',
      output: [{ type: 'message', content: [{ text: 'one  two\nthree ' }] }],
      usage: { input_tokens: expect.any(Number), output_tokens: 3 },
    })
  })

  it('stream as many deltas as asked for', async () => {
    const { simulator } = await start()
    const events = await turnEvents(simulator, ada, turnBody('FAKE_EVENTS: 5000'))
    expect(events.filter(({ type }) => type === 'response.output_text.delta')).toHaveLength(5000)
    expect(events.at(-1)?.type).toBe('response.completed')
  })

  it('wait between deltas by the clock they are given', async () => {
    const { simulator, clock } = await start({ eventDelayMs: 100 })
    const response = await postTurn(simulator, ada, turnBody('FAKE_EVENTS: 2'))
    const text = response.text()
    let ended = false
    text.finally(() => {
      ended = true
    })
    const startMs = clock.now()
    await until(() => {
      if (!ended) clock.advance(50)
      return ended
    })
    expect(clock.now() - startMs).toBeGreaterThanOrEqual(200)
    expect(eventsIn(await text).at(-1)?.type).toBe('response.completed')
  })

  it('ask for a command as a function call and quote its output', async () => {
    const { simulator } = await start()
    const tools = [{ type: 'function', name: 'exec_command' }]
    const ask = userMessage('FAKE_TOOL: echo marker-42')
    const first = await turnEvents(simulator, ada, turnBody('', { input: [ask], tools }))
    const call = first.find(({ type }) => type === 'response.output_item.done')?.item
    expect(call).toMatchObject({ type: 'function_call', name: 'exec_command', arguments: '{"cmd":"echo marker-42"}' })
    const { call_id } = call as { call_id: string }
    const output = { type: 'function_call_output', call_id, output: 'Wall time: 0.1\nOutput:\nmarker-42\n' }
    const second = await turnEvents(simulator, ada, turnBody('', { input: [ask, call, output], tools }))
    const done = second.find(({ type }) => type === 'response.output_text.done')
    expect(done?.text).toBe('The command finished. Its output begins with: marker-42')
  })

  it('ask for a command as JavaScript where the client offers a custom exec tool', async () => {
    const { simulator } = await start()
    const offered = [{ type: 'namespace', name: 'functions', tools: [{ type: 'custom', name: 'exec' }] }]
    const extra = { type: 'additional_tools', role: 'developer', tools: offered }
    const ask = userMessage('FAKE_TOOL: echo marker-42')
    const first = await turnEvents(simulator, ada, turnBody('', { model: 'gpt-6.1-sol', input: [extra, ask] }))
    const call = first.find(({ type }) => type === 'response.output_item.done')?.item
    expect(call).toMatchObject({ type: 'custom_tool_call', name: 'exec' })
    const { call_id, input } = call as { call_id: string; input: string }
    expect(input).toContain('await tools.exec_command({cmd: "echo marker-42"})')
    const parts = ['Script completed\nOutput:\n', 'marker-42\n'].map((text) => ({ type: 'input_text', text }))
    const output = { type: 'custom_tool_call_output', call_id, output: parts }
    const second = await turnEvents(simulator, ada, turnBody('', { input: [extra, ask, call, output] }))
    expect(second.find(({ type }) => type === 'response.output_text.done')?.text).toMatch(/marker-42$/)
  })

  it('compact to one item that only the same account can use again', async () => {
    const { simulator } = await start()
    const events = await turnEvents(
      simulator,
      ada,
      turnBody('', { input: [userMessage('long story'), { type: 'compaction_trigger' }] }),
    )
    const items = events.filter(({ type }) => type === 'response.output_item.done').map(({ item }) => item)
    expect(items).toEqual([
      { type: 'compaction', id: expect.stringMatching(/^cmp_/), encrypted_content: expect.any(String) },
    ])
    const next = turnBody('', { input: [items[0], userMessage('go on')] })
    expect((await postTurn(simulator, ada, next)).status).toBe(200)
    const elsewhere = await postTurn(simulator, bob, next)
    expect(elsewhere.status).toBe(400)
    expect(await elsewhere.json()).toMatchObject({
      error: { code: 'invalid_encrypted_content', message: expect.stringContaining('could not be verified') },
    })
  })

  it('bind reasoning, response ids and turn states to the account', async () => {
    const { simulator } = await start()
    const response = await postTurn(simulator, ada, turnBody('hi', { include: ['reasoning.encrypted_content'] }))
    const turnState = response.headers.get('x-codex-turn-state') ?? ''
    const events = eventsIn(await response.text())
    const reasoning = events.find(({ type }) => type === 'response.output_item.done')?.item
    expect(reasoning).toMatchObject({ type: 'reasoning', encrypted_content: expect.any(String) })
    const { id } = (events.at(-1)?.response ?? {}) as { id?: string }
    const replays = [
      { body: turnBody('', { input: [reasoning, userMessage('go on')] }), headers: {} },
      { body: turnBody('go on', { previous_response_id: id }), headers: {} },
      { body: turnBody('go on'), headers: { 'x-codex-turn-state': turnState } },
    ]
    for (const { body, headers } of replays) {
      const own = await postTurn(simulator, ada, body, { headers })
      expect(own.status).toBe(200)
      expect(own.headers.has('x-codex-turn-state')).toBe(!('x-codex-turn-state' in headers))
      expect((await postTurn(simulator, bob, body, { headers })).status).toBe(400)
    }
  })
})

describe('the controls of the simulated upstream', () => {
  it('work over HTTP for other processes', async () => {
    const { simulator } = await start()
    const control = async (path: string, body?: object) => {
      const headers = { 'content-type': 'application/json' }
      const init = body ? { method: 'POST', headers, body: JSON.stringify(body) } : {}
      const reply = await fetch(`${simulator.url}/_sim/${path}`, init)
      return { status: reply.status, body: await jsonOf(reply) }
    }
    expect((await control(`auth/${ada}`)).body).toEqual(simulator.authJson(ada))
    expect((await control('accounts')).body).toMatchObject([{ email: ada }, { email: bob }])
    expect((await control('script', { email: ada, faults: [{ kind: 'overloaded' }] })).status).toBe(200)
    expect((await postTurn(simulator, ada, turnBody('hi'))).status).toBe(503)
    expect((await control('usage', { email: ada, kind: 'short', percent: 100 })).status).toBe(200)
    expect((await postTurn(simulator, ada, turnBody('hi'))).status).toBe(429)
    expect((await control('requests')).body).toHaveLength(2)
    expect((await control('reset', {})).status).toBe(200)
    expect((await postTurn(simulator, ada, turnBody('hi'))).status).toBe(200)
    expect((await control('script', { email: ada, faults: [{ kind: 'nonsense' }] })).status).toBe(400)
    expect((await control('auth/nobody')).status).toBe(400)
  })
})

import OpenAI from 'openai'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { eventually } from '../support/import-client.ts'
import { bearer, createKey } from '../support/keys.ts'
import { eventsIn, turnBody } from '../support/simulator-client.ts'
import { openSocket } from '../support/socket-client.ts'
import { cheap, type SourceRig, startSourceRig } from '../support/source-rig.ts'
import { ask, codexPath, turnsAt } from '../support/turns.ts'

// Model sources stand behind the accounts: for what the pool lacks, and when it is out.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let stage: SourceRig
const start = async (...given: Parameters<typeof startSourceRig>) => {
  stage = await startSourceRig(...given)
  return stage
}
afterEach(() => stage.close())

const sdk = () => new OpenAI({ baseURL: `${stage.rig.url}/v1`, apiKey: 'x', maxRetries: 0, timeout: 20_000 })
const word = 'a word from the provider'
/** 600 × $1 + 400 × $0.5 + 200 × $10 per million. */
const costUsd = 0.0028
const codexHeaders = {
  ...{
    'user-agent': 'codex_exec/0.169.0 (test)',
    originator: 'codex_exec',
    'chatgpt-account-id': 'acct-of-the-client',
  },
  ...{ authorization: 'Bearer a-token-of-chatgpt', 'session-id': 'ses-1', 'x-codex-turn-metadata': '{"a":1}' },
}
const source = async (id: string) => (await stage.api('GET', `/api/model-sources/${id}`)).body

describe('with the pool out', () => {
  it('Codex is served by the last resort, in the very bytes of the source, and the log says so loudly', async () => {
    const { rig, provider, add, newest } = await start(true)
    const spare = await add()
    const told = await ask(rig, turnBody('hello', { model: 'gpt-5.5' }), { headers: codexHeaders })
    expect(told.status).toBe(200)
    expect(told.headers.get('x-codex-lb-source')).toBe('Spare')
    expect(told.headers.get('x-codex-turn-state')).toBeNull()
    expect(told.text.startsWith('event: response.created\ndata: {"type":"response.created"')).toBe(true)
    expect(told.events.at(-1)?.type).toBe('response.completed')
    expect(turnsAt(rig.simulator)).toEqual([])
    const line = await newest()
    expect(line).toMatchObject({ accountId: null, sourceId: spare.id, status: 'success', costUsd })
    expect(line.attempts).toMatchObject([{ accountId: null, sourceId: spare.id, verdict: 'relay', status: 200 }])
    expect(line.decision).toMatchObject({ because: 'source_last_resort', source: { id: spare.id, name: 'Spare' } })
    expect(line.decision.excluded).toHaveLength(1)
    const after = await source(spare.id)
    expect(after.spent).toEqual({ usdToday: costUsd, usdThisMonth: costUsd })
    expect(after.health).toMatchObject({ status: 'ok', failures: 0 })
    const [call] = provider.asked('/v1/responses')
    expect(Object.keys(call?.headers ?? {}).sort()).toEqual(
      ['accept', 'authorization', 'connection', 'content-length', 'content-type', 'host', 'user-agent'].sort(),
    )
    expect(call?.headers.authorization).toBe('Bearer sk-provider-0001')
    expect(call?.headers['user-agent']).toMatch(/^codex-lb\//)
  })

  it('nothing that only an account can read goes to a source, and the rest of the conversation does', async () => {
    const { rig, provider, add } = await start(true)
    await add()
    const sealed = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'sealed' }
    const call = { type: 'function_call', id: 'fc_1', call_id: 'c1', name: 'exec_command', arguments: '{}' }
    const output = { type: 'function_call_output', call_id: 'c1', output: 'done' }
    const user = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'go on' }] }
    const told = await ask(rig, {
      ...turnBody('x', { model: 'gpt-5.5' }),
      input: [sealed, call, output, user],
      include: ['reasoning.encrypted_content'],
      client_metadata: { 'x-codex-installation-id': 'me' },
      service_tier: 'priority',
    })
    expect(told.status).toBe(200)
    const body = provider.asked('/v1/responses')[0]?.body ?? {}
    const { id: _id, ...unnamed } = call
    expect(body.input).toEqual([unnamed, output, user])
    for (const name of ['include', 'client_metadata', 'service_tier']) expect(body).not.toHaveProperty(name)
    expect(body).toMatchObject({ model: 'gpt-5.5', stream: true, store: false })
  })

  it('what only an account has keeps its ordinary error: files, compactions, continued responses', async () => {
    const { rig, provider, add } = await start(true)
    await add()
    const file = { type: 'message', role: 'user', content: [{ type: 'input_file', file_id: 'file_1' }] }
    const compacted = { type: 'compaction', encrypted_content: 'sealed' }
    const bodies = [
      { ...turnBody('x', { model: 'gpt-5.5' }), input: [file] },
      { ...turnBody('x', { model: 'gpt-5.5' }), input: [compacted] },
      turnBody('x', { model: 'gpt-5.5', previous_response_id: 'resp_unknown' }),
    ]
    for (const body of bodies) expect((await ask(rig, body)).error.code).toBe('usage_limit_reached')
    const compact = await ask(rig, turnBody('x', { model: 'gpt-5.5' }), { path: `${codexPath}/compact` })
    expect(compact.status).toBe(429)
    expect(provider.calls).toEqual([])
  })

  it('without a source in that role nothing changes', async () => {
    const { rig, provider, add, newest } = await start(true)
    await add({ use: ['missing_models'] })
    await add({ name: 'Off', isActive: false })
    await add({ name: 'Other', models: [{ model: 'gpt-4*', ...cheap }] })
    const told = await ask(rig, turnBody('hello', { model: 'gpt-5.5' }))
    expect([told.status, told.error.code]).toEqual([429, 'usage_limit_reached'])
    expect(await newest()).toMatchObject({ sourceId: null, attempts: [], decision: { because: 'none_eligible' } })
    expect(provider.calls).toEqual([])
  })

  it('all the protocols fall back: responses, chat, text and Claude’s messages', async () => {
    const { provider, add, api, lines } = await start(true)
    await add({ models: [{ model: 'gpt-5*', upstreamModel: 'local-1', ...cheap }] })
    const stream = await sdk().responses.create({ model: 'gpt-5.5', input: 'hello', stream: true })
    let said = ''
    for await (const event of stream) if (event.type === 'response.output_text.delta') said += event.delta
    expect(said).toBe(word)
    const whole = await sdk().responses.create({ model: 'gpt-5.5', input: 'hello' }).withResponse()
    expect(whole.data.output_text).toBe(word)
    expect(whole.response.headers.get('x-codex-lb-source')).toBe('Spare')
    const chat = await sdk().chat.completions.create({ model: 'gpt-5.5', messages: [{ role: 'user', content: 'hi' }] })
    expect(chat.choices[0]?.message.content).toBe(word)
    expect(chat.usage).toMatchObject({ prompt_tokens: 1_000, completion_tokens: 200 })
    const claude = await api('POST', '/v1/messages', {
      ...{ model: 'claude-opus-4-8', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] },
    })
    expect(claude.body.content).toMatchObject([{ type: 'text', text: word }])
    expect((await lines(4)).every(({ sourceId }) => sourceId !== null)).toBe(true)
    expect(provider.asked('/v1/responses').map(({ body }) => body.model)).toEqual(Array(4).fill('local-1'))
  })

  it('a source that speaks chat only serves Codex, tools and all', async () => {
    const { rig, provider, add } = await start(true)
    await add({ supports: { chat: true } })
    const tool = { type: 'custom', name: 'apply_patch', description: 'Patches.', format: { type: 'text' } }
    const body = { ...turnBody('TOOL', { model: 'gpt-5.5' }), tools: [tool, { type: 'web_search' }] }
    const told = await ask(rig, body, { headers: codexHeaders })
    const done = told.events.find(({ type }) => type === 'response.output_item.done')
    expect(done).toMatchObject({
      item: { type: 'custom_tool_call', name: 'apply_patch', input: 'ls', call_id: 'call_1' },
    })
    expect(told.events.at(-1)).toMatchObject({
      type: 'response.completed',
      response: { usage: { input_tokens: 1_000, output_tokens: 200 } },
    })
    const sent = provider.asked('/v1/chat/completions')[0]?.body
    expect(sent?.tools).toMatchObject([{ type: 'function', function: { name: 'apply_patch' } }])
    const text = await sdk().responses.create({ model: 'gpt-5.5', input: 'hello' })
    expect(text.output_text).toBe(word)
  })

  it.each([{ responses: true }, { chat: true }])(
    'turns on a socket are served, each event in a frame: %o',
    async (supports) => {
      const { rig, add, newest } = await start(true)
      await add({ supports })
      const socket = await openSocket(rig.url + codexPath, codexHeaders)
      const events = await socket.turn(turnBody('hello', { model: 'gpt-5.5' }))
      expect(events.at(-1)?.type).toBe('response.completed')
      expect(events.some(({ type }) => type === 'response.output_text.delta')).toBe(true)
      expect(await newest()).toMatchObject({ transport: 'ws', status: 'success', costUsd })
      // What goes on from there is sent again as a whole: Codex does that when its socket is closed.
      const id = (events.at(-1) as { response?: { id?: string } }).response?.id
      socket.send({ ...turnBody('more', { model: 'gpt-5.5', previous_response_id: id }), type: 'response.create' })
      expect(await socket.closed).toEqual({ code: 1012, reason: 'stream_incomplete' })
      const again = await openSocket(rig.url + codexPath, codexHeaders)
      expect((await again.turn(turnBody('hello, more', { model: 'gpt-5.5' }))).at(-1)?.type).toBe('response.completed')
      await again.close()
    },
  )

  it('a key that is for certain accounts is not served by a source in their place', async () => {
    const { rig, add, provider } = await start(true)
    await add()
    const { accountId } = await rig.account('a@example.com')
    const bound = await createKey(rig, { accountIds: [accountId] })
    const free = await createKey(rig, { name: 'Free' })
    const asked = (key: string) => ask(rig, turnBody('hello', { model: 'gpt-5.5' }), { headers: bearer(key) })
    expect((await asked(bound.key)).error.code).toBe('usage_limit_reached')
    expect(provider.calls).toEqual([])
    expect((await asked(free.key)).status).toBe(200)
  })

  it('a prewarm is nothing to pay for', async () => {
    const { rig, provider, add } = await start(true)
    await add()
    const socket = await openSocket(rig.url + codexPath, codexHeaders)
    const [event] = await socket.turn({ ...turnBody('x', { model: 'gpt-5.5' }), input: [], generate: false })
    expect(event).toMatchObject({ type: 'error', status: 429 })
    expect(provider.calls).toEqual([])
    await socket.close()
  })

  it('a failing source makes way for the next one, and its faults touch no account', async () => {
    const { rig, provider, add, newest } = await start(true)
    const first = await add({ name: 'First', baseUrl: 'http://127.0.0.1:9/v1' })
    const second = await add({ name: 'Second' })
    provider.fail('/v1/responses', { kind: 'status', status: 503, body: { error: { message: 'overloaded' } } })
    const third = await add({ name: 'Third', models: [{ model: 'gpt-5.5', upstreamModel: 'x', ...cheap }] })
    const before = await rig.account('a@example.com')
    const told = await ask(rig, turnBody('hello', { model: 'gpt-5.5' }))
    expect(told.headers.get('x-codex-lb-source')).toBe('Third')
    expect((await newest()).attempts).toMatchObject([
      { sourceId: first.id, verdict: 'source_failed', scope: 'source', code: 'source_unreachable' },
      { sourceId: second.id, verdict: 'source_failed', scope: 'source', status: 503 },
      { sourceId: third.id, verdict: 'relay' },
    ])
    expect((await source(first.id)).health).toMatchObject({
      status: 'failing',
      lastFailure: { code: 'source_unreachable', message: 'First: Nothing listens there (connection refused).' },
    })
    expect((await source(second.id)).spent.usdToday).toBe(0)
    const after = await rig.account('a@example.com')
    expect([after.status, after.blocked]).toEqual([before.status, before.blocked])
  })

  it('when all sources fail the client is told of the pool, and after three failures a source is left alone', async () => {
    const { rig, provider, add, newest } = await start(true)
    const spare = await add()
    provider.fail('/v1/responses', { kind: 'reset' }, { kind: 'html' }, { kind: 'status', status: 401 })
    for (let count = 1; count <= 4; count++) {
      const told = await ask(rig, turnBody('hello', { model: 'gpt-5.5' }))
      expect([told.status, told.error.code]).toEqual([429, 'usage_limit_reached'])
      const [attempt] = (await newest(count)).attempts
      expect(attempt.verdict).toBe('source_failed')
    }
    expect(provider.asked('/v1/responses')).toHaveLength(3)
    const { attempts, errorCode } = await newest(4)
    expect([attempts[0].code, errorCode]).toEqual(['source_resting', 'usage_limit_reached'])
    expect((await source(spare.id)).health).toMatchObject({ status: 'resting', failures: 3 })
  })

  it('an answer that breaks off says so, and is counted as what was reserved', async () => {
    const { rig, provider, add, newest } = await start(true)
    const spare = await add()
    provider.fail('/v1/responses', { kind: 'cut' })
    const told = await ask(rig, turnBody('hello', { model: 'gpt-5.5' }))
    expect(told.events.at(-1)?.type).toBe('response.failed')
    expect(await newest()).toMatchObject({ status: 'error', sourceId: spare.id, costUsd: null })
    const after = await source(spare.id)
    expect(after.health).toMatchObject({ status: 'failing', failures: 1 })
    expect(after.spent.usdToday).toBeGreaterThan(0.08)
  })
})

describe('the budget of a source', () => {
  it('stops it hard, over a restart, and requests at once hold no more than is left', async () => {
    const { rig, provider, add, lines } = await start(true)
    // One turn reserves about nine cents.
    const spare = await add({ budget: { usdPerDay: 0.2 } })
    const letGo = provider.hold()
    const turns = Array.from({ length: 5 }, () => ask(rig, turnBody('hello', { model: 'gpt-5.5' })))
    await eventually('two have got through', async () => provider.asked('/v1/responses').length === 2)
    await lines(3)
    letGo()
    const statuses = (await Promise.all(turns)).map(({ status }) => status).sort()
    expect(statuses).toEqual([200, 200, 429, 429, 429])
    const codes = (await lines(5)).map(({ attempts }) => attempts[0].code)
    expect(codes.filter((code) => code === 'source_budget_spent')).toHaveLength(3)
    expect((await source(spare.id)).spent.usdToday).toBeCloseTo(2 * costUsd, 6)
    await stage.api('PATCH', `/api/model-sources/${spare.id}`, { budget: { usdPerDay: 0.0056 } })
    await rig.restart()
    expect((await source(spare.id)).spent.usdToday).toBeCloseTo(2 * costUsd, 6)
    expect((await ask(rig, turnBody('hello', { model: 'gpt-5.5' }))).status).toBe(429)
    expect(provider.asked('/v1/responses')).toHaveLength(2)
  })

  it('says for a model that only sources have when it begins anew', async () => {
    const { add, api } = await start(false)
    const models = [{ model: 'local-1', ...cheap }]
    await add({ use: ['missing_models'], models, budget: { usdPerMonth: 0.000_001 } })
    const { status, body } = await api('POST', '/v1/responses', { model: 'local-1', input: 'hello' })
    expect([status, body.error.code]).toEqual([429, 'source_budget_spent'])
    expect(body.error.message).toBe('The budget of Spare for the month has no room for this request.')
  })

  it('as many requests run at a source as it may have', async () => {
    const { rig, provider, add, newest } = await start(true)
    await add({ maxConcurrency: 1 })
    const letGo = provider.hold()
    const first = ask(rig, turnBody('hello', { model: 'gpt-5.5' }))
    await eventually('one is there', async () => provider.asked('/v1/responses').length === 1)
    expect((await ask(rig, turnBody('hello', { model: 'gpt-5.5' }))).status).toBe(429)
    expect((await newest()).attempts[0].code).toBe('source_busy')
    letGo()
    expect((await first).status).toBe(200)
  })
})

describe('a model that the pool lacks', () => {
  const models = [{ model: 'local-1', contextWindow: 32_000, ...cheap }]

  it('is listed with its owner, served at once, and the pool is not asked', async () => {
    const { rig, provider, add, api, newest } = await start(false)
    const spare = await add({ use: ['missing_models'], models })
    const list = await sdk().models.list()
    expect(list.data.find(({ id }) => id === 'local-1')).toMatchObject({ owned_by: 'Spare', context_length: 32_000 })
    expect(list.data.length).toBeGreaterThan(1)
    expect(await sdk().models.retrieve('local-1')).toMatchObject({ owned_by: 'Spare' })
    const answer = await sdk().responses.create({ model: 'local-1', input: 'hello' })
    expect(answer.output_text).toBe(word)
    expect(turnsAt(rig.simulator)).toEqual([])
    expect(await newest()).toMatchObject({ sourceId: spare.id, decision: { because: 'source_model' } })
    // The pool's own models are the pool's.
    await sdk().responses.create({ model: 'gpt-5.5', input: 'hello' })
    expect(await newest(2)).toMatchObject({ sourceId: null, accountId: expect.any(String) })
    expect(provider.asked('/v1/responses')).toHaveLength(1)
    await api('DELETE', `/api/model-sources/${spare.id}`)
    expect((await sdk().models.list()).data.some(({ id }) => id === 'local-1')).toBe(false)
  })

  it('is served while no account has been imported', async () => {
    const { add } = await start(false, { importAll: false })
    await add({ use: ['missing_models'], models })
    expect((await sdk().responses.create({ model: 'local-1', input: 'hello' })).output_text).toBe(word)
  })

  it('a source that is down is named in the error, and a refusal of the source is its client’s', async () => {
    const { provider, add, api, newest } = await start(false)
    await add({ use: ['missing_models'], models })
    provider.fail('/v1/responses', { kind: 'status', status: 500 })
    const down = await api('POST', '/v1/responses', { model: 'local-1', input: 'hello' })
    expect([down.status, down.body.error.code]).toEqual([503, 'source_unavailable'])
    expect(down.body.error.message).toContain('comes from the model source Spare')
    const refused = { error: { message: 'Too long.', code: 'context_length_exceeded', type: 'invalid_request_error' } }
    provider.fail('/v1/responses', { kind: 'status', status: 400, body: refused })
    const long = await api('POST', '/v1/responses', { model: 'local-1', input: 'hello' })
    expect([long.status, long.body.error.code]).toEqual([400, 'context_length_exceeded'])
    expect((await newest(2)).attempts).toMatchObject([{ scope: 'request', code: 'context_length_exceeded' }])
  })

  it('a chat source names what it cannot take', async () => {
    const { add, api } = await start(false)
    await add({ use: ['missing_models'], supports: { chat: true }, models })
    const tools = [{ type: 'mcp', server_label: 'x', server_url: 'https://mcp.example' }]
    const { status, body } = await api('POST', '/v1/responses', { model: 'local-1', input: 'hello', tools })
    expect([status, body.error.param]).toEqual([400, 'tools[0].type'])
    expect(body.error.message).toBe(
      'A model source that speaks Chat Completions only cannot take tools of the type "mcp".',
    )
  })

  it('a client that leaves ends the call, and what was reserved counts', async () => {
    const { rig, provider, add, newest } = await start(false)
    const spare = await add({ use: ['missing_models'], models })
    provider.fail('/v1/responses', { kind: 'silent' })
    const leaving = new AbortController()
    const turn = ask(rig, turnBody('x', { model: 'local-1' }), { signal: leaving.signal }).catch(() => null)
    await eventually('it is there', async () => provider.calls.length === 1)
    leaving.abort()
    await turn
    expect(await newest()).toMatchObject({ status: 'cancelled' })
    expect((await source(spare.id)).spent.usdToday).toBeGreaterThan(0)
    expect((await source(spare.id)).inFlight).toBe(0)
    expect((await source(spare.id)).health.failures).toBe(0)
  })
})

describe('live events', () => {
  it('name the source from the moment it is asked', async () => {
    const { rig, provider, add } = await start(true)
    const spare = await add()
    const watching = new AbortController()
    const events = await fetch(`${rig.url}/api/events`, { signal: watching.signal })
    let heard = ''
    const listening = (async () => {
      for await (const chunk of events.body ?? []) heard += Buffer.from(chunk).toString('utf8')
    })().catch(() => {})
    const letGo = provider.hold()
    const turn = ask(rig, turnBody('hello', { model: 'gpt-5.5' }))
    await eventually('it was told who is asked', async () => heard.includes('"phase":"chosen"'))
    letGo()
    await turn
    await eventually('its end was told', async () => heard.includes('"phase":"ended"'))
    watching.abort()
    await listening
    const phases = eventsIn(heard.replace(/^:.*\n\n/gm, '')).filter((event) => 'phase' in event)
    const told = phases.map(({ phase, sourceId }: Record<string, unknown>) => [phase, sourceId])
    expect(told).toEqual(
      expect.arrayContaining([
        ['chosen', spare.id],
        ['ended', spare.id],
      ]),
    )
  })
})

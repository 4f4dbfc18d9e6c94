import { request } from 'node:http'
import { zstdCompressSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import type { Fault } from '../../src/simulator/faults.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { jsonOf, turnBody, userMessage } from '../support/simulator-client.ts'
import type { Rig, RigOptions } from '../support/start.ts'
import {
  a,
  ask,
  askedOf,
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

// The rules that the real Codex client sets a proxy, as they were observed.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

async function start(options: RigOptions = {}) {
  clock = createManualClock()
  rig = await startPool({ app: { clock }, ...options, env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' } })
}

const prefixes = ['/backend-api/codex', '/v1']

type Upgraded = { status: number; headers: Record<string, string | string[] | undefined> }

/** Opens a WebSocket the way Codex does. */
function upgrade(path: string): Promise<Upgraded> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'openai-beta': 'responses_websockets=2026-02-06',
  }
  return new Promise((resolve, reject) => {
    const opening = request(rig.url + path, { headers, agent: false }, (answer) => {
      answer.resume().on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers }))
    })
    opening.on('upgrade', (answer, socket) => {
      socket.destroy()
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers })
    })
    opening.on('error', reject).end()
  })
}

describe('the eleven rules of the Codex client', () => {
  it.each(prefixes)('rule 1: everything that Codex asks for is served under %s', async (prefix) => {
    await start()
    expect((await ask(rig, turnBody('hello'), { path: `${prefix}/responses` })).events.at(-1)?.type).toBe(
      'response.completed',
    )
    expect((await upgrade(`${prefix}/responses`)).status).toBe(101)
    const models = await fetch(`${rig.url}${prefix}/models?client_version=0.169.0`)
    expect((await jsonOf(models)).models.length).toBeGreaterThan(0)
    const compact = await ask(
      rig,
      { model: 'gpt-5.5', input: [userMessage('hi')] },
      { path: `${prefix}/responses/compact` },
    )
    expect(JSON.parse(compact.text).output).toEqual([expect.objectContaining({ type: 'compaction' })])
    // What `codex doctor` probes.
    expect((await fetch(`${rig.url}${prefix}/responses`, { method: 'HEAD' })).status).toBeLessThan(500)
    expect((await fetch(`${rig.url}${prefix}/models`)).status).toBeLessThan(500)
  })

  it('rule 2: bodies compressed with zstd are understood, and reach the upstream as plain JSON', async () => {
    await start()
    const body = turnBody('FAKE_TEXT: compressed words')
    const packed = new Uint8Array(zstdCompressSync(JSON.stringify(body)))
    for (const path of [codexPath, publicPath]) {
      const told = await ask(rig, packed, { path, headers: { 'content-encoding': 'zstd' } })
      expect(told).toMatchObject({ status: 200 })
      expect(told.text).toContain('compressed words')
    }
    for (const { headers, body: seen } of turnsAt(rig.simulator)) {
      expect(headers['content-encoding']).toBeUndefined()
      expect(seen).toMatchObject({ input: [userMessage('FAKE_TEXT: compressed words')] })
    }
  })

  it('rule 3: a body without instructions, its tools an input item, passes as it is', async () => {
    await start()
    const tools = { type: 'additional_tools', role: 'developer', tools: [{ type: 'custom', name: 'exec' }] }
    const developer = { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Be good.' }] }
    const body = {
      ...{ model: 'gpt-5.5', input: [tools, developer, userMessage('FAKE_TOOL: ls')], parallel_tool_calls: false },
      ...{ reasoning: { effort: 'medium', context: 'all_turns' }, store: false, stream: true },
    }
    const headers = {
      originator: 'codex_exec',
      'user-agent': 'codex_exec/0.169.0',
      'x-openai-internal-codex-responses-lite': 'true',
    }
    const told = await ask(rig, body, { headers })
    expect(told.text).toContain('custom_tool_call')
    const [seen] = turnsAt(rig.simulator)
    expect(seen?.body).toEqual(body)
    expect(seen?.bodyBytes).toBe(Buffer.byteLength(JSON.stringify(body)))
    expect(seen?.headers).toMatchObject(headers)
  })

  const recoverable: Fault[] = [
    { kind: 'usage_limit' },
    { kind: 'rate_limit' },
    { kind: 'usage_not_included' },
    { kind: 'unauthorized' },
    { kind: 'account_deactivated' },
    { kind: 'overloaded' },
    { kind: 'slow_down' },
    { kind: 'reset' },
    { kind: 'html200' },
    { kind: 'cut_before_output' },
    { kind: 'failed' },
    { kind: 'invalid_encrypted_content' },
    { kind: 'status', status: 400, code: 'previous_response_not_found', message: 'Previous response not found.' },
  ]
  it.each(recoverable)('rule 4: $kind on every account is never answered with a 400', async (fault) => {
    await start()
    for (const email of [a, b, c]) rig.simulator.script(email, { ...fault, times: 'always' })
    const told = await hurry(clock, ask(rig))
    expect(told.status).toBeGreaterThan(400)
    expect(told.text).not.toMatch(/invalid_encrypted_content|previous_response_not_found/)
  })

  it('rule 4: reasoning that another account made is left out when a thread has to move', async () => {
    await start()
    const thread = { headers: { 'thread-id': 't' } }
    const first = await ask(rig, turnBody('hi', { include: ['reasoning.encrypted_content'] }), thread)
    const items = first.events.flatMap(({ type, item }) => (type === 'response.output_item.done' ? [item] : []))
    expect(JSON.stringify(items)).toContain('encrypted_content')
    rig.simulator.script(a, { kind: 'usage_limit' })
    const input = [userMessage('hi'), ...items, userMessage('FAKE_TEXT: moved')]
    const moved = await ask(rig, turnBody('', { input }), thread)
    expect(moved).toMatchObject({ status: 200 })
    expect(moved.text).toContain('moved')
    // b could not read it, and was asked again without it.
    expect(askedOf(rig.simulator)).toBe('aabb')
    expect(JSON.stringify(turnsAt(rig.simulator).at(-1)?.body)).not.toContain('encrypted_content')
  })

  it('rule 5: a spent pool is a 429 usage_limit_reached with the time of the first reset', async () => {
    await start()
    for (const [email, resetsInSeconds] of [
      [a, 900],
      [b, 300],
      [c, 600],
    ] as const)
      rig.simulator.script(email, { kind: 'usage_limit', resetsInSeconds })
    const told = await ask(rig)
    expect(told).toMatchObject({
      status: 429,
      error: { type: 'usage_limit_reached', plan_type: 'plus', resets_at: clock.now() / 1_000 + 300 },
    })
  })

  it.each(prefixes)(
    'rule 6: a WebSocket handshake on %s is refused with 426, at once, when sockets are off',
    async (prefix) => {
      await start()
      await fetch(`${rig.url}/api/settings`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ webSockets: false }),
      })
      const { status, headers } = await upgrade(`${prefix}/responses`)
      expect(status).toBe(426)
      expect(headers.upgrade).toBeDefined()
      expect(askedOf(rig.simulator)).toBe('')
    },
  )

  it('rule 7: a silent stream is kept alive with data events, not with comments', async () => {
    await start()
    rig.simulator.script(a, { kind: 'stall_after_output', ms: 45_000 })
    const stream = follow(await post(rig, turnBody('FAKE_EVENTS: 30')))
    await hurry(clock, stream.done, 250)
    const alive = stream.text().match(/^event: codex\.keepalive\ndata: \{"type":"codex\.keepalive"\}$/gm)
    expect(alive?.length).toBeGreaterThanOrEqual(3)
    expect(stream.text()).not.toMatch(/^:/m)
  })

  it('rule 8: an upstream that never sends headers is not waited for without end', async () => {
    await start({ app: { deadlines: { connectMs: 5_000, headersMs: 300, silenceMs: 300 } } })
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'hang', times: 'always' })
    const told = await ask(rig)
    expect(told.status).toBeGreaterThanOrEqual(500)
    expect(askedOf(rig.simulator)).toBe('abc')
  })

  it('rule 9: the openai-model header never names another model than the one asked for', async () => {
    await start()
    for (const model of ['gpt-5.5', 'gpt-5.4']) {
      const { headers } = await ask(rig, turnBody('hi', { model }))
      expect([null, model]).toContain(headers.get('openai-model'))
      // Differs from account to account: Codex would ask for the catalogue again after each answer.
      expect(headers.get('x-models-etag')).toBe(null)
    }
  })

  it.each([codexPath, publicPath])('rule 10: a body of 20 MB with images inlined is taken on %s', async (path) => {
    await start()
    const image = { type: 'input_image', image_url: `data:image/png;base64,${'A'.repeat(20_000_000)}` }
    const input = [{ type: 'message', role: 'user', content: [image, { type: 'input_text', text: 'FAKE_TEXT: seen' }] }]
    const told = await ask(rig, turnBody('', { input }), { path })
    expect(told).toMatchObject({ status: 200 })
    expect(told.text).toContain('seen')
    expect(turnsAt(rig.simulator)[0]?.bodyBytes).toBeGreaterThan(20_000_000)
  })

  it('rule 11: what marks a conversation keeps it on its account, and reaches the upstream', async () => {
    await start()
    await setStrategy('round_robin')
    for (const mark of [
      { headers: { 'session-id': 's-1' }, body: {} },
      { headers: { 'thread-id': 't-1' }, body: {} },
      { headers: {}, body: { prompt_cache_key: 'k-1' } },
    ]) {
      const before = askedOf(rig.simulator).length
      for (let turn = 0; turn < 4; turn++) await ask(rig, turnBody('hi', mark.body), { headers: mark.headers })
      const asked = askedOf(rig.simulator).slice(before)
      expect(asked).toBe(asked.charAt(0).repeat(4))
      const last = turnsAt(rig.simulator).at(-1)
      expect(last?.headers).toMatchObject(mark.headers)
      expect(last?.body).toMatchObject(mark.body)
    }
  })

  it('rule 11: turn state goes back to the account that issued it', async () => {
    await start()
    await setStrategy('round_robin')
    const turnState = (await ask(rig)).headers.get('x-codex-turn-state') ?? ''
    expect(turnState).toMatch(/^sim-turn-/)
    for (let turn = 0; turn < 3; turn++)
      await ask(rig, turnBody('hi'), { headers: { 'x-codex-turn-state': turnState } })
    const asked = askedOf(rig.simulator)
    expect(asked).toBe(asked.charAt(0).repeat(4))
    expect(turnsAt(rig.simulator).at(-1)?.headers['x-codex-turn-state']).toBe(turnState)
  })
})

async function setStrategy(strategy: string): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  await fetch(`${rig.url}/api/settings`, { method: 'PATCH', headers, body: JSON.stringify({ strategy }) })
}

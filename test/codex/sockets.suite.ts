import { describe, expect, it } from 'vitest'
import { clientVersions } from './codex.ts'
import { startConversation } from './conversation.ts'
import { visitorEmail } from './product.ts'
import { ann, overSockets, useSocketStage } from './socket-stage.ts'
import { expectAnswer, expectShell, printServed, shellTurn } from './stage.ts'

printServed()

describe.each(clientVersions)('Codex CLI %s on WebSockets', (version) => {
  const { product, tap, sockets, posts, asked, codexWith, appServer } = useSocketStage(version)

  it('gets an answer on one socket, from one socket upstream, and its prewarm is not counted', async () => {
    const codex = await codexWith(overSockets)
    expectAnswer(await codex.turn('FAKE_TEXT: a first answer'), 'a first answer')
    expect(sockets()).toEqual([{ status: 101, sent: ['prewarm', 'delta'], closed: null }])
    expect(posts()).toEqual([])
    expect(asked()).toEqual([ann, ann])
    expect(product().upstreamSockets()).toBe(1)
    const tries = [{ by: ann, verdict: 'relay' }]
    expect(await product().served()).toMatchObject([{ by: ann, tries, status: 'success', transport: 'ws' }])
  })

  it('sends the output of a shell command as what is new', async () => {
    const codex = await codexWith(overSockets)
    expectShell(await codex.turn(shellTurn))
    expect(sockets()).toEqual([{ status: 101, sent: ['prewarm', 'delta', 'delta'], closed: null }])
    expect(product().upstreamSockets()).toBe(1)
    const [, first, second] = product().upstreamFrames()
    expect(first?.headers['openai-beta']).toBe('responses_websockets=2026-02-06')
    const output = version === '0.142.2' ? 'function_call_output' : 'custom_tool_call_output'
    expect(second?.body?.input).toMatchObject([{ type: output }])
    expect((await product().served()).map(({ transport }) => transport)).toEqual(['ws', 'ws'])
  })

  it('does the same with base_url ending in /v1', async () => {
    const codex = await codexWith({ ...overSockets, path: '/v1' })
    expectShell(await codex.turn(shellTurn))
    expect(sockets()).toEqual([{ status: 101, sent: ['prewarm', 'delta', 'delta'], closed: null }])
    expect((await product().served()).map(({ status }) => status)).toEqual(['success', 'success'])
  })

  it('is served by the pool when it is signed in, under the name "OpenAI"', async () => {
    const provider = `requires_openai_auth = true\n${overSockets.provider}`
    // Account calls must go to another origin than the turns: 0.169.0 would send the turns past the product.
    const changes = { name: 'OpenAI', provider, chatgptUrl: product().simulator.baseUrl }
    const codex = await codexWith(changes, product().simulator.authJson(visitorEmail))
    expectShell(await codex.turn(shellTurn))
    expect(sockets().map(({ status }) => status)).toEqual([101])
    expect(asked()).toEqual([ann, ann, ann])
  })

  it('stays on its socket from turn to turn', async () => {
    const codex = await codexWith(overSockets)
    const say = await startConversation(await appServer(codex), codex)
    expect(await say('FAKE_TEXT: the first answer')).toEqual(['the first answer'])
    expect(await say('FAKE_TEXT: the second answer')).toEqual(['the second answer'])
    expect(sockets()).toEqual([{ status: 101, sent: ['prewarm', 'delta', 'delta'], closed: null }])
    expect(product().upstreamSockets()).toBe(1)
  })

  it('resumes a thread on the account that served it', async () => {
    const codex = await codexWith(overSockets)
    expectAnswer(await codex.turn('FAKE_TEXT: the first answer'), 'the first answer')
    // From here on another account would come first.
    await product().change({ strategy: 'usage_weighted' })
    expectAnswer(await codex.resume('FAKE_TEXT: the second answer'), 'the second answer')
    const one = { status: 101, sent: ['prewarm', 'delta'], closed: null }
    expect(sockets()).toEqual([one, one])
    expect(asked()).toEqual([ann, ann, ann, ann])
    expect(JSON.stringify(product().upstreamFrames().at(-1)?.body?.input)).toContain('the first answer')
  })

  it.each(['/backend-api/codex', '/v1'])('shows the figures of the pool as its limits at %s', async (path) => {
    const codex = await codexWith({ ...overSockets, path })
    expectAnswer(await codex.turn('FAKE_TEXT: an answer'), 'an answer')
    const told = (await codex.rollout()).flatMap(({ type, rate_limits }) =>
      type === 'token_count' ? [rate_limits] : [],
    )
    const last = told.at(-1)
    expect(last).toMatchObject({ primary: { window_minutes: 300 }, secondary: { window_minutes: 10_080 } })
    // The account that answers has used 60 %.
    expect(last.primary.used_percent).toBeCloseTo(40, 0)
    expect(JSON.stringify(told)).not.toContain('"used_percent":60')
  })

  it('uses HTTP at once when sockets are switched off', async () => {
    await product().change({ webSockets: false })
    const codex = await codexWith(overSockets)
    expectShell(await codex.turn(shellTurn))
    expect(sockets()).toEqual([{ status: 426, sent: [], closed: null }])
    expect(posts()).toEqual(['/backend-api/codex/responses', '/backend-api/codex/responses'])
    const [refused, first] = tap().seen
    expect((first?.atMs ?? 0) - (refused?.atMs ?? 0)).toBeLessThan(2_000)
  })

  it('uses HTTP when the upstream takes no sockets, and next time at once', async () => {
    product().simulator.setWebSockets(false)
    const codex = await codexWith(overSockets)
    expectAnswer(await codex.turn('FAKE_TEXT: the first answer'), 'the first answer')
    const refused = { status: 426, sent: [], closed: null }
    expect(sockets()).toEqual([{ status: 101, sent: ['prewarm'], closed: 1012 }, refused])
    expectAnswer(await codex.resume('FAKE_TEXT: the second answer'), 'the second answer')
    expect(sockets().slice(2)).toEqual([refused])
    expect(posts()).toHaveLength(2)
  })
})

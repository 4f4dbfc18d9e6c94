import { describe, expect, it } from 'vitest'
import type { Fault } from '../../src/simulator/faults.ts'
import { clientVersions, troubleIn } from './codex.ts'
import { startConversation } from './conversation.ts'
import { poolEmails } from './product.ts'
import { ann, ben, cleo, overSockets, useSocketStage } from './socket-stage.ts'
import { expectAnswer, expectShell, printServed, shellTurn } from './stage.ts'

printServed()

describe.each(clientVersions)('Codex CLI %s on WebSockets sees nothing of it', (version) => {
  const stage = useSocketStage(version)
  const { sockets, posts, asked, codexWith, shellTurnWith, lastServed } = stage
  const script = (email: string, ...faults: Fault[]) => stage.product().simulator.script(email, ...faults)
  const limit = { kind: 'usage_limit', times: 'always' } as const
  /** The client was let go at this turn, and came back with the whole conversation. */
  const moved = [
    { status: 101, sent: ['prewarm', 'delta', 'delta'], closed: 1012 },
    { status: 101, sent: ['whole'], closed: null },
  ]
  /** The upstream's socket has ended while nothing was asked: the client was let go before its next turn. */
  const movedBefore = [{ status: 101, sent: ['prewarm', 'delta'], closed: 1012 }, moved[1]]

  it('when accounts are out from the first frame on', async () => {
    for (const email of [ann, ben]) script(email, limit, { ...limit, path: 'prewarm' })
    const codex = await codexWith(overSockets)
    expectAnswer(await codex.turn('FAKE_TEXT: an answer'), 'an answer')
    expect(sockets()).toEqual([{ status: 101, sent: ['prewarm', 'delta'], closed: null }])
    expect(asked()).toEqual([ann, ben, cleo, cleo])
  })

  it('when accounts are out at the handshake', async () => {
    for (const email of [ann, ben]) script(email, { ...limit, path: 'handshake' })
    const codex = await codexWith(overSockets)
    expectAnswer(await codex.turn('FAKE_TEXT: an answer'), 'an answer')
    expect(sockets()).toEqual([{ status: 101, sent: ['prewarm', 'delta'], closed: null }])
    expect(asked()).toEqual([cleo, cleo])
  })

  it('when the account is out between prewarm and turn', async () => {
    script(ann, limit)
    const codex = await codexWith(overSockets)
    expectAnswer(await codex.turn('FAKE_TEXT: an answer'), 'an answer')
    expect(sockets()).toEqual(movedBefore)
    expect(asked()).toEqual([ann, ann, ben])
  })

  it('when the account reaches its limit in the middle of a conversation', async () => {
    const run = await shellTurnWith(overSockets, () => script(ann, limit))
    expectShell(run)
    expect(sockets()).toEqual(moved)
    expect((await lastServed()).by).not.toBe(ann)
    expect(await stage.product().statusOf(ann)).toBe('rate_limited')
    expect(posts()).toEqual([])
  })

  it('when the account is signed out in the middle of a conversation', async () => {
    const run = await shellTurnWith(overSockets, () => script(ann, { kind: 'unauthorized', times: 'always' }))
    expectShell(run)
    expect(sockets()).toEqual(moved)
    expect(await stage.product().statusOf(ann)).toBe('reauth_required')
  })

  it.each([1012, 1000, 1011])('when the upstream closes its socket with %i between two requests', async (code) => {
    expectShell(await shellTurnWith(overSockets, () => stage.product().simulator.closeWebSockets({ code })))
    expect(sockets()).toEqual(movedBefore)
    expect(asked()).toEqual([ann, ann, ann])
  })

  it('when the upstream closes its socket behind each turn', async () => {
    script(ann, { kind: 'close_after_turn', times: 'always' })
    const codex = await codexWith(overSockets)
    const say = await startConversation(await stage.appServer(codex), codex)
    expect(await say('FAKE_TEXT: the first answer')).toEqual(['the first answer'])
    expect(await say('FAKE_TEXT: the second answer')).toEqual(['the second answer'])
    expect(sockets().map(({ sent }) => sent)).toEqual([['prewarm', 'delta'], ['whole']])
  })

  it.each(['cut_before_output', 'reset', 'close', 'close_before_output'] as const)(
    'when the upstream breaks off before output (%s), with what is new and with all of it',
    async (kind) => {
      const run = await shellTurnWith(overSockets, () => script(ann, { kind, times: 2 }))
      expectShell(run)
      expect(sockets()).toEqual(moved)
      expect(asked()).toEqual([ann, ann, ann, ann, ann])
    },
  )

  it('when the upstream breaks off behind the first words', async () => {
    script(ann, { kind: 'cut_after_output' })
    const codex = await codexWith(overSockets)
    expectAnswer(await codex.turn('FAKE_TEXT: all of an answer'), 'all of an answer')
    expect(sockets().map(({ sent }) => sent)).toEqual([['prewarm', 'delta'], ['whole']])
  })

  it.each(['prewarm', 'responses', 'handshake'] as const)('when a token is refused (%s)', async (path) => {
    script(ann, { kind: 'unauthorized', path })
    const codex = await codexWith(overSockets)
    expectAnswer(await codex.turn('FAKE_TEXT: an answer'), 'an answer')
    expect(sockets()).toEqual([{ status: 101, sent: ['prewarm', 'delta'], closed: null }])
    expect(stage.product().simulator.refreshes).toMatchObject([{ email: ann, accepted: true }])
  })

  it('when the upstream wants a new socket after an hour', async () => {
    const code = 'websocket_connection_limit_reached'
    const run = await shellTurnWith(overSockets, () => script(ann, { kind: 'status', status: 400, code }))
    expectShell(run)
    expect(sockets().map(({ sent }) => sent)).toEqual([['prewarm', 'delta', 'delta'], ['whole']])
  })

  it('when the server is stopped and started again', async () => {
    const run = await shellTurnWith(overSockets, async () => {
      await stage.product().restart()
      stage.tap().pointAt(stage.product().url)
    })
    expectShell(run)
    expect(sockets()).toEqual(movedBefore)
  })
})

describe.each(clientVersions)('Codex CLI %s on WebSockets is told', (version) => {
  const stage = useSocketStage(version)
  const { sockets, asked, codexWith, shellTurnWith } = stage
  const all = (fault: Fault) => {
    for (const email of poolEmails) stage.product().simulator.script(email, fault)
  }
  const outOfUse = /^You.ve hit your usage limit\..* try again at (?:.* )?\d+:\d\d [AP]M\.$/

  it('of the usage limit and its reset, with one request, when all accounts are out', async () => {
    for (const path of ['prewarm', 'responses'] as const) all({ kind: 'usage_limit', times: 'always', path })
    const codex = await codexWith(overSockets)
    expect(troubleIn(await codex.turn('FAKE_TEXT: never said'))[0]).toMatch(outOfUse)
    const once = [
      { status: 101, sent: ['prewarm'], closed: null },
      { status: 101, sent: ['whole'], closed: null },
    ]
    expect(sockets()).toEqual(once)
    expect(asked()).toEqual([ann, ben, cleo])
    // Now the product knows, and need not ask.
    expect(troubleIn(await codex.turn('FAKE_TEXT: never said'))[0]).toMatch(outOfUse)
    expect(sockets()).toEqual([...once, ...once])
    expect(asked()).toEqual([ann, ben, cleo])
    expect((await stage.product().served()).map(({ errorCode }) => errorCode)).toEqual([
      'usage_limit_reached',
      'usage_limit_reached',
    ])
  })

  it('of the usage limit when all accounts reach it in the middle of a conversation', async () => {
    const run = await shellTurnWith(overSockets, () => all({ kind: 'usage_limit', times: 'always' }))
    expect(troubleIn(run)[0]).toMatch(outOfUse)
    expect(sockets().map(({ sent }) => sent)).toEqual([['prewarm', 'delta', 'delta'], ['whole']])
  })

  it.each(['/backend-api/codex', '/v1'])('of an error that came without a status, at once, at %s', async (path) => {
    all({ kind: 'error_event', code: 'invalid_value', message: 'This cannot be done.' })
    const codex = await codexWith({ ...overSockets, path })
    const [trouble = ''] = troubleIn(await codex.turn('FAKE_TEXT: never said'))
    expect(trouble).toContain('This cannot be done.')
    // What one account has used is nobody's business.
    expect(trouble).not.toContain('x-codex-')
    expect(sockets().map(({ sent }) => sent)).toEqual([['prewarm', 'delta']])
  })

  it.each(['/backend-api/codex', '/v1'])('of a request that no account takes, at %s', async (path) => {
    all({ kind: 'invalid_request', message: 'This cannot be done.' })
    const codex = await codexWith({ ...overSockets, path })
    const [trouble = ''] = troubleIn(await codex.turn('FAKE_TEXT: never said'))
    expect(trouble).toContain('This cannot be done.')
    expect(trouble).not.toContain('x-codex-')
    expect(sockets().map(({ sent }) => sent)).toEqual([['prewarm', 'delta']])
  })

  it('of a break behind the first words in a way that it recovers from, at /v1', async () => {
    all({ kind: 'cut_after_output' })
    const codex = await codexWith({ ...overSockets, path: '/v1' })
    expectAnswer(await codex.turn('FAKE_TEXT: all of an answer'), 'all of an answer')
    expect(sockets().map(({ sent }) => sent)).toEqual([['prewarm', 'delta'], ['whole']])
  })
})

describe.each(clientVersions)('Codex CLI %s on WebSockets', (version) => {
  const stage = useSocketStage(version)

  it('may be interrupted, and goes on with its next turn', async () => {
    const { product, codexWith, appServer } = stage
    product().simulator.script(ann, { kind: 'stall_after_output', ms: 500 })
    const codex = await codexWith(overSockets)
    const server = await appServer(codex)
    const { thread } = await server.result('thread/start', { cwd: codex.folder })
    const input = [{ type: 'text', text: 'FAKE_EVENTS: 30' }]
    const { turn } = await server.result('turn/start', { threadId: thread.id, input })
    await server.hears('item/agentMessage/delta')
    await server.result('turn/interrupt', { threadId: thread.id, turnId: turn.id })
    await server.result('turn/start', { threadId: thread.id, input: [{ type: 'text', text: shellTurn }] })
    await server.hears('item/completed', ({ item }) => item.type === 'agentMessage' && item.text.includes('from-the-shell'))
    expect(product().upstreamTurns()).toEqual([])
    expect((await product().served()).map(({ status }) => status)).toEqual(['cancelled', 'success', 'success'])
  })
})

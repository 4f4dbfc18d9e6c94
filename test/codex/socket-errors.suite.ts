import { describe, expect, it } from 'vitest'
import type { Fault } from '../../src/simulator/faults.ts'
import { clientVersions, troubleIn } from './codex.ts'
import { poolEmails } from './product.ts'
import { ann, ben, cleo, overSockets, useSocketStage } from './socket-stage.ts'
import { expectAnswer, printServed, shellTurn } from './stage.ts'

printServed()

describe.each(clientVersions)('Codex CLI %s on WebSockets is told', (version) => {
  const { product, sockets, asked, codexWith, shellTurnWith } = useSocketStage(version)
  const all = (fault: Fault) => {
    for (const email of poolEmails) product().simulator.script(email, fault)
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
    expect((await product().served()).map(({ errorCode }) => errorCode)).toEqual([
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
  const { product, codexWith, appServer } = useSocketStage(version)

  it('may be interrupted, and goes on with its next turn', async () => {
    product().simulator.script(ann, { kind: 'stall_after_output', ms: 500 })
    const codex = await codexWith(overSockets)
    const server = await appServer(codex)
    const { thread } = await server.result('thread/start', { cwd: codex.folder })
    const input = [{ type: 'text', text: 'FAKE_EVENTS: 30' }]
    const { turn } = await server.result('turn/start', { threadId: thread.id, input })
    await server.hears('item/agentMessage/delta')
    await server.result('turn/interrupt', { threadId: thread.id, turnId: turn.id })
    await server.result('turn/start', { threadId: thread.id, input: [{ type: 'text', text: shellTurn }] })
    await server.hears(
      'item/completed',
      ({ item }) => item.type === 'agentMessage' && item.text.includes('from-the-shell'),
    )
    expect(product().upstreamTurns()).toEqual([])
    // The older one hears the turn out before it sends the next.
    const first = version === '0.142.2' ? 'success' : 'cancelled'
    expect((await product().served()).map(({ status }) => status)).toEqual([first, 'success', 'success'])
  })
})

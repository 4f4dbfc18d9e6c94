import { describe, expect, it } from 'vitest'
import type { Fault } from '../../src/simulator/faults.ts'
import { clientVersions } from './codex.ts'
import { startConversation } from './conversation.ts'
import { ann, ben, cleo, overSockets, useSocketStage } from './socket-stage.ts'
import { expectAnswer, expectShell, printServed } from './stage.ts'

printServed()

describe.each(clientVersions)('Codex CLI %s on WebSockets sees nothing of it', (version) => {
  const { product, tap, sockets, posts, asked, codexWith, appServer, shellTurnWith, lastServed } =
    useSocketStage(version)
  const script = (email: string, ...faults: Fault[]) => product().simulator.script(email, ...faults)
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
    expect(await product().statusOf(ann)).toBe('rate_limited')
    expect(posts()).toEqual([])
  })

  it('when the account is signed out in the middle of a conversation', async () => {
    const run = await shellTurnWith(overSockets, () => script(ann, { kind: 'unauthorized', times: 'always' }))
    expectShell(run)
    expect(sockets().map(({ sent }) => sent)).toEqual(moved.map(({ sent }) => sent))
    expect((await lastServed()).by).not.toBe(ann)
    expect(await product().statusOf(ann)).toBe('reauth_required')
  })

  it.each([1012, 1000])('when the upstream closes its socket with %i between two requests', async (code) => {
    expectShell(await shellTurnWith(overSockets, () => product().simulator.closeWebSockets({ code })))
    expect(sockets()).toEqual(movedBefore)
    expect(asked()).toEqual([ann, ann, ann])
  })

  it('when the upstream closes its socket behind each turn', async () => {
    script(ann, { kind: 'close_after_turn', times: 'always' })
    const codex = await codexWith(overSockets)
    const say = await startConversation(await appServer(codex), codex)
    expect(await say('FAKE_TEXT: the first answer')).toEqual(['the first answer'])
    expect(await say('FAKE_TEXT: the second answer')).toEqual(['the second answer'])
    expect(sockets().map(({ sent }) => sent)).toEqual([['prewarm', 'delta'], ['whole']])
  })

  it.each(['cut_before_output', 'close_before_output', 'reset'] as const)(
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
    expect(product().simulator.refreshes).toMatchObject([{ email: ann, accepted: true }])
  })

  it('when the upstream wants a new socket after an hour', async () => {
    const code = 'websocket_connection_limit_reached'
    const run = await shellTurnWith(overSockets, () => script(ann, { kind: 'status', status: 400, code }))
    expectShell(run)
    expect(sockets().map(({ sent }) => sent)).toEqual([['prewarm', 'delta', 'delta'], ['whole']])
  })

  it('when the server is stopped and started again', async () => {
    const run = await shellTurnWith(overSockets, async () => {
      await product().restart()
      tap().pointAt(product().url)
    })
    expectShell(run)
    expect(sockets()).toEqual(movedBefore)
  })
})

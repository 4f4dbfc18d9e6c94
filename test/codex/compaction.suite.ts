import { describe, expect, it } from 'vitest'
import { clientVersions, troubleIn } from './codex.ts'
import { overSockets } from './socket-stage.ts'
import { expectAnswer, printServed, useStage } from './stage.ts'

printServed()

const compactEarly = 'model_auto_compact_token_limit = 5000'

describe.each(clientVersions)('Codex CLI %s compacts', (version) => {
  const { product, tap, codexWith, lastServed } = useStage(version)
  /** What came to the upstream on either way, but for prewarms. */
  const cameThrough = () =>
    [...product().upstreamTurns(), ...product().upstreamFrames()].filter(({ body }) => body?.generate !== false)

  describe.each([
    ['over HTTP', {}],
    ['on WebSockets', overSockets],
  ])('%s', (_, transport) => {
    it.each([
      ['by itself', {}, 'CONTEXT CHECKPOINT COMPACTION'],
      ['with the upstream’s help', { name: 'OpenAI' }, '"compaction_trigger"'],
    ])('a long thread %s', async (_, changes, request) => {
      const codex = await codexWith({ top: compactEarly, ...transport, ...changes })
      expectAnswer(await codex.turn('FAKE_TEXT: the first answer'), 'the first answer')
      expectAnswer(await codex.resume('FAKE_TEXT: the second answer'), 'the second answer')
      const [first, compaction, second] = cameThrough()
      expect(JSON.stringify(compaction?.body?.input)).toContain(request)
      expect(compaction?.email).toBe(first?.email)
      expect(second?.email).toBe(first?.email)
      expect(new Set((await product().served()).map((served) => served.transport)).size).toBe(1)
    })

    it('and is told of the usage limit, with one request, when only an account that is out can read the thread', async () => {
      const codex = await codexWith({ top: compactEarly, name: 'OpenAI', ...transport })
      await codex.turn('FAKE_TEXT: the first answer')
      await codex.resume('FAKE_TEXT: the second answer')
      const { by } = await lastServed()
      for (const path of ['prewarm', 'responses'] as const) {
        product().simulator.script(by, { kind: 'usage_limit', times: 'always', path })
      }
      const before = tap().seen.length
      const said = troubleIn(await codex.resume('FAKE_TEXT: never said')).join()
      expect(said).toMatch(/hit your usage limit\..*try again at/)
      expect(tap().seen.slice(before)).toHaveLength(1)
    })
  })

  it('on WebSockets a thread whose account fails its prewarm', async () => {
    const codex = await codexWith({ top: compactEarly, name: 'OpenAI', ...overSockets })
    await codex.turn('FAKE_TEXT: the first answer')
    await codex.resume('FAKE_TEXT: the second answer')
    const { by } = await lastServed()
    product().simulator.script(by, { kind: 'overloaded', times: 3, path: 'prewarm' })
    expectAnswer(await codex.resume('FAKE_TEXT: the third answer'), 'the third answer')
    expect((await lastServed()).by).toBe(by)
  })
})

describe('Codex CLI 0.142.2 that is told to compact by the older request', () => {
  const { product, tap, codexWith } = useStage('0.142.2')

  it.each([
    ['over HTTP', {}],
    ['on WebSockets', overSockets],
  ])('does so %s', async (_, transport) => {
    const features = 'remote_compaction_v2 = false'
    const codex = await codexWith({ top: compactEarly, name: 'OpenAI', features, ...transport })
    expectAnswer(await codex.turn('FAKE_TEXT: the first answer'), 'the first answer')
    expectAnswer(await codex.resume('FAKE_TEXT: the second answer'), 'the second answer')
    const compactions = tap().seen.filter(({ path }) => path === '/backend-api/codex/responses/compact')
    expect(compactions.map(({ status }) => status)).toEqual([200])
    const asked = [...product().upstreamTurns(), ...product().upstreamFrames()]
    expect(new Set(asked.map(({ email }) => email)).size).toBe(1)
    expect(JSON.stringify(asked.map(({ body }) => body?.input))).toContain('"type":"compaction"')
  })
})

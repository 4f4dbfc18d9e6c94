import { describe, expect, it } from 'vitest'
import { createKey } from '../support/keys.ts'
import { clientVersions, troubleIn } from './codex.ts'
import { expectAnswer, printServed, useStage } from './stage.ts'

printServed()

describe.each(clientVersions)('Codex CLI %s with a key over its limit', (version) => {
  const { product, tap, codexWith } = useStage(version)
  const limited = async (changes = '') => {
    const limits = [{ kind: 'requests', period: 'month', isCalendar: false, max: 1, model: null }]
    const { key } = await createKey(product(), { limits })
    return codexWith({ provider: `experimental_bearer_token = "${key}"\n${changes}` })
  }

  it('stops at once, and says that the limit is reached and when there is room again', async () => {
    const codex = await limited()
    expectAnswer(await codex.turn('FAKE_TEXT: the only answer'), 'the only answer')
    const [trouble] = troubleIn(await codex.turn('FAKE_TEXT: never said'))
    expect(trouble).toMatch(/^You.ve hit your usage limit\. Try again at .*\d+:\d\d [AP]M\.$/)
    expect(
      tap()
        .seen.filter(({ method }) => method === 'POST')
        .map(({ status }) => status),
    ).toEqual([200, 429])
    expect(product().upstreamTurns()).toHaveLength(1)
    expect((await product().served()).map(({ errorCode }) => errorCode)).toEqual([null, 'key_limit_reached'])
  })

  it('stops in the same way on a WebSocket', async () => {
    const codex = await limited('supports_websockets = true\n')
    expectAnswer(await codex.turn('FAKE_TEXT: the only answer'), 'the only answer')
    expect(troubleIn(await codex.turn('FAKE_TEXT: never said')).join()).toMatch(/^You.ve hit your usage limit\./)
    expect((await product().served()).map(({ errorCode }) => errorCode)).toEqual([null, 'key_limit_reached'])
  })
})

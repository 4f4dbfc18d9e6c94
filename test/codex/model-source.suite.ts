import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Provider, providerKey, startProvider } from '../support/provider.ts'
import { addSource } from '../support/source-rig.ts'
import { clientVersions, troubleIn } from './codex.ts'
import { poolEmails, sourceName } from './product.ts'
import { expectAnswer, printServed, useStage } from './stage.ts'

printServed()

const accounts = Object.fromEntries(poolEmails.map((email) => [email, { shortUsedPercent: 100 }]))
const saying = 'a word from the provider'

describe.each(clientVersions)('Codex CLI %s with a pool that is out and a model source', (version) => {
  const { product, codexWith } = useStage(version, { accounts, settings: { waitSeconds: 0 } })
  let provider: Provider
  beforeEach(async () => {
    provider = await startProvider()
  })
  afterEach(() => provider.close())

  const add = (given: object) => addSource(product(), provider, given)
  const served = async () => (await product().served()).map(({ by, status }) => `${by}: ${status}`)

  it.each([
    ['by HTTP', ''],
    ['on a WebSocket', 'supports_websockets = true\n'],
  ])('goes on with the source, turn after turn, %s', async (_how, provides) => {
    await add({})
    const codex = await codexWith({ top: 'model = "gpt-5.5"\n', provider: provides })
    expectAnswer(await codex.turn('FAKE_TEXT: never said'), saying)
    expectAnswer(await codex.resume('FAKE_TEXT: nor this'), saying)
    const [first, second, ...more] = provider.asked('/v1/responses')
    expect(more).toEqual([])
    expect(first?.headers.authorization).toBe(`Bearer ${providerKey}`)
    expect(JSON.stringify(second?.body.input)).toContain(saying)
    await vi.waitFor(async () => expect(await served()).toEqual(Array(2).fill(`${sourceName}: success`)))
  })

  it('goes on with a source that knows Chat Completions only', async () => {
    await add({ supports: { chat: true } })
    const codex = await codexWith({ top: 'model = "gpt-5.5"\n' })
    expectAnswer(await codex.turn('FAKE_TEXT: never said'), saying)
  })

  it('is told of the usage limit when the source fails, too', async () => {
    await add({})
    provider.fail('/v1/responses', ...Array.from({ length: 9 }, () => ({ kind: 'status', status: 500 }) as const))
    const codex = await codexWith({ top: 'model = "gpt-5.5"\n' })
    expect(troubleIn(await codex.turn('FAKE_TEXT: never said')).join()).toMatch(/^You.ve hit your usage limit\./)
  })
})

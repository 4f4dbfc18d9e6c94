import { expect, it } from 'vitest'
import { canRunOpenCode, createOpenCode } from './opencode.ts'
import { setStage } from './stage.ts'

// In a file of its own, beside the others: OpenCode alone decides how long this takes.

const name = 'OpenCode (on Linux x64 only) asks six times, then tells of the usage limit, when all accounts are out'
it.runIf(canRunOpenCode)(
  name,
  async () => {
    const stage = await setStage()
    stage.script({ kind: 'usage_limit', times: 'always', resetsInSeconds: 7_200 })
    const openCode = await createOpenCode(stage, '@ai-sdk/openai')
    const { exitCode, lines } = await openCode.turn('FAKE_TEXT: never said')
    expect(lines).toMatchObject([
      { type: 'error', error: { data: { message: expect.stringContaining('usage limit has been reached') } } },
    ])
    expect(exitCode).toBe(1)
    expect(stage.asked()).toEqual(Array(6).fill('POST /v1/responses 429'))
  },
  150_000,
)

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { answersIn, canRunOpenCode, createOpenCode, toolOutputsIn } from './opencode.ts'
import type { Run } from './program.ts'
import { setStage } from './stage.ts'

describe.runIf(canRunOpenCode)('OpenCode (on Linux x64 only)', () => {
  async function start(provider = '@ai-sdk/openai') {
    const stage = await setStage()
    return { ...stage, openCode: await createOpenCode(stage, provider) }
  }
  /** What a person would see: an answer, and no word of trouble. */
  const expectAnswer = (run: Run, answer: string) => {
    expect(run.lines.filter(({ type }) => type === 'error')).toEqual([])
    expect(answersIn(run)).toEqual([answer])
    expect(run.exitCode).toBe(0)
  }
  const expectShell = (run: Run) => {
    expectAnswer(run, 'The command finished. Its output begins with: from-the-shell')
    expect(toolOutputsIn(run)).toEqual(['from-the-shell\n'])
  }
  const answered = 'POST /v1/responses 200'

  it.each([
    ['@ai-sdk/openai', '/v1/responses'],
    ['@ai-sdk/openai-compatible', '/v1/chat/completions'],
    ['@ai-sdk/anthropic', '/v1/messages'],
  ])('runs a shell command and sends its output back, with %s as its provider', async (provider, path) => {
    const { openCode, asked } = await start(provider)
    expectShell(await openCode.turn('FAKE_TOOL: echo from-the-shell'))
    expect(asked()).toEqual([`POST ${path} 200`, `POST ${path} 200`])
  })

  it('goes on with a session on the account that served it', async () => {
    const { openCode, upstreamTurns } = await start()
    expectAnswer(await openCode.turn('FAKE_TEXT: the first answer'), 'the first answer')
    expectAnswer(await openCode.turn('FAKE_TEXT: the second answer', '--continue'), 'the second answer')
    const [first, second] = upstreamTurns()
    expect(second?.text).toContain('the first answer')
    expect(second?.email).toBe(first?.email)
  })

  it('sees nothing of it when the account reaches its limit in the middle of a turn', async () => {
    const { openCode, asked, firstServed, script, lastServed } = await start()
    const running = openCode.turn('FAKE_TOOL: until [ -e go-on ]; do sleep 0.05; done; echo from-the-shell')
    const first = await firstServed()
    script({ kind: 'usage_limit', times: 'always' }, first)
    await writeFile(join(openCode.folder, 'go-on'), '')
    expectShell(await running)
    const { by, triedBefore } = await lastServed()
    expect(by).not.toBe(first)
    expect(triedBefore[0]).toEqual({ by: first, verdict: 'limited' })
    expect(asked()).toEqual([answered, answered])
  })

  it('sees nothing of it when the stream is cut before visible output', async () => {
    const { openCode, asked, script, lastServed } = await start()
    script({ kind: 'cut_before_output' })
    expectAnswer(await openCode.turn('FAKE_TEXT: an answer'), 'an answer')
    expect((await lastServed()).triedBefore).toMatchObject([{ verdict: 'transient' }])
    expect(asked()).toEqual([answered])
  })

  it('asks for the whole step again when the stream is cut after output', async () => {
    const { openCode, asked, script } = await start()
    script({ kind: 'cut_after_output' })
    expectAnswer(await openCode.turn('FAKE_EVENTS: 5'), 'tick 1 tick 2 tick 3 tick 4 tick 5 ')
    expect(asked()).toEqual([answered, answered])
  })

  it('sees no more than a pause when all accounts are out for a few seconds', async () => {
    const { openCode, asked, upstreamTurns, script } = await start()
    script({ kind: 'usage_limit', resetsInSeconds: 3 })
    expectAnswer(await openCode.turn('FAKE_TEXT: late, but here'), 'late, but here')
    expect(asked()).toEqual([answered])
    expect(upstreamTurns()).toHaveLength(4)
  })
})

import { describe, expect, it } from 'vitest'
import { generateText, isStepCount, modelFor, streamText, tool, z } from './ai-sdk.ts'
import { setStage } from './stage.ts'

// With responses that are kept the AI SDK of Vercel names items of earlier steps instead of sending them.

const keepAll = { openai: { store: true } }

async function start() {
  const stage = await setStage()
  const tools = {
    exec_command: tool({
      description: 'Runs a command.',
      inputSchema: z.object({ cmd: z.string() }),
      execute: () => 'from-the-shell',
    }),
  }
  const step = {
    model: modelFor('/v1/responses', stage.url),
    tools,
    stopWhen: isStepCount(4),
    providerOptions: keepAll,
  }
  return { ...stage, step }
}
const answered = 'POST /v1/responses 200'

describe('the AI SDK, when responses are kept', () => {
  it('goes through several steps and several requests', async () => {
    const { step, asked, upstreamTurns } = await start()
    const question = { role: 'user', content: 'FAKE_TOOL: ls' }
    const first = await generateText({ ...step, messages: [question] })
    expect(first.text).toContain('from-the-shell')
    const [, second] = upstreamTurns()
    for (const part of ['"type":"reasoning"', '"type":"function_call"', 'from-the-shell'])
      expect(second?.text).toContain(part)
    const messages = [question, ...first.responseMessages, { role: 'user', content: 'FAKE_TEXT: and now this' }]
    expect((await generateText({ ...step, messages })).text).toBe('and now this')
    expect(asked()).toEqual([answered, answered, answered])
    // All on the account that can read its own reasoning, and so at the first try.
    expect(new Set(upstreamTurns().map(({ email }) => email)).size).toBe(1)
    const third = upstreamTurns()[2]?.text
    expect(third).toContain('The command finished.')
    expect(third).not.toContain('item_reference')
  })

  it('streams several steps', async () => {
    const { step, asked } = await start()
    const stream = streamText({ ...step, prompt: 'FAKE_TOOL: ls' })
    expect(await stream.text).toContain('from-the-shell')
    expect(asked()).toEqual([answered, answered])
  })
})

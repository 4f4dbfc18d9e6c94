import { describe, expect, it } from 'vitest'
import { generateText, isStepCount, modelFor, Output, protocols, streamText, tool, z } from './ai-sdk.ts'
import { setStage } from './stage.ts'

// The AI SDK of Vercel, by each of the three protocols that it speaks to the product.

describe.each(protocols)('the AI SDK at %s', (protocol) => {
  async function start() {
    const stage = await setStage()
    return { ...stage, model: modelFor(protocol, stage.url) }
  }
  const answered = `POST ${protocol} 200`
  /** A shell that only pretends; `run` sees the command and says what came out. */
  const shell = (run: (command: string) => string | Promise<string>) => ({
    exec_command: tool({
      description: 'Runs a command.',
      inputSchema: z.object({ cmd: z.string() }),
      execute: ({ cmd }: { cmd: string }) => run(cmd),
    }),
  })
  /** By these names the product knows that two requests belong together. */
  const oneConversation = {
    openai: { promptCacheKey: 'one' },
    anthropic: { metadata: { userId: 'user_some_account_some_session_one' } },
  }
  const failureOf = (work: Promise<unknown>) =>
    work.then(
      () => null,
      (error: unknown) => error,
    )
  const typesOf = async (stream: AsyncIterable<{ type: string }>) => {
    const types: string[] = []
    for await (const { type } of stream) types.push(type)
    return types
  }

  it('gets a text, why it ended, and its usage', async () => {
    const { model, asked } = await start()
    const answer = await generateText({ model, system: 'Be kind.', prompt: 'FAKE_TEXT: good morning' })
    expect(answer).toMatchObject({ text: 'good morning', finishReason: 'stop', warnings: [] })
    expect(answer.usage.inputTokens).toBeGreaterThan(0)
    expect(answer.usage.outputTokens).toBeGreaterThan(0)
    expect(asked()).toEqual([answered])
  })

  it('streams a text', async () => {
    const { model } = await start()
    const stream = streamText({ model, prompt: 'FAKE_TEXT: one two three' })
    const parts: string[] = []
    for await (const part of stream.textStream) parts.push(part)
    expect(parts).toEqual(['one', ' two', ' three'])
    expect(await stream.finishReason).toBe('stop')
    expect((await stream.usage).outputTokens).toBeGreaterThan(0)
  })

  it('calls a tool, sends its output back, and goes on with the conversation', async () => {
    const { model, asked, upstreamTurns } = await start()
    const commands: string[] = []
    const tools = shell((command) => {
      commands.push(command)
      return 'from-the-shell'
    })
    const first = await generateText({ model, prompt: 'FAKE_TOOL: ls -l', tools, stopWhen: isStepCount(4) })
    expect(commands).toEqual(['ls -l'])
    expect(first.text).toBe('The command finished. Its output begins with: from-the-shell')
    const messages = [
      { role: 'user', content: 'FAKE_TOOL: ls -l' },
      ...first.responseMessages,
      { role: 'user', content: 'FAKE_TEXT: and now this' },
    ]
    expect((await generateText({ model, tools, messages })).text).toBe('and now this')
    expect(asked()).toEqual([answered, answered, answered])
    expect(upstreamTurns()[2]?.text).toContain('from-the-shell')
  })

  it('streams a call of a tool and what follows from it', async () => {
    const { model, asked } = await start()
    const tools = shell(() => 'from-the-shell')
    const stream = streamText({ model, prompt: 'FAKE_TOOL: ls', tools, stopWhen: isStepCount(4) })
    const types = await typesOf(stream.fullStream)
    for (const type of ['tool-input-delta', 'tool-call', 'tool-result', 'text-delta']) expect(types).toContain(type)
    expect(types).not.toContain('error')
    expect(await stream.text).toContain('from-the-shell')
    expect(asked()).toEqual([answered, answered])
  })

  it('gets an object of the shape that it asked for, at once and in a stream', async () => {
    const { model, upstreamTurns } = await start()
    const output = Output.object({ schema: z.object({ name: z.string(), count: z.number() }) })
    const asked = { model, output, prompt: 'FAKE_TEXT: {"name":"ann","count":3}' }
    expect((await generateText(asked)).output).toEqual({ name: 'ann', count: 3 })
    expect(await streamText(asked).output).toEqual({ name: 'ann', count: 3 })
    expect(upstreamTurns()[0]?.text).toContain('"type":"json_schema"')
  })

  it('sends a picture along', async () => {
    const { model, upstreamTurns } = await start()
    const picture = { type: 'file', mediaType: 'image/png', data: new Uint8Array([0x89, 0x50, 0x4e, 0x47]) }
    const content = [{ type: 'text', text: 'FAKE_TEXT: a picture' }, picture]
    expect((await generateText({ model, messages: [{ role: 'user', content }] })).text).toBe('a picture')
    expect(upstreamTurns()[0]?.text).toContain('data:image/png;base64,iVBORw==')
  })

  it('sees nothing of it when the account reaches its limit between two steps', async () => {
    const { model, asked, lastServed, script } = await start()
    let first = ''
    const tools = shell(async () => {
      first = (await lastServed()).by
      script({ kind: 'usage_limit', times: 'always' }, first)
      return 'from-the-shell'
    })
    const step = { model, prompt: 'FAKE_TOOL: ls', tools, stopWhen: isStepCount(4) }
    expect((await generateText({ ...step, providerOptions: oneConversation })).text).toContain('from-the-shell')
    const { by, triedBefore } = await lastServed()
    expect(by).not.toBe(first)
    expect(triedBefore[0]).toEqual({ by: first, verdict: 'limited' })
    expect(asked()).toEqual([answered, answered])
  })

  it('sees nothing of it when the stream is cut before any output', async () => {
    const { model, asked, lastServed, script } = await start()
    script({ kind: 'cut_before_output' })
    expect(await streamText({ model, prompt: 'FAKE_TEXT: an answer' }).text).toBe('an answer')
    expect((await lastServed()).triedBefore).toMatchObject([{ verdict: 'transient' }])
    expect(asked()).toEqual([answered])
  })

  it('reports an error, without asking again, when the stream is cut after output', async () => {
    const { model, asked, script } = await start()
    script({ kind: 'cut_after_output' })
    const errors: unknown[] = []
    const onError = ({ error }: { error: unknown }) => void errors.push(error)
    const stream = streamText({ model, prompt: 'FAKE_EVENTS: 20', onError })
    expect(await typesOf(stream.fullStream)).toEqual(expect.arrayContaining(['text-delta', 'error']))
    expect(errors).toMatchObject([{ message: 'The upstream ended the answer early.' }])
    expect(await stream.finishReason).toBe('error')
    expect(asked()).toEqual([answered])
  })

  it('tells of the usage limit when all accounts are out', async () => {
    const { model, asked, script, upstreamTurns } = await start()
    script({ kind: 'usage_limit', times: 'always', resetsInSeconds: 7_200 })
    const failure = await failureOf(generateText({ model, prompt: 'FAKE_TEXT: never said', maxRetries: 0 }))
    expect(failure).toMatchObject({ statusCode: 429, message: expect.stringContaining('usage limit has been reached') })
    expect(asked()).toEqual([`POST ${protocol} 429`])
    expect(upstreamTurns()).toHaveLength(3)
  })

  it('is told which model is not there', async () => {
    const { model, asked } = await start()
    const unknown = Object.assign(model, { modelId: 'nonsense' })
    const failure = await failureOf(generateText({ model: unknown, prompt: 'FAKE_TEXT: never said' }))
    expect(failure).toMatchObject({ message: expect.stringContaining('nonsense') })
    expect(asked()).toHaveLength(1)
  })
})

it('the AI SDK asks three times, with its own pauses, before it gives up on a pool that is out', async () => {
  const { url, asked, script } = await setStage()
  script({ kind: 'usage_limit', times: 'always', resetsInSeconds: 7_200 })
  const model = modelFor('/v1/responses', url)
  const failing = generateText({ model, prompt: 'FAKE_TEXT: never said' })
  await expect(failing).rejects.toThrow(/Failed after 3 attempts.*usage limit has been reached/)
  expect(asked()).toEqual(Array(3).fill('POST /v1/responses 429'))
})

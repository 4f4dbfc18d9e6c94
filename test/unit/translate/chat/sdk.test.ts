import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import type { Json } from '../../../../src/translate/json.ts'
import { recordedAnswers, sdkReading } from './answers.ts'

const ask = { model: 'gpt-5.5', messages: [{ role: 'user' as const, content: 'Hi' }] }
const isError = ({ object }: { object: Json }) => 'error' in object
const messageOf = (object: Json) => (object.choices as { message: Json }[])[0]?.message

describe('the SDK reads a stream', () => {
  it.each(recordedAnswers().filter((recorded) => !isError(recorded)))('$name', async ({ sse, object }) => {
    const read = await sdkReading(sse).chat.completions.stream(ask).finalChatCompletion()
    const { annotations, ...message } = messageOf(object) ?? {}
    const cited = (annotations as unknown[]).length > 0 ? { annotations } : {}
    expect(read).toMatchObject({ ...object, choices: [{ message: { ...message, ...cited } }] })
    expect(read.choices[0]?.message.tool_calls ?? []).toHaveLength(((message.tool_calls ?? []) as []).length)
  })

  it.each(recordedAnswers().filter(isError))('$name', async ({ sse, object }) => {
    const stream = await sdkReading(sse).chat.completions.create({ ...ask, stream: true })
    const reading = (async () => {
      for await (const chunk of stream) expect(chunk.object).toBe('chat.completion.chunk')
    })()
    await expect(reading).rejects.toThrow(OpenAI.APIError)
    await expect(reading).rejects.toMatchObject({ code: (object.error as Json).code, error: object.error })
  })
})

describe('the SDK reads an object', () => {
  it.each(recordedAnswers().filter((recorded) => !isError(recorded)))('$name', async ({ object }) => {
    const client = sdkReading(JSON.stringify(object), 'application/json')
    expect(await client.chat.completions.create(ask)).toMatchObject(object)
  })

  it('and parses what a schema asked for', async () => {
    const answer = recordedAnswers().find(({ name }) => name === 'function-call')?.object ?? {}
    const client = sdkReading(JSON.stringify(answer), 'application/json')
    const tools = [{ type: 'function' as const, function: { name: 'exec_command', strict: true, parameters: {} } }]
    const { choices } = await client.chat.completions.parse({ ...ask, tools })
    expect(choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { parsed_arguments: { cmd: 'ls -la' } } })
  })
})

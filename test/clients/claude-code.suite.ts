import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createClaudeCode, resultOf, toolOutputsIn } from './claude-code.ts'
import type { Run } from './program.ts'
import { setStage } from './stage.ts'

describe('Claude Code', () => {
  async function start() {
    const stage = await setStage()
    return { ...stage, claude: await createClaudeCode(stage) }
  }
  /** What a person would see: an answer, and no word of trouble. */
  const expectAnswer = (run: Run, answer: string) =>
    expect(resultOf(run)).toMatchObject({ subtype: 'success', is_error: false, result: answer })
  const expectShell = (run: Run) => {
    expectAnswer(run, 'The command finished. Its output begins with: from-the-shell')
    expect(toolOutputsIn(run)).toEqual(['from-the-shell'])
  }
  const answered = 'POST /v1/messages?beta=true 200'

  it('gets an answer', async () => {
    const { claude, asked } = await start()
    const run = await claude.turn('FAKE_TEXT: a first answer')
    expectAnswer(run, 'a first answer')
    expect(resultOf(run).usage.output_tokens).toBeGreaterThan(0)
    expect(asked()).toEqual([answered])
  })

  it('gets it piece by piece', async () => {
    const { claude } = await start()
    const run = await claude.turn('FAKE_TEXT: one two three', '--include-partial-messages')
    expectAnswer(run, 'one two three')
    const deltas = run.lines.flatMap(({ type, event }) => (type === 'stream_event' ? [event.delta] : []))
    const texts = deltas.flatMap((delta) => (delta?.type === 'text_delta' ? [delta.text] : []))
    expect(texts).toEqual(['one', ' two', ' three'])
  })

  it.each([
    ['opus', 'gpt-5.6-sol'],
    // No account of this pool has the model that stands for it.
    ['haiku', 'gpt-6.1-sol'],
  ])('asks for %s and is served by %s', async (name, model) => {
    const { claude, upstreamTurns } = await start()
    expectAnswer(await claude.turn('FAKE_TEXT: an answer', '--model', name), 'an answer')
    expect(upstreamTurns()[0]?.text).toContain(`"model":"${model}"`)
  })

  it('runs a shell command and sends its output back', async () => {
    const { claude, asked, upstreamTurns } = await start()
    expectShell(await claude.turn('FAKE_TOOL: echo from-the-shell'))
    expect(asked()).toEqual([answered, answered])
    const [first, second] = upstreamTurns()
    expect(second?.email).toBe(first?.email)
  })

  it('goes on with a conversation on the account that served it', async () => {
    const { claude, upstreamTurns } = await start()
    expectAnswer(await claude.turn('FAKE_TEXT: the first answer'), 'the first answer')
    expectAnswer(await claude.turn('FAKE_TEXT: the second answer', '--continue'), 'the second answer')
    const [first, second] = upstreamTurns()
    expect(second?.text).toContain('the first answer')
    expect(second?.email).toBe(first?.email)
  })

  it('has its context counted without asking a model', async () => {
    const { claude, asked, upstreamTurns } = await start()
    expect(resultOf(await claude.turn('/context')).result).toMatch(/System prompt \| [\d.]+k? \|/)
    expect(new Set(asked())).toEqual(new Set(['POST /v1/messages/count_tokens?beta=true 200']))
    expect(upstreamTurns()).toEqual([])
  })

  it('compacts a conversation that is too long for the model, and goes on', async () => {
    const { claude, script, lastServed, upstreamTurns } = await start()
    expectAnswer(await claude.turn('FAKE_TEXT: the first answer'), 'the first answer')
    script({ kind: 'context_length' }, (await lastServed()).by)
    expectAnswer(await claude.turn('FAKE_TEXT: the second answer', '--continue'), 'the second answer')
    const texts = upstreamTurns().map(({ text }) => text)
    expect(texts.filter((text) => text.includes('<summary> block'))).not.toEqual([])
    expect(texts.at(-1)).toContain('before compaction')
  })

  it('sees nothing of it when the account reaches its limit in the middle of a turn', async () => {
    const { claude, asked, firstServed, script, lastServed } = await start()
    const running = claude.turn('FAKE_TOOL: until [ -e go-on ]; do sleep 0.05; done; echo from-the-shell')
    const first = await firstServed()
    script({ kind: 'usage_limit', times: 'always' }, first)
    await writeFile(join(claude.folder, 'go-on'), '')
    expectShell(await running)
    const { by, triedBefore } = await lastServed()
    expect(by).not.toBe(first)
    expect(triedBefore[0]).toEqual({ by: first, verdict: 'limited' })
    expect(asked()).toEqual([answered, answered])
  })

  it('sees nothing of it when the stream is cut before visible output', async () => {
    const { claude, asked, script, lastServed } = await start()
    script({ kind: 'cut_before_output' })
    expectAnswer(await claude.turn('FAKE_TEXT: an answer'), 'an answer')
    expect((await lastServed()).triedBefore).toMatchObject([{ verdict: 'transient' }])
    expect(asked()).toEqual([answered])
  })

  it('asks the model to go on when the stream is cut after output', async () => {
    const { claude, asked, script, upstreamTurns } = await start()
    script({ kind: 'cut_after_output' })
    const run = await claude.turn('FAKE_EVENTS: 5')
    expectAnswer(run, 'tick 1 tick 2 tick 3 tick 4 tick 5 ')
    expect(asked()).toEqual([answered, answered])
    expect(upstreamTurns()[1]?.text).toContain('cut off mid-stream')
  })

  it('reports an error when the stream is cut after output every time', async () => {
    const { claude, asked, script } = await start()
    script({ kind: 'cut_after_output', times: 'always' })
    const run = await claude.turn('FAKE_EVENTS: 5')
    expect(resultOf(run)).toMatchObject({ is_error: true, result: expect.stringMatching(/^API Error: .*mid-response/) })
    expect(run.exitCode).toBe(1)
    expect(asked()).toEqual(Array(4).fill(answered))
  })

  it('tells of the usage limit, with one request, when all accounts are out', async () => {
    const { claude, asked, script, upstreamTurns } = await start()
    script({ kind: 'usage_limit', times: 'always', resetsInSeconds: 7_200 })
    const run = await claude.turn('FAKE_TEXT: never said')
    expect(resultOf(run)).toMatchObject({
      ...{ is_error: true, api_error_status: 429 },
      result: expect.stringContaining('usage limit has been reached'),
    })
    expect(asked()).toEqual(['POST /v1/messages?beta=true 429'])
    expect(upstreamTurns()).toHaveLength(3)
  })
})

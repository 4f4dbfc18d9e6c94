import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { jsonOf } from '../support/simulator-client.ts'
import type { Rig } from '../support/start.ts'
import {
  a,
  askedOf,
  closeClean,
  codexPath,
  expectNoHandles,
  post,
  publicPath,
  startPool,
  turnsAt,
} from '../support/turns.ts'

// Input items that are only named: they stand for items of responses that are kept.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
beforeEach(async () => {
  clock = createManualClock()
  rig = await startPool({ app: { clock } })
})
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

type Json = Record<string, unknown>

const model = 'gpt-5.5'
const dayMs = 24 * 60 * 60_000
const tools = [{ type: 'function', name: 'exec_command', parameters: { type: 'object', properties: {} } }]
const named = (id: unknown) => ({ type: 'item_reference', id })
const user = (content: string) => ({ role: 'user', content })
const create = async (input: unknown, body: object = {}, path = publicPath) =>
  jsonOf(await post(rig, { model, input, ...body }, { path }))
const kept = (input: unknown, body: object = {}) => create(input, { store: true, ...body })
const inputSent = () => ((turnsAt(rig.simulator).at(-1)?.body ?? {}) as { input: Json[] }).input
const inputListed = async (id: string): Promise<Json[]> =>
  (await jsonOf(await fetch(`${rig.url}${publicPath}/${id}/input_items?order=asc&limit=100`))).data
const idsOf = (items: Json[]) => items.map(({ id }) => id)
const unkept = (id: string) =>
  `Item "${id}" is not kept here. Send the item itself ("store": false makes the Vercel AI SDK do so), or keep responses with "store": true.`

/** A call of a tool as it is made by an agent in two steps: reasoning, the call, and its output. */
async function twoSteps() {
  const question = { ...user('FAKE_TOOL: ls'), id: 'msg_question' }
  const first = await kept([question], { tools })
  const [reasoning, call] = first.output
  const output = { type: 'function_call_output', call_id: call.call_id, output: 'from-the-shell' }
  const input = [named('msg_question'), named(reasoning.id), named(call.id), output]
  return { first, reasoning, call, input }
}

describe('an item that is only named', () => {
  it('is sent whole, without the id that no account knows, to any account', async () => {
    const { first, input } = await twoSteps()
    expect(first.output.map(({ type }: Json) => type)).toEqual(['reasoning', 'function_call'])
    rig.simulator.script(a, { kind: 'usage_limit', times: 'always' })
    const next = await kept(input, { tools })
    expect(next.output.at(-1).content[0].text).toContain('from-the-shell')
    expect(askedOf(rig.simulator).at(-1)).not.toBe('a')
    const sent = inputSent()
    expect(sent.map(({ type }) => type)).toEqual(
      // Another account cannot read the reasoning.
      ['message', 'function_call', 'function_call_output'],
    )
    expect(sent).toMatchObject([{ role: 'user', content: 'FAKE_TOOL: ls' }, { name: 'exec_command' }, {}])
    expect(idsOf(sent)).toEqual([undefined, undefined, undefined])
  })

  it('brings its sealed reasoning to the account that made it', async () => {
    const { input } = await twoSteps()
    await create(input, { tools })
    expect(inputSent()[1]).toEqual({
      type: 'reasoning',
      summary: [],
      encrypted_content: expect.stringMatching(/^gAAAA/),
    })
  })

  it('may be named by what came after it, too, when the first response is gone', async () => {
    const { first, reasoning, call, input } = await twoSteps()
    const second = await kept(input, { tools })
    expect(idsOf(await inputListed(second.id))).toEqual([
      ...['msg_question', reasoning.id, call.id],
      expect.stringMatching(/^fco_/),
    ])
    await fetch(`${rig.url}${publicPath}/${first.id}`, { method: 'DELETE' })
    await rig.restart()
    const answer = second.output.at(-1)
    const third = await kept([...input, named(answer.id), user('FAKE_TEXT: three')], { tools })
    expect(third.output.at(-1).content[0].text).toBe('three')
    expect(inputSent().map(({ type }) => type ?? 'message')).toEqual([
      ...['message', 'reasoning', 'function_call', 'function_call_output', 'message', 'message'],
    ])
    // And a conversation that goes on by the id of its response knows all of it.
    await kept([user('FAKE_TEXT: four')], { previous_response_id: third.id })
    expect(JSON.stringify(inputSent())).toContain('from-the-shell')
    expect(inputSent().every(({ id }) => id === undefined)).toBe(true)
  })

  it('may be named by the id under which the list of input items shows it', async () => {
    const first = await kept('FAKE_TEXT: one')
    const [question] = await inputListed(first.id)
    await create([named(question?.id), user('FAKE_TEXT: two')])
    expect(inputSent()).toMatchObject([{ role: 'user', content: [{ text: 'FAKE_TEXT: one' }] }, user('FAKE_TEXT: two')])
  })

  it('may come from a stream, the moment after it has ended, and from one that is still being made', async () => {
    const text = await (
      await post(rig, { model, input: 'FAKE_TEXT: x', store: true, stream: true }, { path: publicPath })
    ).text()
    const id = /"id":"(msg_[^"]+)"/.exec(text)?.[1]
    await create([named(id), user('FAKE_TEXT: two')])
    expect(inputSent()[0]).toMatchObject({ role: 'assistant', content: [{ text: 'x' }] })
    rig.simulator.script(a, { kind: 'stall_after_output' })
    const begun = await kept([{ ...user('FAKE_EVENTS: 9'), id: 'msg_begun' }], { background: true })
    expect(begun.status).toBe('queued')
    await create([named('msg_begun'), user('FAKE_TEXT: three')])
    expect(inputSent()[0]).toMatchObject({ content: 'FAKE_EVENTS: 9' })
    await fetch(`${rig.url}${publicPath}/${begun.id}/cancel`, { method: 'POST' })
  })

  it('means the latest of those that have the id', async () => {
    await kept([{ ...user('FAKE_TEXT: old'), id: 'msg_mine' }])
    clock.advance(1_000)
    await kept([{ ...user('FAKE_TEXT: new'), id: 'msg_mine' }])
    await rig.restart()
    await create([named('msg_mine')])
    expect(inputSent()).toMatchObject([{ content: 'FAKE_TEXT: new' }])
  })

  it('counts with all that it stands for', async () => {
    await kept([{ ...user(`FAKE_TEXT: ${'many words '.repeat(500)}`), id: 'msg_long' }])
    const count = async (input: unknown) => (await create(input, {}, `${publicPath}/input_tokens`)).input_tokens
    expect(await count([named('msg_long')])).toBeGreaterThan(500)
    expect((await create([named('msg_nobody')], {}, `${publicPath}/input_tokens`)).error.param).toBe('input[0].id')
  })

  it('can be part of what is compacted', async () => {
    const first = await kept('FAKE_TEXT: one')
    const compacted = await create([named(first.output.at(-1).id)], {}, `${publicPath}/compact`)
    expect(compacted.object).toBe('response.compaction')
    expect(inputSent()).toMatchObject([{ role: 'assistant' }, { type: 'compaction_trigger' }])
  })
})

describe('an item that is not kept', () => {
  it('is refused by its place, with the way out, and nobody is asked', async () => {
    const alone = await create('FAKE_TEXT: not kept')
    const { id } = alone.output.at(-1)
    const asked = askedOf(rig.simulator)
    const { error } = await create([user('hi'), named(id)])
    expect(error).toEqual({
      ...{ type: 'invalid_request_error', code: 'invalid_request', param: 'input[1].id' },
      message: unkept(id),
    })
    for (const wrong of [undefined, '', 7, null]) {
      const refused = await create([named(wrong)])
      expect(refused.error).toMatchObject({ code: 'invalid_request', param: 'input[0].id' })
    }
    expect((await create([named('a\0b\u{1f600}')])).error.message).toBe(unkept('a\0b\u{1f600}'))
    expect(askedOf(rig.simulator)).toBe(asked)
    expect((await rig.requests())[0]).toMatchObject({ status: 'error', errorCode: 'invalid_request' })
  })

  it('is one whose response was deleted, or is too old', async () => {
    const first = await kept('FAKE_TEXT: one')
    const second = await kept('FAKE_TEXT: two')
    await fetch(`${rig.url}${publicPath}/${first.id}`, { method: 'DELETE' })
    expect((await create([named(first.output.at(-1).id)])).error.param).toBe('input[0].id')
    clock.advance(31 * dayMs)
    expect((await create([named(second.output.at(-1).id)])).error.param).toBe('input[0].id')
  })

  it('is the upstream’s business on Codex’s own route', async () => {
    const body = { instructions: '', store: false, stream: true }
    await (
      await post(rig, { model, ...body, input: [user('FAKE_TEXT: hi'), named('msg_nobody')] }, { path: codexPath })
    ).text()
    expect(inputSent()).toEqual([user('FAKE_TEXT: hi'), named('msg_nobody')])
  })

  it('is never one that the text only speaks of', async () => {
    await create('FAKE_TEXT: an item_reference is a name')
    expect(JSON.stringify(inputSent())).toContain('an item_reference is a name')
  })
})

describe('the index of items', () => {
  it('does not tell the ids that clients have chosen', async () => {
    await kept([{ ...user('FAKE_TEXT: hi'), id: 'msg_a_secret_name' }])
    await rig.restart()
    expect((await create([named('msg_a_secret_name')])).status).toBe('completed')
    const { readFile } = await import('node:fs/promises')
    const files = await Promise.all(['', '-wal'].map((end) => readFile(`${rig.dataDir}/codex-lb.db${end}`, 'latin1')))
    expect(files.join('')).not.toContain('msg_a_secret_name')
  })
})

import { describe, expect, it } from 'vitest'
import type { StoredObject } from '../../../src/domain/stored.ts'
import { inputItems, itemsOf, replayed, shownItem, shownResponse } from '../../../src/stored/items.ts'

function stored(id: string, input: unknown[], output: unknown): StoredObject {
  return {
    ...{ kind: 'response', id, keyId: null, status: 'completed', background: false, model: 'm', previousId: null },
    ...{ threadId: 't', createdAtMs: 0, aliveUntilMs: null, metadata: {}, input, output: { id, output } },
  } as StoredObject
}

const asked = { role: 'user', content: 'one' }
const answer = { type: 'message', id: 'msg_1', role: 'assistant', content: [{ type: 'output_text', text: 'two' }] }
const all = new Set([
  'reasoning.encrypted_content',
  'message.input_image.image_url',
  'computer_call_output.output.image_url',
])
const nothing = new Set<string>()

describe('a conversation told again', () => {
  it('has everything in its order, without the ids that only one account knows', () => {
    const sealed = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAAA' }
    const call = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'f', arguments: '{}' }
    const image = { type: 'image_generation_call', id: 'ig_1', result: 'AAAA' }
    const result = { type: 'function_call_output', call_id: 'call_1', output: 'x' }
    const first = stored(
      'resp_1',
      [asked],
      [{ type: 'reasoning', id: 'rs_0', summary: [] }, sealed, call, image, 'odd'],
    )
    const second = stored('resp_2', [result], [answer])
    const { id: _a, ...sealedHere } = sealed
    const { id: _b, ...callHere } = call
    const { id: _c, ...answerHere } = answer
    expect(replayed([second, first])).toEqual([asked, sealedHere, callHere, image, result, answerHere])
  })

  it('is nothing where an output is none', () => {
    expect(replayed([stored('resp_1', [], null)])).toEqual([])
  })
})

describe('the list of input items', () => {
  it('gives each an id that stays', () => {
    const second = stored('resp_2', [asked, { type: 'item_reference', id: 'msg_9' }, 'odd'], [])
    const first = stored('resp_1', [asked], [answer])
    const items = inputItems([second, first])
    expect(items.map(({ type }) => type)).toEqual(['message', 'message', 'message', 'item_reference', 'message'])
    expect(items[0]).toEqual({
      ...{ type: 'message', status: 'completed', role: 'user', content: [{ type: 'input_text', text: 'one' }] },
      id: expect.stringMatching(/^msg_[0-9a-f]{48}$/),
    })
    expect(items[1]).toEqual(answer)
    expect(items[3]?.id).toBe('msg_9')
    expect(items[0]?.id).not.toBe(items[2]?.id)
    expect(inputItems([second, first])).toEqual(items)
    expect(inputItems([])).toEqual([])
  })

  it.each([
    ['text', 'hello', [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello' }] }]],
    ['a list', [1, 2], [1, 2]],
    ['something else', { a: 1 }, []],
  ])('begins with %s', (_, input, items) => expect(itemsOf(input)).toEqual(items))
})

describe('what a client sees of an item', () => {
  const image = { type: 'message', content: [{ type: 'input_image', image_url: 'data:', detail: 'low' }, 'odd'] }
  const screenshot = { type: 'computer_call_output', output: { type: 'computer_screenshot', image_url: 'data:' } }
  const reasoning = { type: 'reasoning', id: 'rs_1', encrypted_content: 'gAAAA' }

  it.each([
    ['sealed reasoning', reasoning, { type: 'reasoning', id: 'rs_1' }],
    ['a picture', image, { type: 'message', content: [{ type: 'input_image', detail: 'low' }, 'odd'] }],
    ['a screenshot', screenshot, { type: 'computer_call_output', output: { type: 'computer_screenshot' } }],
    ['anything else', answer, answer],
  ])('leaves out %s unless it was asked for', (_, item, shown) => {
    expect(shownItem(item, nothing)).toEqual(shown)
    expect(shownItem(item, all)).toEqual(item)
  })

  it('is the same within a response', () => {
    const response = { id: 'resp_1', output: [reasoning, answer] }
    expect(shownResponse(response, nothing).output).toEqual([{ type: 'reasoning', id: 'rs_1' }, answer])
    expect(shownResponse(response, all)).toBe(response)
    expect(shownResponse({ id: 'x' }, nothing)).toEqual({ id: 'x' })
  })
})

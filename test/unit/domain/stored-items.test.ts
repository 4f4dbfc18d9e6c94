import { describe, expect, it } from 'vitest'
import { itemsById, namedInput } from '../../../src/domain/stored-items.ts'

const question = { role: 'user', content: 'hi' }
const mine = { type: 'message', id: 'msg_mine', role: 'user', content: 'hi' }
const answer = { type: 'message', id: 'msg_1', role: 'assistant', content: [] }

describe('the items of a kept response', () => {
  it('have ids that stay, and that no other response has', () => {
    const input = [question, mine, { type: 'function_call_output', call_id: 'call_1' }, 'odd', { type: 'new_thing' }]
    const ids = namedInput({ id: 'resp_1', input }).map(({ id }) => id)
    expect(ids.map((id) => id.replace(/[0-9a-f]{48}$/, '#'))).toEqual(['msg_#', 'msg_mine', 'fco_#', 'msg_#', 'item_#'])
    expect(namedInput({ id: 'resp_1', input }).map(({ id }) => id)).toEqual(ids)
    expect(namedInput({ id: 'resp_2', input })[0]?.id).not.toBe(ids[0])
  })

  it('are found by them, as they were sent and as they were made', () => {
    const items = itemsById({ id: 'resp_1', input: [question, mine], output: { output: [answer, 'odd', { id: '' }] } })
    const [first, ...rest] = items.keys()
    expect(items.get(String(first))).toEqual({ ...question, type: 'message', id: first })
    expect(rest).toEqual(['msg_mine', 'msg_1'])
    expect(items.get('msg_mine')).toEqual(mine)
    expect(items.get('msg_1')).toEqual(answer)
  })

  it.each([[undefined], [null], ['text'], [{}]])('are those of the input alone where the output is %j', (output) =>
    expect([...itemsById({ id: 'resp_1', input: [mine], output: { output } }).keys()]).toEqual(['msg_mine']),
  )

  it('are never names of others', () =>
    expect(itemsById({ id: 'resp_1', input: [{ type: 'item_reference', id: 'msg_1' }], output: {} })).toEqual(
      new Map(),
    ))
})

import { describe, expect, it } from 'vitest'
import { derivedKey } from '../../../src/proxy/derived-key.ts'

const user = (text: string) => ({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] })
const assistant = { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hello.' }] }
const request = (input: unknown, changes: object = {}) => ({
  model: 'gpt-5.5',
  instructions: 'Be kind.',
  input,
  ...changes,
})

describe('the name of a conversation whose client gives none', () => {
  it('stays the same from turn to turn', () => {
    const first = derivedKey(request([user('hi')]))
    expect(first).toMatch(/^derived-[0-9a-f]{32}$/)
    expect(derivedKey(request([user('hi'), assistant, user('and then?')]))).toBe(first)
  })

  it('differs by model, instructions and the first message', () => {
    const keys = [
      derivedKey(request([user('hi')])),
      derivedKey(request([user('ho')])),
      derivedKey(request([user('hi')], { model: 'gpt-5.4' })),
      derivedKey(request([user('hi')], { instructions: 'Be brief.' })),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('takes no more of a text than tells conversations apart, and plain text as it is', () => {
    const long = 'x'.repeat(512)
    expect(derivedKey(request([user(`${long}1`)]))).toBe(derivedKey(request([user(`${long}2`)])))
    expect(derivedKey(request([{ role: 'user', content: 'hi' }]))).toBe(derivedKey(request([user('hi')])))
  })

  it.each([
    ['no input', undefined],
    ['no message of a user', [assistant]],
    ['a message without text', [{ role: 'user', content: [{ type: 'input_image', image_url: 'data:,' }] }]],
  ])('is none for %s', (_what, input) => {
    expect(derivedKey(request(input))).toBeNull()
  })
})

import { describe, expect, it } from 'vitest'
import { countResponseTokens } from '../../../../src/translate/responses/count.ts'

const count = (input: unknown, more: object = {}) => countResponseTokens({ input, ...more })
const text = 'The quick brown fox jumps over the lazy dog.'

describe('an estimate of input tokens', () => {
  it('is near to what a tokenizer counts', () => {
    // Ten tokens of text, and what surrounds a message.
    expect(count(text)).toBeGreaterThanOrEqual(12)
    expect(count(text)).toBeLessThanOrEqual(17)
    expect(count([{ role: 'user', content: text }])).toBe(count(text))
    expect(count([{ role: 'user', content: [{ type: 'input_text', text }] }])).toBe(count(text))
  })

  it.each([
    ['instructions', undefined, { instructions: text }],
    ['a tool', undefined, { tools: [{ type: 'function', name: 'f', description: text }] }],
    ['a schema', undefined, { text: { format: { type: 'json_schema', schema: { description: text } } } }],
    ['a call', [{ type: 'function_call', name: 'f', arguments: JSON.stringify({ text }) }], {}],
    ['the output of a call', [{ type: 'function_call_output', call_id: 'c', output: text }], {}],
    ['a list as output', [{ type: 'function_call_output', output: [{ type: 'input_text', text }] }], {}],
    ['sealed reasoning', [{ type: 'reasoning', encrypted_content: 'x'.repeat(200) }], {}],
    ['a refusal', [{ role: 'assistant', content: [{ type: 'refusal', refusal: text }] }], {}],
  ])('counts %s', (_, input, more) => {
    expect(count(input, more)).toBeGreaterThanOrEqual(9)
    expect(count(input, more)).toBeLessThan(50)
  })

  it('counts pictures and files by rules, not by their bytes', () => {
    const image = (detail?: string) => [{ content: [{ type: 'input_image', image_url: 'x'.repeat(1e6), detail }] }]
    expect(count(image('low'))).toBe(89)
    expect(count(image())).toBe(1_104)
    const screenshot = {
      type: 'computer_call_output',
      output: { type: 'computer_screenshot', image_url: 'x'.repeat(1e6) },
    }
    expect(count([screenshot])).toBeLessThan(1_200)
    expect(count([{ content: [{ type: 'input_file', file_id: 'file_1' }] }])).toBe(2_004)
    expect(count([{ content: [{ type: 'input_file', file_data: 'x'.repeat(200_000) }] }])).toBe(6_004)
  })

  it('takes whatever comes', () => {
    expect(countResponseTokens({})).toBe(0)
    expect(count(null)).toBe(0)
    expect(count([1, 'x', null, { content: 7 }, { type: 'reasoning' }])).toBe(4)
    expect(count('', { tools: 'x', text: 7, instructions: 5 })).toBe(4)
  })
})

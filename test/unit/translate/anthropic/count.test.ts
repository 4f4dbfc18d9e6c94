import { describe, expect, it } from 'vitest'
import { AppError } from '../../../../src/errors.ts'
import { countTokens } from '../../../../src/translate/anthropic/count.ts'
import { estimateTokens } from '../../../../src/translate/anthropic/estimate.ts'
import type { Json } from '../../../../src/translate/json.ts'
import { fixtureText } from './fixtures.ts'

const count = (content: unknown, own: Json = {}) =>
  countTokens({ model: 'claude-opus-4-8', messages: [{ role: 'user', content }], ...own })

describe('the estimate of tokens', () => {
  // The true numbers are those of the o200k tokenizer.
  it.each([
    [
      'English',
      'The load balancer picks the account with the most headroom and keeps long conversations where they are.',
      18,
    ],
    [
      'code',
      'export function modelFor(name: string, map: Record<string, string>): string {\n  return map[name] ?? name\n}\n',
      25,
    ],
    ['JSON', '{"type":"function_call","call_id":"call_1","name":"Read","arguments":"{}"}', 22],
    ['German', 'Die Lastverteilung wählt für jede Anfrage ein Konto aus, dessen Kontingent noch ausreicht.', 22],
    ['Chinese', '我们把这段当系统提示的一部分计算缓存键前缀。前缀每轮都变,提示缓存命中率直接归零。', 30],
  ])('is near the true number: %s', (_what, text, tokens) => {
    expect(Math.abs(estimateTokens(text) - tokens)).toBeLessThanOrEqual(tokens * 0.2)
  })

  it('takes time in proportion to the text, whatever it is made of', () => {
    for (const letter of ['a', 'A', '1', ' ', '\n', '{', 'ß', '漢', '😀']) {
      expect(estimateTokens(letter.repeat(200_000))).toBeGreaterThan(0)
    }
  })
})

describe('the tokens of a request', () => {
  it('grow with everything that is in it', () => {
    const bare = count('Hi')
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }
    const pdf = (letters: number) => ({
      type: 'document',
      source: { type: 'base64', media_type: 'application/pdf', data: 'A'.repeat(letters) },
    })
    expect(count('Hi', { system: 'Be kind.' })).toBeGreaterThan(bare)
    expect(count('Hi', { tools: [{ name: 'Read', input_schema: { type: 'object' } }] })).toBeGreaterThan(bare)
    expect(count([image])).toBeGreaterThan(1_000)
    expect(count([pdf(400_000)])).toBeGreaterThan(count([pdf(4)]) * 3)
    expect(count([{ type: 'tool_result', tool_use_id: 't', content: [image] }])).toBeGreaterThan(1_000)
    expect(count([{ type: 'thinking', thinking: 'Long '.repeat(100), signature: 'strange' }])).toBeLessThan(10)
  })

  it('of Claude Code are in the right order of size', () => {
    const { body } = JSON.parse(fixtureText('requests/claude-code.json'))
    expect(countTokens(body)).toBeGreaterThan(400)
    expect(countTokens(body)).toBeLessThan(800)
  })

  it('are not counted where there is nothing to count', () => {
    expect(() => countTokens({ model: 'claude-opus-4-8' })).toThrow(AppError)
    expect(() => countTokens({ messages: [] })).toThrow('model: Field required')
  })
})

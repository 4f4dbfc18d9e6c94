import { describe, expect, it } from 'vitest'
import {
  anthropicModel,
  anthropicModels,
  defaultModelMap,
  modelFor,
} from '../../../../src/translate/anthropic/models.ts'
import { clientFor } from './fixtures.ts'

describe('the model for a name', () => {
  it.each([
    ['claude-opus-4-8', 'gpt-5.6-sol'],
    ['claude-3-5-haiku-20241022', 'gpt-5.6-luna'],
    ['claude-haiku-4-5', 'gpt-5.6-luna'],
    ['claude-sonnet-5-5[1m]', 'gpt-5.6-terra'],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'gpt-5.6-terra'],
    ['anthropic/claude-opus-4-8', 'gpt-5.6-sol'],
    ['claude-mythos-5-2', 'gpt-5.6-sol'],
    ['gpt-5.5', 'gpt-5.5'],
  ])('%s is %s as long as nobody says otherwise', (name, model) => {
    expect(modelFor(name, defaultModelMap, 'gpt-5.5')).toBe(model)
  })

  it('is that of the very name, then that of the longest pattern, then the one for all others', () => {
    const map = { 'claude-opus-4-8': 'a', 'claude-*': 'c', 'claude-opus-*': 'b', 'gpt-5': 'd' }
    const of = (name: string) => modelFor(name, map, 'z')
    expect(['claude-opus-4-8', 'claude-opus-5', 'claude-x', 'gpt-5'].map(of)).toEqual(['a', 'b', 'c', 'd'])
    expect(modelFor('claude-x', {}, 'z')).toBe('z')
    expect(modelFor('toString', {}, 'z')).toBe('toString')
    expect(modelFor('claude-1+1', { 'claude-1+*': 'a' }, 'z')).toBe('a')
    expect(modelFor('claude-111', { 'claude-1+*': 'a' }, 'z')).toBe('z')
  })
})

describe('the list of models', () => {
  const entry = { displayName: 'One', createdAtMs: Date.UTC(2026, 7, 1), maxInputTokens: 272_000 }
  it('is one that the SDK reads to its end', async () => {
    const entries = [
      { id: 'claude-a', ...entry },
      { id: 'claude-b', ...entry, createdAtMs: null },
    ]
    const { client, calls } = clientFor(() => Response.json(anthropicModels(entries)))
    const found = []
    for await (const one of client.models.list()) found.push(one)
    expect(calls()).toBe(1)
    expect(found).toMatchObject([
      { type: 'model', id: 'claude-a', display_name: 'One', created_at: '2026-08-01T00:00:00.000Z' },
      { type: 'model', id: 'claude-b', created_at: '1970-01-01T00:00:00.000Z' },
    ])
  })

  it('has each model on its own too', async () => {
    const { client } = clientFor(() => Response.json(anthropicModel({ id: 'claude-a', ...entry })))
    expect(await client.models.retrieve('claude-a')).toMatchObject({ id: 'claude-a', max_input_tokens: 272_000 })
  })

  it('may be empty', () => {
    expect(anthropicModels([])).toEqual({ data: [], has_more: false, first_id: null, last_id: null })
  })
})

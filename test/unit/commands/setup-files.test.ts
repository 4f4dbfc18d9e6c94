import { parse } from '@decimalturn/toml-patch'
import fc from 'fast-check'
import { parse as parseJson } from 'jsonc-parser'
import { describe, expect, it } from 'vitest'
import { claude } from '../../../src/commands/setup/claude.ts'
import { type Target, UnreadableFile } from '../../../src/commands/setup/client-file.ts'
import { codex } from '../../../src/commands/setup/codex.ts'
import { openCode } from '../../../src/commands/setup/opencode.ts'
import type { Untyped } from '../../support/untyped.ts'

const target: Target = {
  url: 'http://127.0.0.1:2455',
  key: null,
  keyFromEnvironment: false,
  model: null,
  models: [{ id: 'gpt-5.5' }, { id: 'gpt-5.4-mini' }],
}
const key = `sk-clb-${'k'.repeat(43)}`

describe("Codex's config.toml", () => {
  const usual = `# mine
model = "gpt-5.5" # the good one
approval_policy = "on-request"

[mcp_servers.docs]
command = "docs" # local

[projects."/home/me/x"]
trust_level = "trusted"
`

  it('gets a provider and the choice of it, and keeps the rest with its comments', () => {
    const text = codex.add(usual, target)
    for (const line of usual.split('\n')) expect(text).toContain(line)
    expect(parse(text)).toMatchObject({
      model_provider: 'codex-lb',
      model_providers: {
        'codex-lb': {
          name: 'codex-lb',
          base_url: 'http://127.0.0.1:2455/backend-api/codex',
          wire_api: 'responses',
          supports_websockets: true,
        },
      },
      mcp_servers: { docs: { command: 'docs' } },
    })
    // A line below a table would belong to it.
    expect(text.indexOf('model_provider')).toBeLessThan(text.indexOf('[mcp_servers'))
  })

  it('starts from nothing', () => {
    expect(parse(codex.add('', target))).toMatchObject({ model_provider: 'codex-lb' })
  })

  it('is the same after the second time', () => {
    const once = codex.add(usual, target)
    expect(codex.add(once, target)).toBe(once)
  })

  it('carries a key, or the name of the variable that has it, and a model when one is asked for', () => {
    const own = (given: Partial<Target>) =>
      (parse(codex.add(usual, { ...target, ...given })) as Untyped).model_providers['codex-lb']
    expect(own({ key })).toMatchObject({ experimental_bearer_token: key })
    expect(own({ keyFromEnvironment: true })).toMatchObject({ env_key: 'CODEX_LB_API_KEY' })
    expect(own({ keyFromEnvironment: true })).not.toHaveProperty('experimental_bearer_token')
    expect(parse(codex.add(usual, { ...target, model: 'gpt-5.4-mini' }))).toMatchObject({ model: 'gpt-5.4-mini' })
  })

  it('gets the earlier provider back, and other providers stay', () => {
    const before = 'model_provider = "mine"\n\n[model_providers.mine]\nname = "mine"\nbase_url = "http://x"\n'
    const changed = `${codex.add(before, target)}\n[features]\napps = false\n`
    expect(parse(codex.remove(changed, before))).toEqual({ ...parse(before), features: { apps: false } })
  })

  it('leaves a provider alone that was chosen since', () => {
    const changed = codex.add('', target).replace('model_provider = "codex-lb"', 'model_provider = "openai"')
    expect(parse(codex.remove(changed, ''))).toEqual({ model_provider: 'openai' })
  })

  it('warns of a profile that chooses another provider', () => {
    const text = 'profile = "work"\n[profiles.work]\nmodel_provider = "azure"\n'
    expect(codex.warnings(codex.add(text, target))).toEqual([
      expect.stringContaining('"work" chooses the provider "azure"'),
    ])
  })

  it('that is no TOML is refused, with the place of the fault', () => {
    expect(() => codex.add('model = \n[x', target)).toThrow(UnreadableFile)
  })

  it('whatever else it holds, means the same after in and out', () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/).filter((name) => !name.startsWith('model'))
    const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.string(), { maxLength: 3 }))
    const line = (name: string, one: unknown) => `${name} = ${JSON.stringify(one)}`
    fc.assert(
      fc.property(
        fc.dictionary(word, value, { maxKeys: 4 }),
        fc.dictionary(word, fc.dictionary(word, value), { maxKeys: 3 }),
        (top, tables) => {
          const free = Object.entries(tables).filter(([name]) => !Object.hasOwn(top, name))
          const text = [
            ...Object.entries(top).map(([name, one]) => line(name, one)),
            ...free.flatMap(([name, fields]) => [
              `\n[${name}] # ${name}`,
              ...Object.entries(fields).map(([n, v]) => line(n, v)),
            ]),
          ].join('\n')
          expect(parse(codex.remove(codex.add(text, target), text))).toEqual(parse(text))
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe("OpenCode's configuration", () => {
  const usual = `{
  // what I like
  "theme": "dark",
  "provider": { "mine": { "npm": "x" } },
}
`

  it('gets a provider with the models of the pool, and keeps comments and other providers', () => {
    const text = openCode.add(usual, target)
    expect(text).toContain('// what I like')
    expect(parseJson(text, [], { allowTrailingComma: true })).toEqual({
      theme: 'dark',
      model: 'codex-lb/gpt-5.5',
      provider: {
        mine: { npm: 'x' },
        'codex-lb': {
          npm: '@ai-sdk/openai',
          name: 'codex-lb',
          options: { baseURL: 'http://127.0.0.1:2455/v1', apiKey: 'any' },
          models: { 'gpt-5.5': { name: 'gpt-5.5' }, 'gpt-5.4-mini': { name: 'gpt-5.4-mini' } },
        },
      },
    })
  })

  it('keeps a model that was chosen, unless another one is asked for', () => {
    const model = (given: Partial<Target>) => parseJson(openCode.add('{"model": "a/b"}', { ...target, ...given })).model
    expect(model({})).toBe('a/b')
    expect(model({ model: 'gpt-5.4-mini' })).toBe('codex-lb/gpt-5.4-mini')
  })

  it('reads the key from the environment when asked to', () => {
    const text = openCode.add('', { ...target, keyFromEnvironment: true })
    expect(parseJson(text).provider['codex-lb'].options.apiKey).toBe('{env:CODEX_LB_API_KEY}')
    expect(parseJson(text).$schema).toBe('https://opencode.ai/config.json')
  })

  it('means the same after in and out', () => {
    for (const text of [usual, '{}', '{"model":"a/b"}', '{"provider":{}}']) {
      const options = { allowTrailingComma: true }
      expect(parseJson(openCode.remove(openCode.add(text, target), text), [], options)).toEqual(
        parseJson(text, [], options),
      )
    }
  })
})

describe("Claude Code's settings.json", () => {
  it('gets address and token among what it has', () => {
    const text = claude.add('{ "env": { "A": "1" }, "permissions": { "allow": ["Bash"] } }', { ...target, key })
    expect(parseJson(text)).toEqual({
      env: { A: '1', ANTHROPIC_BASE_URL: 'http://127.0.0.1:2455', ANTHROPIC_AUTH_TOKEN: key },
      permissions: { allow: ['Bash'] },
    })
  })

  it('gets back what it had', () => {
    const before = '{ "env": { "ANTHROPIC_BASE_URL": "https://other" } }'
    expect(parseJson(claude.remove(claude.add(before, target), before))).toEqual(parseJson(before))
    expect(parseJson(claude.remove(claude.add('{}', target), '{}'))).toEqual({})
  })

  it('warns of a key of Anthropic that may be sent instead', () => {
    expect(claude.warnings('{"apiKeyHelper": "x"}')).toHaveLength(1)
    expect(claude.warnings('{}')).toEqual([])
  })

  it.each(['[]', '{"a": ', 'nonsense'])('that is no JSON object is refused: %s', (text) => {
    expect(() => claude.add(text, target)).toThrow(UnreadableFile)
  })
})

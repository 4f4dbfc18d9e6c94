import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ClientFile, Target } from './client-file.ts'
import { readJson, restored, valueAt, withValue } from './json-file.ts'

const schema = 'https://opencode.ai/config.json'

/** OpenCode's configuration: a provider of ours with the models of the pool. */
export const openCode: ClientFile = {
  title: 'OpenCode',
  path(env, home) {
    if (env.OPENCODE_CONFIG) return env.OPENCODE_CONFIG
    const folder = join(env.XDG_CONFIG_HOME || join(home, '.config'), 'opencode')
    // It reads both; whoever has one of them goes on with it.
    const commented = join(folder, 'opencode.jsonc')
    return existsSync(commented) ? commented : join(folder, 'opencode.json')
  },
  needsModels: true,
  add(text, target) {
    const first =
      readJson(text).$schema === undefined && text.trim() === '' ? withValue(text, ['$schema'], schema) : text
    const added = withValue(first, ['provider', 'codex-lb'], providerFor(target))
    const model = target.model ?? (valueAt(readJson(text), ['model']) === undefined ? target.models[0]?.id : undefined)
    return model === undefined ? added : withValue(added, ['model'], `codex-lb/${model}`)
  },
  remove(text, before) {
    const isOurs = String(readJson(text).model ?? '').startsWith('codex-lb/')
    return restored(text, before, [['provider', 'codex-lb'], ...(isOurs ? [['model']] : [])])
  },
  address(text) {
    const url = valueAt(readJson(text), ['provider', 'codex-lb', 'options', 'baseURL'])
    return typeof url === 'string' ? { url, isChosen: true } : null
  },
  warnings: () => [],
  next: 'Run "opencode"; the models stand under the provider codex-lb.',
}

function providerFor({ url, key, keyFromEnvironment, model, models }: Target): object {
  const ids = [...new Set([...(model === null ? [] : [model]), ...models.map(({ id }) => id)])]
  return {
    npm: '@ai-sdk/openai',
    name: 'codex-lb',
    options: {
      baseURL: `${url}/v1`,
      // The SDK insists on one; without keys any text does.
      apiKey: keyFromEnvironment ? '{env:CODEX_LB_API_KEY}' : (key ?? 'any'),
    },
    models: Object.fromEntries(ids.map((id) => [id, { name: id }])),
  }
}

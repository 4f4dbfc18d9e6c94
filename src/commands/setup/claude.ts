import { join } from 'node:path'
import type { ClientFile } from './client-file.ts'
import { readJson, restored, valueAt, withValue } from './json-file.ts'

const address = ['env', 'ANTHROPIC_BASE_URL']
const token = ['env', 'ANTHROPIC_AUTH_TOKEN']
const model = ['env', 'ANTHROPIC_MODEL']

/** Claude Code's `settings.json`: the environment that it gives itself. */
export const claude: ClientFile = {
  title: 'Claude Code',
  path: (env, home) => join(env.CLAUDE_CONFIG_DIR || join(home, '.claude'), 'settings.json'),
  needsModels: false,
  add(text, target) {
    const addressed = withValue(text, address, target.url)
    // A token from the environment wins by itself; without keys any text does.
    const known = target.keyFromEnvironment ? addressed : withValue(addressed, token, target.key ?? 'any')
    return target.model === null ? known : withValue(known, model, target.model)
  },
  remove: (text, before) => restored(text, before, [address, token, model]),
  address(text) {
    const url = valueAt(readJson(text), address)
    return typeof url === 'string' ? { url, isChosen: true } : null
  },
  warnings(text) {
    const fields = readJson(text)
    if (fields.apiKeyHelper === undefined && valueAt(fields, ['env', 'ANTHROPIC_API_KEY']) === undefined) return []
    return [
      'The file also names a key of Anthropic (apiKeyHelper or ANTHROPIC_API_KEY); Claude Code may send that one.',
    ]
  },
  next: 'Run "claude". Where no key is written into the file, export ANTHROPIC_AUTH_TOKEN first.',
}

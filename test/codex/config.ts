import { codex } from '../../src/commands/setup/codex.ts'

/** The whole of what a user adds to `~/.codex/config.toml`. No `env_key`: this machine needs no key. */
const snippet = `model_provider = "codex-lb"

[model_providers.codex-lb]
name = "codex-lb"
base_url = "http://127.0.0.1:2455/backend-api/codex"
wire_api = "responses"
`

/** Keeps Codex from calling home, so that a test sees every request; nothing in it concerns the provider. */
const quietTables = `
[analytics]
enabled = false

[otel]
exporter = "none"
metrics_exporter = "none"
trace_exporter = "none"

[features]
plugins = false
apps = false
`

export type ConfigChanges = {
  /** In place of the provider's name. Exactly "OpenAI" turns on what Codex does for its maker only. */
  name?: string
  /** In place of `/backend-api/codex`. */
  path?: string
  /** Further lines at the top. */
  top?: string
  /** Further lines of the provider. */
  provider?: string
  /** Further lines of `[features]`. */
  features?: string
  /** What "codex-lb setup codex" writes, in place of the snippet. */
  bySetup?: boolean
  /** Where Codex makes its account calls; the product, unless told otherwise. */
  chatgptUrl?: string
}

/** The text of a config.toml: the snippet that users get, pointed at `url`, with the changes that a test needs. */
export function configToml(url: string, changes: ConfigChanges = {}): string {
  const { name = 'codex-lb', path = '/backend-api/codex', chatgptUrl = `${url}/backend-api` } = changes
  const provider = snippet
    .replace('name = "codex-lb"', `name = "${name}"`)
    .replace('http://127.0.0.1:2455/backend-api/codex', url + path)
  const top = `check_for_update_on_startup = false\nchatgpt_base_url = "${chatgptUrl}"\n`
  if (changes.bySetup) {
    const target = { url, key: null, keyFromEnvironment: false, model: null, models: [] }
    return codex.add(`${top}${quietTables}`, target)
  }
  return `${top}${changes.top ?? ''}\n${provider}${changes.provider ?? ''}\n${quietTables}${changes.features ?? ''}
`
}

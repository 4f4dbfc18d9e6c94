import { join } from 'node:path'
import { parse, patch, stringify } from '@decimalturn/toml-patch'
import { type ClientFile, type Target, UnreadableFile } from './client-file.ts'

type Fields = Record<string, unknown>

const providerId = 'codex-lb'

/** Codex's `config.toml`: a provider of ours, and the line that chooses it. */
export const codex: ClientFile = {
  title: 'Codex',
  path: (env, home) => join(env.CODEX_HOME || join(home, '.codex'), 'config.toml'),
  needsModels: false,
  add(text, target) {
    const fields = read(text)
    const providers = tableOf(fields.model_providers)
    const chosen: Fields = { ...fields, model_provider: providerId }
    if (target.model !== null) chosen.model = target.model
    const next = { ...chosen, model_providers: { ...providers, [providerId]: providerFor(target) } }
    if (providers[providerId] !== undefined) return checked(patch(text, next), next)
    // Where there is none yet, it goes to the end as people write it; the library would put it among the first lines.
    const block = stringify({ model_providers: { [providerId]: providerFor(target) } }, { inlineTableStart: 2 })
    return checked(
      `${ended(patch(text, chosen))}\n${block.slice(block.indexOf(`[model_providers.${providerId}]`))}`,
      next,
    )
  },
  remove(text, before) {
    const old = read(before)
    const { model_provider: chosen, model_providers: given, ...rest } = read(text)
    const { [providerId]: _ours, ...providers } = tableOf(given)
    const next: Fields = { ...rest }
    if (Object.keys(providers).length > 0) next.model_providers = providers
    const choice = chosen === providerId ? old.model_provider : chosen
    if (choice !== undefined && choice !== providerId) next.model_provider = choice
    return checked(patch(text, next), next)
  },
  address(text) {
    const { model_provider, model_providers } = read(text)
    const { base_url } = tableOf(tableOf(model_providers)[providerId])
    return typeof base_url === 'string' ? { url: base_url, isChosen: model_provider === providerId } : null
  },
  warnings(text) {
    const { profile, profiles } = read(text)
    const own = typeof profile === 'string' ? tableOf(tableOf(profiles)[profile]).model_provider : undefined
    if (own === undefined || own === providerId) return []
    return [`The profile "${profile}" chooses the provider "${own}", which wins; change its model_provider too.`]
  },
  next: 'Run "codex".',
}

function providerFor({ url, key, keyFromEnvironment }: Target): Fields {
  return {
    // Any name but exactly "OpenAI", under which recent versions insist on https.
    name: 'codex-lb',
    base_url: `${url}/backend-api/codex`,
    wire_api: 'responses',
    supports_websockets: true,
    ...(keyFromEnvironment ? { env_key: 'CODEX_LB_API_KEY' } : {}),
    ...(key === null ? {} : { experimental_bearer_token: key }),
  }
}

function read(text: string): Fields {
  try {
    return parse(text) as Fields
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : ''
    throw new UnreadableFile(`it is no valid TOML: ${why}`, { cause: error })
  }
}

/** What was written must mean what was asked for, or nothing is written. @throws UnreadableFile */
function checked(text: string, fields: Fields): string {
  try {
    if (JSON.stringify(sorted(parse(text))) === JSON.stringify(sorted(fields))) return ended(text)
  } catch {
    // What cannot be read back is as wrong as what reads differently.
  }
  throw new UnreadableFile('its form is too unusual to be changed safely; add the lines of the README by hand')
}

/** Whole lines only. */
function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, field]) => [name, sorted(field)]))
}

function tableOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

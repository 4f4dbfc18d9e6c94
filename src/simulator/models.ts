import { createHash } from 'node:crypto'
import type { SimulatedAccount } from './accounts.ts'

type ModelEntry = { slug: string; minimal_client_version: string; [field: string]: unknown }

const efforts = [
  { effort: 'low', description: 'Fast responses with lighter reasoning' },
  { effort: 'medium', description: 'Balances speed and reasoning depth' },
  { effort: 'high', description: 'Greater reasoning depth for complex problems' },
  { effort: 'xhigh', description: 'Extra reasoning depth for the hardest problems' },
]

/** Has every field without which a Codex version would throw the whole catalogue away. */
function entry(
  slug: string,
  title: string,
  priority: number,
  own: { minimal_client_version: string; [field: string]: unknown },
): ModelEntry {
  return {
    slug,
    display_name: title,
    description: `${title}, simulated.`,
    default_reasoning_level: 'medium',
    supported_reasoning_levels: efforts,
    shell_type: 'unified_exec',
    visibility: 'list',
    supported_in_api: true,
    priority,
    availability_nux: null,
    upgrade: null,
    base_instructions: 'You are a coding agent that talks to a simulated model.',
    supports_reasoning_summaries: true,
    default_reasoning_summary: 'none',
    support_verbosity: true,
    default_verbosity: 'low',
    apply_patch_tool_type: 'freeform',
    web_search_tool_type: 'text',
    truncation_policy: { mode: 'tokens', limit: 10_000 },
    supports_parallel_tool_calls: true,
    supports_image_detail_original: true,
    context_window: 272_000,
    max_context_window: 272_000,
    auto_compact_token_limit: null,
    effective_context_window_percent: 95,
    experimental_supported_tools: [],
    input_modalities: ['text', 'image'],
    prefer_websockets: false,
    service_tiers: [{ id: 'priority', name: 'Fast', description: 'Faster answers, more usage' }],
    additional_speed_tiers: ['fast'],
    available_in_plans: ['free', 'plus', 'pro', 'team', 'business', 'enterprise', 'edu'],
    ...own,
  }
}

const lite = { use_responses_lite: true, tool_mode: 'code_mode_only', supports_parallel_tool_calls: false }

const catalogue: readonly ModelEntry[] = [
  entry('gpt-6.1-sol', 'GPT-6.1 Sol', 0, { minimal_client_version: '0.150.0', ...lite }),
  entry('gpt-5.6-sol', 'GPT-5.6 Sol', 1, { minimal_client_version: '0.142.0', ...lite }),
  entry('gpt-5.5', 'GPT-5.5', 2, { minimal_client_version: '0.124.0' }),
  entry('gpt-5.4', 'GPT-5.4', 3, { minimal_client_version: '0.98.0', max_context_window: 1_000_000 }),
  entry('gpt-5.4-mini', 'GPT-5.4 mini', 4, { minimal_client_version: '0.98.0' }),
  entry('gpt-5.3-codex', 'GPT-5.3 Codex', 5, { minimal_client_version: '0.90.0' }),
]

const slugs = new Set(catalogue.map((model) => model.slug))

function isOlder(version: string, than: string): boolean {
  const parts = (text: string) => text.split('.').map((part) => Number.parseInt(part, 10) || 0)
  const [left, right] = [parts(version), parts(than)]
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

function modelsOf(account: SimulatedAccount): ModelEntry[] {
  const own = catalogue.filter((model) => account.models === null || account.models.includes(model.slug))
  // A name the catalogue does not have is a test's own model: it looks like the plainest one.
  const made = (account.models ?? []).filter((slug) => !slugs.has(slug))
  return [...own, ...made.map((slug, i) => entry(slug, slug, 20 + i, { minimal_client_version: '0.0.0' }))]
}

/** The catalogue as this account sees it with this client version; without a version nothing is held back. */
export function modelsAnswer(account: SimulatedAccount, clientVersion: string | null): { models: ModelEntry[] } {
  const models = modelsOf(account)
  if (clientVersion === null) return { models }
  return { models: models.filter((model) => !isOlder(clientVersion, model.minimal_client_version)) }
}

export function hasModel(account: SimulatedAccount, slug: string): boolean {
  return account.models === null ? slugs.has(slug) : account.models.includes(slug)
}

/** Changes only with the account's entitlements, never with the client's version. */
export function modelsEtag(account: SimulatedAccount): string {
  const names = JSON.stringify(account.models)
  return `W/"${createHash('sha256').update(names).digest('hex').slice(0, 32)}"`
}

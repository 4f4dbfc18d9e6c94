import type { CatalogueModel } from '../domain/catalogue.ts'

/** Shown while no account has ever told what it has. Routing never goes by it. */
export const staticModels: readonly CatalogueModel[] = [
  entry('gpt-5.6-sol', 'GPT-5.6 Sol', { minimal_client_version: '0.144.0', max_context_window: 872_000 }),
  entry('gpt-5.6-terra', 'GPT-5.6 Terra', { minimal_client_version: '0.144.0', max_context_window: 872_000 }),
  entry('gpt-5.6-luna', 'GPT-5.6 Luna', { minimal_client_version: '0.144.0', max_context_window: 872_000 }),
  entry('gpt-5.5', 'GPT-5.5', { minimal_client_version: '0.124.0' }),
  entry('gpt-5.4', 'GPT-5.4', { minimal_client_version: '0.98.0', max_context_window: 1_000_000 }),
  entry('gpt-5.4-mini', 'GPT-5.4 mini'),
  entry('gpt-5.3-codex', 'GPT-5.3 Codex'),
  entry('gpt-5.3-codex-spark', 'GPT-5.3 Codex Spark', {
    context_window: 128_000,
    max_context_window: 128_000,
    input_modalities: ['text'],
    supports_image_detail_original: false,
  }),
  entry('gpt-5.2', 'GPT-5.2', { truncation_policy: { mode: 'bytes', limit: 10_000 } }),
  entry('codex-auto-review', 'Codex Auto Review', { visibility: 'hide' }),
].map((model, priority) => ({ ...model, priority }))

/** Has every field without which a version of Codex throws the whole list away (client notes, §7). */
function entry(slug: string, title: string, own: Record<string, unknown> = {}): CatalogueModel {
  return {
    slug,
    display_name: title,
    description: title,
    base_instructions: instructions(),
    default_reasoning_level: 'medium',
    supported_reasoning_levels: [
      { effort: 'low', description: 'Answers fast, thinks little' },
      { effort: 'medium', description: 'A balance of speed and depth' },
      { effort: 'high', description: 'Thinks deeper, for hard problems' },
      { effort: 'xhigh', description: 'Thinks deepest, for the hardest problems' },
    ],
    shell_type: 'unified_exec',
    visibility: 'list',
    supported_in_api: true,
    priority: 0,
    availability_nux: null,
    upgrade: null,
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
    service_tiers: [],
    additional_speed_tiers: [],
    ...own,
  }
}

/** Codex gives the model these words in place of its own. */
function instructions(): string {
  return [
    'You are a coding agent in a terminal, working in the folder of the person who asks.',
    'Carry the task through to its end: read what is there, make the change, check that it works, and say what you did.',
    'Search with rg where it is installed. Read the code around a place before you change it, and keep to its style.',
    'Change only what the task needs. The folder may hold work that is not yours: never undo or delete it unasked.',
    'Follow the instructions in AGENTS.md files; those deeper in the tree come first.',
    'Use the tools that you are given, apply_patch for edits. Do not commit or push unless you are asked to.',
    'Never claim that something works which you have not run. Name what you could not check.',
    'Keep answers short and concrete, and name files by their paths.',
  ].join('\n')
}

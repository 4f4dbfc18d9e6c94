import type { Json } from '../json.ts'

/** From the names of Claude's models, where `*` stands for anything, to models of the pool. */
export const defaultModelMap: Record<string, string> = {
  'claude-*haiku*': 'gpt-5.6-luna',
  'claude-*sonnet*': 'gpt-5.6-terra',
  'claude-*opus*': 'gpt-5.6-sol',
  'claude-*': 'gpt-5.6-sol',
}

/**
 * The pool's model for a name that a client asks for: by the entry of that very name, else by the pattern with the most
 * letters that fits, else `fallback`. A name that is no Claude model is meant as it stands.
 */
export function modelFor(claudeName: string, map: Readonly<Record<string, string>>, fallback: string): string {
  const name = plainName(claudeName)
  const exact = entryOf(map, claudeName) ?? entryOf(map, name)
  if (exact !== null) return exact
  const fitting = Object.keys(map).filter((pattern) => pattern.includes('*') && fits(pattern, name))
  const [best] = fitting.toSorted((a, b) => letters(b) - letters(a))
  return (best === undefined ? null : entryOf(map, best)) ?? (name.startsWith('claude-') ? fallback : claudeName)
}

/** Other houses put something in front of the name, and Claude Code the size of the window behind it. */
function plainName(name: string): string {
  return name.replace(/\[[^\]]*\]$/, '').replace(/^.*[./](?=claude-)/, '')
}

function entryOf(map: Readonly<Record<string, string>>, name: string): string | null {
  return Object.hasOwn(map, name) ? (map[name] ?? null) : null
}

function fits(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(name)
}

function letters(pattern: string): number {
  return pattern.replaceAll('*', '').length
}

/** One model as a client may ask for it. */
export type ListedModel = {
  id: string
  displayName: string
  /** Null when not known. */
  createdAtMs: number | null
  maxInputTokens: number | null
}

/** The answer of `GET /v1/models` for Anthropic's clients: all of it is one page. */
export function anthropicModels(entries: readonly ListedModel[]): Json {
  return {
    data: entries.map(anthropicModel),
    has_more: false,
    first_id: entries[0]?.id ?? null,
    last_id: entries.at(-1)?.id ?? null,
  }
}

/** The answer of `GET /v1/models/{id}`. */
export function anthropicModel({ id, displayName, createdAtMs, maxInputTokens }: ListedModel): Json {
  return {
    type: 'model',
    id,
    display_name: displayName,
    // The beginning of the epoch stands for "not known".
    created_at: new Date(createdAtMs ?? 0).toISOString(),
    max_input_tokens: maxInputTokens,
    max_tokens: null,
    capabilities: null,
    lifecycle: 'active',
    deprecated_at: null,
    retires_at: null,
    line: null,
  }
}

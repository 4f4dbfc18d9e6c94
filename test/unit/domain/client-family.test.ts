import { expect, it } from 'vitest'
import { clientFamily } from '../../../src/domain/client-family.ts'

it.each([
  ['codex_cli_rs/0.169.0 (Debian 13; x86_64) xterm', 'codex_cli_rs'],
  ['codex-tui/0.169.0 (demo)', 'codex-tui'],
  ['Codex Desktop/1.2.3', 'Codex Desktop'],
  ['codex_vscode', 'codex_vscode'],
  ['OpenAI/Python 2.8.1 (demo)', 'OpenAI/Python'],
  ['OpenAI/JS v7.55.0', 'OpenAI/JS'],
  ['claude-cli/2.0.1 (external, cli)', 'claude-cli'],
  ['ai-sdk/openai/2.0.5 ai/5', 'ai-sdk/openai'],
  ['Mozilla/5.0 (X11)', 'Mozilla'],
  ['undici', 'undici'],
  ['program (of mine)', 'program'],
  ['line\nbreak/1', 'line\nbreak'],
  ['x'.repeat(99), 'x'.repeat(40)],
  ['/1.0', null],
  ['', null],
  [null, null],
])('%j is of the family %j', (client, family) => {
  expect(clientFamily(client)).toBe(family)
})

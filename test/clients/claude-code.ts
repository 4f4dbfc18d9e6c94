import { join } from 'node:path'
import { type Line, makeHome, type Run, run } from './program.ts'
import type { Stage } from './stage.ts'

/** The native program, out of the package for this kind of machine. */
export const claudeProgram = join(
  ...[
    import.meta.dirname,
    'node_modules',
    '@anthropic-ai',
    `claude-code-${process.platform}-${process.arch}`,
    'claude',
  ],
)

/** A Claude Code of its own: own home, own configuration, own working directory, and only `Bash` allowed. */
export type ClaudeCode = {
  /** The working directory of its shell commands. */
  folder: string
  /** `claude -p` with a prompt: a new conversation, unless a flag says otherwise. */
  turn(prompt: string, ...flags: string[]): Promise<Run>
}

/** Set up as a user would: an address and any token. The rest keeps it from calling home. */
export async function createClaudeCode(stage: Stage): Promise<ClaudeCode> {
  const home = await makeHome(stage)
  const quiet = {
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    ...{ DISABLE_TELEMETRY: '1', DISABLE_ERROR_REPORTING: '1', DISABLE_AUTOUPDATER: '1' },
  }
  const own = { CLAUDE_CONFIG_DIR: home.home, ANTHROPIC_BASE_URL: stage.url, ANTHROPIC_AUTH_TOKEN: 'any' }
  const env = { ...home.env, ...quiet, ...own }
  const format = ['--output-format', 'stream-json', '--verbose']
  return {
    folder: home.folder,
    turn: (prompt, ...flags) =>
      run(claudeProgram, ['-p', prompt, ...format, ...flags, '--allowedTools', 'Bash'], { ...home, env }),
  }
}

/** The last line of a run: what the person is told. @throws Error when there is none */
export function resultOf({ lines, output }: Run): Line {
  const result = lines.find(({ type }) => type === 'result')
  if (result === undefined) throw new Error(`Claude Code gave no result. ${output}`)
  return result
}

/** The outputs of the tools that ran. */
export function toolOutputsIn({ lines }: Run): unknown[] {
  const contents = lines.flatMap(({ type, message }): Line[] => (type === 'user' ? message.content : []))
  return contents.filter(({ type }) => type === 'tool_result').map(({ content }) => content)
}

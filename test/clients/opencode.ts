import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeHome, type Run, run } from './program.ts'
import type { Stage } from './stage.ts'

const folder = join(import.meta.dirname, 'node_modules', 'opencode-linux-x64')

/** The native program, out of the one package that has it: a lock file of OpenCode's own would need all platforms. */
const openCodeProgram = join(folder, 'bin', 'opencode')
export const canRunOpenCode = process.platform === 'linux' && process.arch === 'x64'

/** An OpenCode of its own: own home, own configuration, own working directory. */
export type OpenCode = {
  /** The working directory of its shell commands. */
  folder: string
  /** `opencode run` with a prompt: a new session, unless a flag says otherwise. */
  turn(prompt: string, ...flags: string[]): Promise<Run>
}

/** `provider`: the package of the AI SDK by which it speaks to the product. */
export async function createOpenCode(stage: Stage, provider: string): Promise<OpenCode> {
  const home = await makeHome(stage)
  const configFile = join(home.home, 'opencode.json')
  await writeFile(configFile, JSON.stringify(configFor(stage.url, provider)))
  await fakePlugin(join(home.home, '.config', 'opencode'))
  const env = { ...home.env, OPENCODE_CONFIG: configFile, OPENCODE_DISABLE_MODELS_FETCH: '1' }
  return {
    folder: home.folder,
    // A prompt among the arguments would get quotation marks; without a title, one more request would ask for one.
    turn: (prompt, ...flags) =>
      run(openCodeProgram, ['run', '--format', 'json', '--title', 'test', ...flags], { ...home, env }, prompt),
  }
}

/** What the model said, in order. */
export function answersIn({ lines }: Run): string[] {
  return lines.flatMap(({ type, part }) => (type === 'text' ? [part.text] : []))
}

/** The outputs of the tools that ran. */
export function toolOutputsIn({ lines }: Run): string[] {
  return lines.flatMap(({ type, part }) => (type === 'tool_use' ? [part.state.output] : []))
}

function configFor(url: string, provider: string) {
  const options = { baseURL: `${url}/v1`, apiKey: 'any' }
  return {
    ...{ model: 'codex-lb/gpt-5.5', autoupdate: false, share: 'disabled' },
    provider: { 'codex-lb': { npm: provider, name: 'codex-lb', options, models: { 'gpt-5.5': { name: 'GPT-5.5' } } } },
  }
}

/** OpenCode fetches a package for plugins into the folder of its configuration, where none is noted down as installed. */
async function fakePlugin(configFolder: string): Promise<void> {
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const noted = { dependencies: { '@opencode-ai/plugin': version } }
  await mkdir(join(configFolder, 'node_modules'), { recursive: true })
  await writeFile(join(configFolder, 'package.json'), JSON.stringify(noted))
  await writeFile(
    join(configFolder, 'package-lock.json'),
    JSON.stringify({ lockfileVersion: 3, packages: { '': noted } }),
  )
}

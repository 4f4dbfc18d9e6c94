import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Untyped } from '../support/untyped.ts'

/** The oldest and the newest Codex CLI that are promised to work; the packages stand in package.json beside this. */
export const clientVersions = ['0.142.2', '0.169.0'] as const
export type ClientVersion = (typeof clientVersions)[number]

export function packageFolder(version: ClientVersion): string {
  return join(import.meta.dirname, 'node_modules', `codex-${version}`)
}

type Json = Untyped

type CodexItem = {
  type: string
  text?: string
  message?: string
  aggregated_output?: string
  exit_code?: number | null
}

/** One line of `codex exec --json`. */
type CodexEvent = { type: string; message?: string; item?: CodexItem; error?: { message: string } }

/** What one run of Codex showed: its events, and everything that it wrote, both streams together. */
export type CodexRun = { exitCode: number | null; events: CodexEvent[]; output: string }

/** A Codex of its own: own home, own configuration, own working directory. */
export type Codex = {
  /** The working directory of its shell commands. */
  folder: string
  /** `codex exec` with a prompt: a new thread. */
  turn(prompt: string): Promise<CodexRun>
  /** `codex exec resume --last` with a prompt. */
  resume(prompt: string): Promise<CodexRun>
  /** `codex app-server`, which speaks JSON-RPC on its standard streams. Whoever starts it ends it. */
  appServer(): ChildProcessWithoutNullStreams
  /** What Codex has written down of all its threads: the payloads of its rollout files. */
  rollout(): Promise<Json[]>
  remove(): Promise<void>
}

export type CodexOptions = {
  version: ClientVersion
  /** The text of config.toml. */
  config: string
  /** The content of auth.json; none: not signed in. */
  login?: object
  /** A forward proxy for whatever does not go to this machine. */
  outsideUrl: string
}

/** Codex has no deadline of its own in some situations; a run that takes this long is ended. */
const runDeadlineMs = 45_000

export async function createCodex({ version, config, login, outsideUrl }: CodexOptions): Promise<Codex> {
  const root = await mkdtemp(join(tmpdir(), 'codex-lb-client-'))
  const home = join(root, 'home')
  const codexHome = join(root, 'codex')
  const folder = join(root, 'work')
  for (const path of [home, codexHome, folder]) await mkdir(path)
  await writeFile(join(codexHome, 'config.toml'), config)
  if (login) await writeFile(join(codexHome, 'auth.json'), JSON.stringify(login), { mode: 0o600 })
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    CODEX_HOME: codexHome,
    TERM: 'xterm',
    TZ: 'UTC',
    HTTPS_PROXY: outsideUrl,
    HTTP_PROXY: outsideUrl,
    ALL_PROXY: outsideUrl,
    NO_PROXY: '127.0.0.1,localhost',
  }
  const program = join(packageFolder(version), 'bin', 'codex.js')
  const flags = ['--json', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox']
  const exec = (...args: string[]) => run([program, 'exec', ...args], folder, env)
  return {
    folder,
    turn: (prompt) => exec(...flags, prompt),
    resume: (prompt) => exec('resume', '--last', ...flags, prompt),
    appServer: () => spawn(process.execPath, [program, 'app-server'], { cwd: folder, env, stdio: 'pipe' }),
    async rollout() {
      const lines: string[] = []
      for await (const path of glob(join(codexHome, 'sessions/**/*.jsonl'))) {
        lines.push(...(await readFile(path, 'utf8')).split('\n').filter((line) => line !== ''))
      }
      return lines.map((line) => JSON.parse(line).payload)
    },
    remove: () => rm(root, { recursive: true, force: true, maxRetries: 5 }),
  }
}

/** Runs to the end; beyond the deadline the run is ended and has no exit code. */
function run(args: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<CodexRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      ...{ cwd, env, timeout: runDeadlineMs },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      output += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.once('error', reject)
    child.once('close', (exitCode) => resolve({ exitCode, events: eventsIn(stdout), output }))
  })
}

function eventsIn(stdout: string): CodexEvent[] {
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line): CodexEvent => JSON.parse(line))
}

/** What the model said, in order. */
export function answersIn({ events }: CodexRun): string[] {
  return events.flatMap(({ item }) => (item?.type === 'agent_message' && item.text !== undefined ? [item.text] : []))
}

/** The shell commands that ended. */
export function commandsIn({ events }: CodexRun): CodexItem[] {
  return events.flatMap(({ type, item }) =>
    type === 'item.completed' && item?.type === 'command_execution' ? [item] : [],
  )
}

/** General advice that 0.142.2 gives after every local compaction. */
const advice = /^Heads up: Long threads/
const signsOfTrouble = /Reconnecting|Falling back|stream disconnected|unexpected status|exceeded retry/

/** Everything that tells a person that something went wrong on the way to an answer. */
export function troubleIn({ exitCode, events, output }: CodexRun): string[] {
  const told = events.flatMap(({ type, message, error, item }) => {
    if (type === 'error') return [message ?? type]
    if (type === 'turn.failed') return [error?.message ?? type]
    return item?.type === 'error' ? [item.message ?? item.type] : []
  })
  const written = output.split('\n').filter((line) => signsOfTrouble.test(line))
  const ending = exitCode === 0 ? [] : [`exit code ${exitCode}`]
  return [...new Set([...told, ...written, ...ending])].filter((line) => !advice.test(line))
}

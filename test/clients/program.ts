import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Untyped } from '../support/untyped.ts'
import type { Stage } from './stage.ts'

export type Line = Record<string, Untyped>

/** What one run of a program showed: the lines of JSON that it printed, and everything that it wrote. */
export type Run = { exitCode: number | null; lines: Line[]; output: string }

/** Folders of its own for a client, and the environment that keeps it in them and on this machine. */
export type Home = { folder: string; home: string; env: NodeJS.ProcessEnv }

/** A run that takes this long is ended. Longer than the pauses of any client together. */
const runDeadlineMs = 120_000

export async function makeHome({ outsideUrl, onEnd }: Stage): Promise<Home> {
  const root = await mkdtemp(join(tmpdir(), 'codex-lb-client-'))
  onEnd(() => rm(root, { recursive: true, force: true, maxRetries: 5 }))
  const [home, folder, temporary] = [join(root, 'home'), join(root, 'work'), join(root, 'tmp')]
  for (const path of [home, folder, temporary]) await mkdir(path)
  const proxies = { HTTPS_PROXY: outsideUrl, HTTP_PROXY: outsideUrl, ALL_PROXY: outsideUrl }
  const { PATH } = process.env
  const env = { PATH, HOME: home, TMPDIR: temporary, TERM: 'xterm', TZ: 'UTC', ...proxies }
  return { folder, home, env: { ...env, NO_PROXY: '127.0.0.1,localhost' } }
}

/** Runs to the end with `input` on its standard input; beyond the deadline the run is ended and has no exit code. */
export function run(program: string, args: string[], { folder, env }: Home, input = ''): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: folder, env, timeout: runDeadlineMs, stdio: 'pipe' })
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
    child.once('close', (exitCode) => resolve({ exitCode, lines: linesIn(stdout), output }))
    child.stdin.on('error', () => {}) // It may end without reading.
    child.stdin.end(input)
  })
}

function linesIn(stdout: string): Line[] {
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line): Line => JSON.parse(line))
}

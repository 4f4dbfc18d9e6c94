import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** One command of the program as a person runs it, in a process of its own, with what it prints. */
export type RunningCommand = {
  process: ChildProcess
  stdout(): string
  stderr(): string
  /** Resolves with the address of the ready line. @throws Error when the program ends first, or after 30 seconds */
  ready(): Promise<string>
  /** Resolves when it has ended. `code` is null when a signal ended it. */
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** Starts `codex-lb ARGS…` with nothing of this process's environment. Whoever starts it ends it. */
export function startCommand(args: string[], env: Record<string, string>, cwd: string): RunningCommand {
  const child = spawn(process.execPath, [main, ...args], { cwd, env: { HOME: cwd, ...env } })
  let out = ''
  let err = ''
  let changed = () => {}
  child.stdout.on('data', (chunk) => {
    out += chunk
    changed()
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  const ended = new Promise<Awaited<RunningCommand['ended']>>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  return {
    process: child,
    stdout: () => out,
    stderr: () => err,
    ended,
    ready: () =>
      new Promise((resolve, reject) => {
        const fail = (why: string) => reject(new Error(`${why}\nstdout: ${out}\nstderr: ${err}`))
        const timer = setTimeout(() => fail('The program is not ready after 30 seconds.'), 30_000)
        changed = () => {
          const url = /^codex-lb listening on (\S+)$/m.exec(out)?.[1]
          if (url === undefined) return
          clearTimeout(timer)
          resolve(url)
        }
        changed()
        ended.then(({ code }) => {
          clearTimeout(timer)
          fail(`The program ended with ${code}.`)
        }, reject)
      }),
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import { fileURLToPath } from 'node:url'

/** Which answer the upstream of the benchmark gives. */
export type StreamKind = 'short' | 'long' | 'slow'
/** The request header that says so: every proxy passes it on. */
export const answerHeader = 'x-codex-answer'

/** A process of its own that listens. */
export type Program = { port: number; process: ChildProcess; stop(): Promise<void> }

const readyMs = 20_000
const stopMs = 10_000

/** Listens on a free port of this machine and says so in the words that `startProgram` waits for. */
export function listen(server: Server): void {
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo
    process.stdout.write(`listening on http://127.0.0.1:${port}\n`)
  })
}

/** Starts a script of this repository, given relative to it. @throws Error when it does not get ready */
export async function startProgram(
  script: string,
  args: string[] = [],
  env: NodeJS.ProcessEnv = {},
  nodeFlags: string[] = [],
): Promise<Program> {
  const child = spawnScript(script, args, env, nodeFlags)
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMs)
    await gone
    clearTimeout(timer)
  }
  try {
    return { port: await readyPort(child, script), process: child, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Runs a script to its end. @throws Error with what it said when it fails */
export async function runScript(script: string, args: string[], env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawnScript(script, args, env)
  let said = ''
  child.stdout?.on('data', (text) => {
    said += text
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${code}: ${said}`)
}

function spawnScript(script: string, args: string[], env: NodeJS.ProcessEnv, nodeFlags: string[] = []): ChildProcess {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url))
  const child = spawn(process.execPath, [...nodeFlags, path, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  return child
}

function readyPort(child: ChildProcess, script: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = ''
    const timer = setTimeout(() => reject(new Error(`${script} was not ready in time: ${said}`)), readyMs)
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}: ${said}`)))
    child.stdout?.on('data', (text) => {
      said += text
      const port = /listening on http:\/\/[^:]+:(\d+)/.exec(said)?.[1]
      if (port === undefined) return
      clearTimeout(timer)
      resolve(Number(port))
    })
  })
}

/** Linux counts a process's time in hundredths of a second. */
const ticksPerSecond = 100

/** Seconds of processor time that the process has used; NaN where the system does not tell. */
export function cpuSeconds(pid: number | undefined): number {
  const fields = readProc(pid, 'stat').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Resident memory in KiB; NaN where the system does not tell. */
export function residentKib(pid: number | undefined): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readProc(pid, 'status'))?.[1])
}

function readProc(pid: number | undefined, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1')
  } catch {
    // No /proc on this system, or the process has gone.
    return ''
  }
}

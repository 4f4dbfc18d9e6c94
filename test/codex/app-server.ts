import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import type { Untyped } from '../support/untyped.ts'
import type { Codex } from './codex.ts'

type Json = Untyped
type RpcAnswer = { result?: Json; error?: { code: number; message: string } }

/** A running `codex app-server`, as an editor's extension uses it. */
export type AppServer = {
  /** The answer of one call; Codex's own refusals are answers too. @throws Error when none comes in time */
  call(method: string, params?: object): Promise<RpcAnswer>
  /** The result of one call. @throws Error when Codex refuses it */
  result(method: string, params?: object): Promise<Json>
  /** The first notification that fits, also of those that came already. @throws Error when none comes in time */
  hears(method: string, fits?: (params: Json) => boolean): Promise<Json>
  close(): Promise<void>
}

const deadlineMs = 45_000

/** Starts it and introduces the client. */
export async function startAppServer(codex: Codex): Promise<AppServer> {
  const child = codex.appServer()
  const waiting = new Map<number, (answer: RpcAnswer) => void>()
  const heard: { method: string; params: Json }[] = []
  const listeners = new Set<() => void>()
  let output = ''
  let lastId = 0
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  createInterface(child.stdout).on('line', (line) => {
    const message: Json = JSON.parse(line)
    if (message.method === undefined) waiting.get(message.id)?.(message)
    else heard.push({ method: message.method, params: message.params })
    for (const listener of listeners) listener()
  })
  const send = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`)

  const call = async (method: string, params: object = {}): Promise<RpcAnswer> => {
    const id = ++lastId
    const answered = new Promise<RpcAnswer>((resolve) => waiting.set(id, resolve))
    send({ id, method, params })
    return inTime(answered, () => `${method} was not answered. ${output}`)
  }
  const server: AppServer = {
    call,
    async result(method, params) {
      const { result, error } = await call(method, params)
      if (error) throw new Error(`${method} was refused: ${error.message}`)
      return result
    },
    hears(method, fits = () => true) {
      const find = () => heard.find((one) => one.method === method && fits(one.params))
      const found = new Promise<Json>((resolve) => {
        const look = () => {
          const one = find()
          if (one === undefined) return
          listeners.delete(look)
          resolve(one.params)
        }
        listeners.add(look)
        look()
      })
      return inTime(found, () => `${method} was never heard, only ${JSON.stringify(heard)}. ${output}`)
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    },
  }
  await server.result('initialize', { clientInfo: { name: 'e2e', title: null, version: '0.0.1' } })
  send({ method: 'initialized' })
  return server
}

async function inTime<T>(work: Promise<T>, why: () => string): Promise<T> {
  const late = new AbortController()
  const deadline = wait(deadlineMs, undefined, { signal: late.signal }).then(() => {
    throw new Error(why())
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    late.abort()
    deadline.catch(() => {}) // The wait was called off.
  }
}

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { rm } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import type { SimulatedAccountOptions } from '../../src/simulator/accounts.ts'
import type { RecordedRequest } from '../../src/simulator/http.ts'
import type { Simulator } from '../../src/simulator/upstream.ts'
import type { ManualClock } from './clock.ts'
import { eventually } from './import-client.ts'
import { eventsIn, jsonOf, type SimulatedEvent, turnBody } from './simulator-client.ts'
import { type RequestSeen, type Rig, type RigOptions, startRig } from './start.ts'
import type { Untyped } from './untyped.ts'

export const codexPath = '/backend-api/codex/responses'
export const publicPath = '/v1/responses'
export const [a, b, c] = ['a@example.com', 'b@example.com', 'c@example.com'] as const

/** Three accounts that are asked in this order: a, b, c. */
const inOrder: SimulatedAccountOptions[] = [
  { email: a, plan: 'plus', shortUsedPercent: 60 },
  { email: b, plan: 'plus', shortUsedPercent: 40 },
  { email: c, plan: 'plus', shortUsedPercent: 20 },
]

/** A rig whose accounts are asked in a known order, the fullest first. */
export async function startPool(options: RigOptions = {}): Promise<Rig> {
  const { accounts = inOrder } = options
  const rig = await startRig({ ...options, accounts })
  const answer = await fetch(`${rig.url}/api/settings`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ strategy: 'fill_first' }),
  })
  expect(answer.status).toBe(200)
  if (options.importAll === false) return rig
  for (const { email } of accounts) {
    await eventually(`${email} has usage figures`, async () => (await rig.account(email)).windows.length > 0)
  }
  return rig
}

/** What came back to the client. `broken`: the connection died before the answer was whole. */
export type Told = {
  status: number
  headers: Headers
  text: string
  events: SimulatedEvent[]
  broken: boolean
  error: Untyped
}

type SendOptions = { path?: string; headers?: Record<string, string>; signal?: AbortSignal }

export function post(rig: { url: string }, body: object | Uint8Array<ArrayBuffer>, given: SendOptions = {}) {
  return fetch(rig.url + (given.path ?? codexPath), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...given.headers },
    body: body instanceof Uint8Array ? body : JSON.stringify(body),
    signal: given.signal ?? AbortSignal.timeout(60_000),
  })
}

/** Sends one turn and reads its answer to the end. */
export async function ask(
  rig: { url: string },
  body: object = turnBody('hello'),
  given: SendOptions = {},
): Promise<Told> {
  const answer = await post(rig, body, given)
  const { text, broken } = await readAll(answer)
  const isStream = answer.headers.get('content-type')?.includes('text/event-stream') ?? false
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    broken,
    events: isStream ? eventsIn(text) : [],
    error: !isStream && text.startsWith('{') ? JSON.parse(text).error : undefined,
  }
}

/** Reads as far as the answer goes. */
export async function readAll(answer: Response): Promise<{ text: string; broken: boolean }> {
  let text = ''
  try {
    const decoder = new TextDecoder()
    for await (const chunk of answer.body ?? []) text += decoder.decode(chunk, { stream: true })
    return { text, broken: false }
  } catch {
    return { text, broken: true }
  }
}

/** Reads an answer while it comes. */
export function follow(answer: Response) {
  if (answer.body === null) throw new Error('The answer has no body.')
  const reader = answer.body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  const read = async () => {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      text += decoder.decode(value, { stream: true })
    }
  }
  const done = read()
  return {
    text: () => text,
    /** Resolves when the answer is over. */
    done,
    /** Drops the connection. */
    cancel: () => reader.cancel(),
  }
}

/** Lets a manual clock run, much faster than real time, until the work is done. */
export async function hurry<T>(clock: ManualClock, work: Promise<T>, stepMs = 25): Promise<T> {
  let done = false
  const ended = work.finally(() => {
    done = true
  })
  ended.catch(() => {})
  while (!done) {
    await wait(2)
    if (!done) clock.advance(stepMs)
  }
  return ended
}

export function turnsAt({ requests }: Simulator): RecordedRequest[] {
  return requests.filter(({ method, path }) => (method === 'POST' || method === 'WS') && path === codexPath)
}

/** The letters of the accounts that were asked, in order. */
export function askedOf(simulator: Simulator): string {
  return turnsAt(simulator)
    .map(({ email }) => email?.charAt(0) ?? '?')
    .join('')
}

/** The tries of the newest request in the log: "a transient server_error", and "b relay" for the one that served. */
export async function triesOf(rig: Rig): Promise<string[]> {
  const [newest] = await rig.requests()
  return nameTries(rig, newest)
}

async function nameTries(rig: Rig, request: RequestSeen | undefined): Promise<string[]> {
  const names = await namesOf(rig)
  return (request?.attempts ?? []).map(({ accountId, verdict, code }: RequestSeen) =>
    [names.get(accountId), verdict, ...(code === null ? [] : [code])].join(' '),
  )
}

/** Letters by account id. */
async function namesOf(rig: { url: string }): Promise<Map<string, string>> {
  const { accounts } = await jsonOf(await fetch(`${rig.url}/api/accounts`))
  return new Map(accounts.map(({ accountId, email }: RequestSeen) => [accountId, email.charAt(0)]))
}

/** Keeps every byte of the answers that the simulator gives to the product's turns, one text per answer. */
export function recordUpstream({ simulator }: Rig): { answers: () => string[]; stop(): void } {
  const byRequest = new Map<object, Buffer[]>()
  const onChunk = (message: unknown) => {
    const { request, chunk } = message as { request: { origin: unknown; path: string }; chunk: Buffer }
    if (String(request.origin) !== simulator.url || request.path !== codexPath) return
    const chunks = byRequest.get(request) ?? []
    byRequest.set(request, chunks)
    chunks.push(Buffer.from(chunk))
  }
  subscribe('undici:request:bodyChunkReceived', onChunk)
  return {
    answers: () => [...byRequest.values()].map((chunks) => Buffer.concat(chunks).toString('utf8')),
    stop: () => unsubscribe('undici:request:bodyChunkReceived', onChunk),
  }
}

/** A refresh token that was taken may never come again. */
export function expectNoTokenTwice({ refreshes }: Pick<Simulator, 'refreshes'>): void {
  const spent = new Set<string>()
  for (const { refreshToken, accepted, code } of refreshes) {
    expect(spent.has(refreshToken), `a spent refresh token came again (${code})`).toBe(false)
    if (accepted) spent.add(refreshToken)
  }
}

/** Checks that nothing is left over, and stops both sides. */
export async function closeClean(rig: Rig): Promise<void> {
  try {
    await eventually('every request was counted out', async () => {
      const { accounts } = (await (await fetch(`${rig.url}/api/accounts`)).json()) as { accounts: RequestSeen[] }
      return accounts.every(({ inFlight }) => inFlight === 0)
    })
    await eventually('every exchange with the upstream was over', async () =>
      turnsAt(rig.simulator).every(({ outcome }) => outcome !== 'open'),
    )
    expectNoTokenTwice(rig.simulator)
  } finally {
    await rig.app.close()
    await eventually('no socket was open', async () => rig.simulator.openSockets() === 0).finally(() =>
      rig.simulator.close(),
    )
    await rm(rig.dataDir, { recursive: true, force: true })
  }
}

/** Waits until this process has no server and no connection left. */
export async function expectNoHandles(): Promise<void> {
  const open = () => process.getActiveResourcesInfo().filter((kind) => /^TCP/.test(kind))
  await eventually('all servers and sockets were closed', async () => open().length === 0)
}

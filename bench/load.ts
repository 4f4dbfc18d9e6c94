import { setTimeout as wait } from 'node:timers/promises'
import { type Connection, openConnection, type Timing } from './connection.ts'
import { cpuSeconds } from './programs.ts'
import { type RequestKind, requestBytes } from './requests.ts'
import type { Target } from './targets.ts'

/** What came out of one stretch of load on one target. */
export type Measured = { requests: number; perSecond: number; firstMs: number[]; cpuPerThousand: number }

/** What was queued during the load is written a moment later, and is part of its cost. */
const afterglowMs = 250

/** `clients` that each send the next request as soon as the answer to the last one is whole, for `seconds`. */
export async function closedLoop(
  target: Target,
  kind: RequestKind,
  clients: number,
  seconds: number,
): Promise<Measured> {
  const pid = target.program?.process.pid
  const connections = await openAll(target, clients)
  const requests = connections.map((_, client) => requestBytes(kind, client))
  const run = async (untilMs: number, answered: (timing: Timing) => void) => {
    const work = async (connection: Connection, request: Buffer) => {
      while (performance.now() < untilMs) answered(check(await connection.send(request)))
    }
    await Promise.all(connections.map((connection, at) => work(connection, requests[at] as Buffer)))
  }
  try {
    await run(performance.now() + seconds * 200, () => {})
    await wait(afterglowMs)
    const firstMs: number[] = []
    const cpuBefore = cpuSeconds(pid)
    const startedAt = performance.now()
    await run(startedAt + seconds * 1_000, (timing) => firstMs.push(timing.firstMs))
    const tookMs = performance.now() - startedAt
    await wait(afterglowMs)
    const requestCount = firstMs.length
    const cpuPerThousand = ((cpuSeconds(pid) - cpuBefore) / requestCount) * 1_000
    return { requests: requestCount, perSecond: (requestCount / tookMs) * 1_000, firstMs, cpuPerThousand }
  } finally {
    for (const connection of connections) connection.close()
  }
}

/** One client that asks the targets in turn, a request every few ms. First-event times in ms, by target. */
export async function polite(targets: readonly Target[], kind: RequestKind, rounds: number): Promise<number[][]> {
  const everyMs = 10
  const request = requestBytes(kind, 0)
  const connections: Connection[] = []
  for (const target of targets) connections.push(...(await openAll(target, 1)))
  const firstMs = targets.map((): number[] => [])
  try {
    // The first requests of each connection are not counted: they meet cold code.
    for (let round = -50; round < rounds; round++) {
      for (const [at, connection] of connections.entries()) {
        const timing = check(await connection.send(request))
        if (round >= 0) firstMs[at]?.push(timing.firstMs)
        await wait(Math.max(1, everyMs - timing.totalMs))
      }
    }
  } finally {
    for (const connection of connections) connection.close()
  }
  return firstMs
}

/** So many turns by a few clients, as fast as they are answered. */
export async function turns(target: Target, kind: RequestKind, clients: number, count: number): Promise<void> {
  const connections = await openAll(target, clients)
  let left = count
  const work = async (connection: Connection, client: number) => {
    const request = requestBytes(kind, client)
    while (left-- > 0) check(await connection.send(request))
  }
  try {
    await Promise.all(connections.map(work))
  } finally {
    for (const connection of connections) connection.close()
  }
}

export type SlowMeasured = { delayMs: number[]; cpuSeconds: number; events: number }

/** `streams` at once, each with an event now and then that says when it was sent. `midway` runs while all are open. */
export async function slowStreams(
  target: Target,
  kind: RequestKind,
  streams: number,
  midway: () => void,
): Promise<SlowMeasured> {
  const pid = target.program?.process.pid
  const delayMs: number[] = []
  const heard = (piece: Buffer) => {
    const nowMs = performance.timeOrigin + performance.now()
    for (const [, sentAtMs] of piece.toString('latin1').matchAll(/"sent_at_ms":([\d.]+)/g)) {
      delayMs.push(nowMs - Number(sentAtMs))
    }
  }
  const connections = await openAll(target, streams)
  const cpuBefore = cpuSeconds(pid)
  try {
    const running: Promise<Timing>[] = []
    for (const [client, connection] of connections.entries()) {
      running.push(connection.send(requestBytes(kind, client), heard))
      // Spread over time, or all events would come in one burst for ever.
      if (client % 4 === 3) await wait(1)
    }
    const all = Promise.all(running)
    all.catch(() => {}) // Told below, when the wait is over.
    await wait((kind.events ?? 1) * 125)
    midway()
    for (const timing of await all) check(timing)
    return { delayMs, cpuSeconds: cpuSeconds(pid) - cpuBefore, events: delayMs.length }
  } finally {
    for (const connection of connections) connection.close()
  }
}

async function openAll(target: Target, count: number): Promise<Connection[]> {
  const connections: Connection[] = []
  const atOnce = 50
  for (let from = 0; from < count; from += atOnce) {
    const some = Array.from({ length: Math.min(atOnce, count - from) }, () => openConnection(target.port))
    connections.push(...(await Promise.all(some)))
  }
  return connections
}

/** A benchmark of failures would measure nothing. @throws Error */
function check(timing: Timing): Timing {
  if (timing.status !== 200) throw new Error(`A request was answered ${timing.status}.`)
  return timing
}

import { afterEach } from 'vitest'
import type { RecordedRequest } from '../../src/simulator/http.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/upstream.ts'
import { createManualClock, type ManualClock } from './clock.ts'
import { turnBody } from './simulator-client.ts'
import { handshakeHeaders, openSocket, type Refused, refusedSocket, type SocketClient } from './socket-client.ts'
import type { Untyped } from './untyped.ts'

export const ada = 'ada@example.test'
export const bob = 'bob@example.test'

type Headers = Record<string, string | undefined>

export const addressOf = ({ baseUrl }: Simulator): string => `${baseUrl}/codex/responses`

/** Opens a socket as ada would. */
export function connect(simulator: Simulator, changes: Headers = {}): Promise<SocketClient> {
  return openSocket(addressOf(simulator), handshakeHeaders(simulator, ada, changes))
}

/** Asks for a socket as ada would, who must be refused. */
export function knock(simulator: Simulator, changes: Headers = {}): Promise<Refused> {
  return refusedSocket(addressOf(simulator), handshakeHeaders(simulator, ada, changes))
}

/** The fields of a frame: a body without what only HTTP needs. */
export function fields(text: string, changes: object = {}): object {
  return { ...turnBody(text, changes), stream: undefined }
}

/** What came on sockets. */
export function framesAt({ requests }: Simulator): RecordedRequest[] {
  return requests.filter(({ method }) => method === 'WS')
}

export const kinds = (events: { type: string }[]): string[] => events.map(({ type }) => type)

export const last = (events: object[]): Untyped => events.at(-1)

/** Starts simulators with ada and bob, each stopped behind its test. */
export function simulators(): (options?: SimulatorOptions) => Promise<{ simulator: Simulator; clock: ManualClock }> {
  const running: Simulator[] = []
  afterEach(async () => {
    for (const simulator of running.splice(0)) await simulator.close()
  })
  return async (options = {}) => {
    const clock = createManualClock()
    const accounts = [ada, bob].map((email) => ({ email, plan: 'plus' }))
    const simulator = await startSimulator({ clock, accounts, ...options })
    running.push(simulator)
    return { simulator, clock }
  }
}

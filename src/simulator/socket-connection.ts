import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { SimulatedAccount } from './accounts.ts'
import type { RecordedRequest } from './http.ts'
import { type JsonObject, parseObject } from './json.ts'
import { type Conversations, createConversations } from './socket-conversations.ts'
import { takeTurn } from './socket-turn.ts'
import type { World } from './world.ts'

/** An open socket of an account. `tcp` is what it runs on. */
export type Connection = {
  socket: WebSocket
  tcp: Socket
  account: SimulatedAccount
  /** Aborted when the socket is closed. */
  gone: AbortSignal
  conversations: Conversations
}

/** A frame that came in; `body` is null when it is no JSON object. */
export type Arrival = { body: JsonObject | null; bytes: number; record: RecordedRequest }

type Opened = Pick<Connection, 'socket' | 'tcp' | 'account'> & { path: string; headers: IncomingHttpHeaders }

/** Answers the frames of a socket one after the other, in the order they came. */
export function serveConnection({ socket, tcp, account, path, headers }: Opened, world: World): Connection {
  const gone = new AbortController()
  const connection: Connection = { socket, tcp, account, gone: gone.signal, conversations: createConversations() }
  let last: Promise<void> = Promise.resolve()

  function arrivalOf(data: Buffer): Arrival {
    const body = parseObject(data.toString('utf8'))
    const record: RecordedRequest = {
      method: 'WS',
      path,
      headers,
      body: null,
      bodyBytes: data.length,
      email: account.email,
      atMs: world.clock.now(),
      status: null,
      outcome: 'open',
    }
    world.records.add(record, body)
    return { body, bytes: data.length, record }
  }

  async function answer(arrival: Arrival): Promise<void> {
    try {
      arrival.record.outcome = gone.signal.aborted ? 'client_gone' : await takeTurn(connection, arrival, world)
    } catch (thrown) {
      arrival.record.outcome = 'cut'
      world.log(`failed: ${thrown instanceof Error ? thrown.stack : String(thrown)}`)
      socket.terminate()
    }
  }

  socket.on('message', (data, isBinary) => {
    if (isBinary || !Buffer.isBuffer(data)) return socket.close(1003, 'Only text frames are taken.')
    const arrival = arrivalOf(data)
    last = last.then(() => answer(arrival))
  })
  socket.on('error', (error) => world.log(`a socket of ${account.email} broke: ${error.message}`))
  socket.once('close', () => gone.abort())
  return connection
}

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Received = { method: string; path: string; headers: IncomingHttpHeaders; body: string }

/** A service on this machine that messages are sent to. */
export type Receiver = {
  url: string
  /** What came in, oldest first. */
  received: Received[]
  /** How the next calls are answered, one after the other; afterwards with 200. */
  script: ((response: ServerResponse, request: Received) => void)[]
  close(): Promise<void>
}

export async function startReceiver(): Promise<Receiver> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const got = { method, path, headers, body: Buffer.concat(chunks).toString('utf8') }
      receiver.received.push(got)
      const answer = receiver.script.shift()
      if (answer) answer(response, got)
      else response.end('ok')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: [],
    script: [],
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return receiver
}

/** Answers with a status and a text. */
export function answering(status: number, text = '', headers: Record<string, string> = {}) {
  return (response: ServerResponse) => void response.writeHead(status, headers).end(text)
}

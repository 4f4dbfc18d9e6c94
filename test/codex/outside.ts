import { createServer } from 'node:http'
import { type Listening, listen } from './listen.ts'

/** Stands where the internet would be: a forward proxy that lets nothing through and remembers what was asked for. */
export type Outside = Listening & { asked: string[] }

export async function startOutside(): Promise<Outside> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.writeHead(502).end()
  })
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`)
    socket.on('error', () => socket.destroy())
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
  })
  return { ...(await listen(server)), asked }
}

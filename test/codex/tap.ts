import { createServer, type IncomingHttpHeaders, request as send } from 'node:http'
import { type Listening, listen } from './listen.ts'

/** What a client sent, and how it was answered. */
type Tapped = { method: string; path: string; headers: IncomingHttpHeaders; status: number | null }

/** Stands between a client and the product, passes everything on as it is, and writes down what it was. */
export type Tap = Listening & { seen: Tapped[] }

export async function startTap(target: string): Promise<Tap> {
  const seen: Tapped[] = []
  const server = createServer((request, response) => {
    const { method = '', url: path = '', headers } = request
    const entry: Tapped = { method, path, headers, status: null }
    seen.push(entry)
    const onward = send(new URL(path, target), { method, headers, agent: false }, (answer) => {
      entry.status = answer.statusCode ?? null
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
      answer.on('error', () => response.destroy())
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  })
  return { ...(await listen(server)), seen }
}

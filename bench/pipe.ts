// The measure of all ratios: the plainest proxy that Node can be, with nothing but two `pipe`s.
import { Agent, createServer, request } from 'node:http'
import { listen } from './programs.ts'

const [, , upstreamPort] = process.argv
const agent = new Agent({ keepAlive: true })

const server = createServer((incoming, outgoing) => {
  const { method, url, headers } = incoming
  const asked = request({ host: '127.0.0.1', port: upstreamPort, method, path: url, headers, agent }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing)
  })
  asked.on('error', () => outgoing.destroy())
  outgoing.on('close', () => asked.destroy())
  incoming.pipe(asked)
})
listen(server)

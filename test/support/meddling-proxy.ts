import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export type MeddlingProxy = { url: string; close(): Promise<void> }

/** A reverse proxy with the habits of one that nobody has set up: see `habits`. Upgrades are never passed on. */
export async function startMeddlingProxy(
  target: string,
  habits: { dropsUnderscores?: boolean; buffers?: boolean },
): Promise<MeddlingProxy> {
  const server = createServer((incoming, outgoing) => {
    const headers = kept(incoming, habits.dropsUnderscores ?? false)
    const onward = request(target + incoming.url, { method: incoming.method, headers }, async (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      if (!habits.buffers) return answer.pipe(outgoing)
      const chunks: Buffer[] = []
      for await (const chunk of answer) chunks.push(chunk as Buffer)
      return outgoing.end(Buffer.concat(chunks))
    })
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function kept({ headers }: IncomingMessage, dropsUnderscores: boolean): IncomingMessage['headers'] {
  const hopByHop = new Set(['connection', 'upgrade'])
  const stays = (name: string) => !hopByHop.has(name) && !(dropsUnderscores && name.includes('_'))
  return Object.fromEntries(Object.entries(headers).filter(([name]) => stays(name)))
}

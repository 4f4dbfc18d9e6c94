import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** No machine knows it, and none asks another: its first part is too long for DNS. So it fails alike wherever tests run. */
export const noName = `${'x'.repeat(64)}.invalid`

/** A proxy that really forwards, and counts. Without a mode it works. */
export type TestProxy = {
  port: number
  /** Connections that it has made to the upstream. */
  tunnels: number
  /** Names and addresses that it was asked for. */
  targets: string[]
  /** Local ports of its connections to the upstream. */
  localPorts: Set<number>
  /** `refuse`: it cannot reach the upstream. `hang`: it says nothing. `drop`: it breaks off before it answers. `cut`: tunnels end at once. */
  mode: 'refuse' | 'hang' | 'drop' | 'cut' | null
  /** Ends all connections; nobody listens on the port any more. */
  close(): Promise<void>
  /** Listens on the same port again. */
  open(): Promise<void>
}

type TestLogin = { username: string; password: string }
/** Where names lead that only the proxy knows. */
type TestNames = Record<string, { host: string; port: number }>
type Options = { login?: TestLogin | null; names?: TestNames }

/** An HTTP proxy that does CONNECT and nothing else. */
export async function startHttpProxy({ login = null, names = {} }: Options = {}): Promise<TestProxy> {
  const server = createHttpServer((_request, response) => response.writeHead(405).end())
  const { proxy, track, forward } = await serve(server)
  server.on('connect', (request, client: Socket, head) => {
    track(client)
    const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(request.url ?? '') ?? []
    const given = Buffer.from(String(request.headers['proxy-authorization'] ?? '').replace(/^Basic /, ''), 'base64')
    if (proxy.mode === 'hang') return
    if (proxy.mode === 'drop') return void client.destroy()
    if (login !== null && given.toString() !== `${login.username}:${login.password}`) {
      return void client.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n')
    }
    const refuse = () => client.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n')
    if (proxy.mode === 'refuse') return void refuse()
    forward(host, Number(port), names, client, head, refuse, () => client.write('HTTP/1.1 200 OK\r\n\r\n'))
  })
  return proxy
}

/** A SOCKS5 proxy: CONNECT with names and IPv4, with a login or without. */
export async function startSocksProxy({ login = null, names = {} }: Options = {}): Promise<TestProxy> {
  const server = createServer()
  const { proxy, track, forward } = await serve(server)
  server.on('connection', (client) => {
    track(client)
    let held = Buffer.alloc(0)
    let step: 'greeting' | 'login' | 'request' = 'greeting'
    const onData = (chunk: Buffer) => {
      held = Buffer.concat([held, chunk])
      if (proxy.mode === 'hang') return
      if (proxy.mode === 'drop') return void client.destroy()
      for (let before = -1; before !== held.length; ) {
        before = held.length
        if (step === 'greeting') greet()
        else if (step === 'login') checkLogin()
        else {
          request()
          return
        }
      }
    }
    const greet = () => {
      const length = 2 + (held[1] ?? 255)
      if (held.length < length) return
      const wanted = login === null ? 0 : 2
      const offered = held.subarray(2, length).includes(wanted)
      held = held.subarray(length)
      if (!offered) return void client.end(Buffer.from([5, 0xff]))
      step = login === null ? 'request' : 'login'
      client.write(Buffer.from([5, wanted]))
    }
    const checkLogin = () => {
      const nameLength = held[1] ?? 0
      const passwordLength = held[2 + nameLength] ?? 0
      if (held.length < 3 + nameLength + passwordLength) return
      const username = held.toString('utf8', 2, 2 + nameLength)
      const password = held.toString('utf8', 3 + nameLength, 3 + nameLength + passwordLength)
      held = held.subarray(3 + nameLength + passwordLength)
      const isRight = username === login?.username && password === login.password
      step = 'request'
      if (isRight) client.write(Buffer.from([1, 0]))
      else client.end(Buffer.from([1, 1]))
    }
    const request = () => {
      const isName = held[3] === 3
      const length = isName ? 1 + (held[4] ?? 0) : 4
      if (held.length < 4 + length + 2) return
      const host = isName ? held.toString('utf8', 5, 4 + length) : [...held.subarray(4, 8)].join('.')
      const port = held.readUInt16BE(4 + length)
      client.off('data', onData)
      const rest = held.subarray(4 + length + 2)
      const answer = (code: number) => client.write(Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
      const refuse = () => {
        answer(5)
        client.end()
      }
      if (proxy.mode === 'refuse') return refuse()
      forward(host, port, names, client, rest, refuse, () => answer(0))
    }
    client.on('data', onData)
  })
  return proxy
}

async function serve(server: Server) {
  const open = new Set<Socket>()
  const track = (socket: Socket) => {
    open.add(socket)
    socket.on('error', () => {}).once('close', () => open.delete(socket))
  }
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  await listen(0)
  const proxy: TestProxy = {
    ...{ port: (server.address() as AddressInfo).port, tunnels: 0, targets: [], localPorts: new Set(), mode: null },
    async close() {
      for (const socket of open) socket.destroy()
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    },
    open: () => listen(proxy.port),
  }
  server.on('connection', track)
  const forward = (
    host: string,
    port: number,
    names: TestNames,
    client: Socket,
    head: Buffer,
    refuse: () => void,
    accept: () => void,
  ) => {
    proxy.targets.push(`${host}:${port}`)
    const upstream = connect(names[host] ?? { host, port })
    track(upstream)
    upstream.once('error', refuse)
    upstream.once('connect', () => {
      upstream.off('error', refuse)
      proxy.tunnels++
      if (upstream.localPort !== undefined) proxy.localPorts.add(upstream.localPort)
      accept()
      if (proxy.mode === 'cut') return void client.end()
      if (head.length > 0) upstream.write(head)
      client.pipe(upstream).pipe(client)
      client.once('close', () => upstream.destroy())
      upstream.once('close', () => client.destroy())
    })
  }
  return { proxy, track, forward }
}

/** Stands in front of the upstream and notes the port that each connection comes from. */
export type Watchman = {
  url: string
  port: number
  guard(upstreamUrl: string): void
  from: number[]
  close(): Promise<void>
}

export async function startWatchman(): Promise<Watchman> {
  let target = { host: '127.0.0.1', port: 0 }
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(target)
    watchman.from.push(client.remotePort ?? 0)
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', () => {}).once('close', () => open.delete(socket))
    }
    client.pipe(upstream).pipe(client)
    client.once('close', () => upstream.destroy())
    upstream.once('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const watchman: Watchman = {
    ...{ url: `http://127.0.0.1:${port}`, port, from: [] },
    guard(upstreamUrl) {
      const { hostname, port: to } = new URL(upstreamUrl)
      target = { host: hostname, port: Number(to) }
    },
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return watchman
}

import { lookup } from 'node:dns/promises'
import { request } from 'node:http'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { EgressProxy } from '../domain/egress-proxy.ts'
import { EgressError, egressErrorOf } from './egress-error.ts'
import { askSocks } from './socks.ts'

export type TunnelTarget = { host: string; port: number; isTls: boolean; servername?: string | null | undefined }
export type TunnelOptions = { timeoutMs: number; signal?: AbortSignal | undefined }

/**
 * A connection to the upstream through a proxy, over which its protocol can be spoken at once. Every fault until then is
 * the way's, and nothing has reached the upstream. @throws EgressError, or the signal's reason
 */
export async function openTunnel(
  proxy: EgressProxy,
  target: TunnelTarget,
  { timeoutMs, signal }: TunnelOptions,
): Promise<Socket> {
  const open: Socket[] = []
  const ending = new AbortController()
  const end = (reason: unknown) => {
    ending.abort(reason)
    for (const socket of open) socket.destroy()
  }
  const timer = setTimeout(() => end(new EgressError('timeout', 'gave no way in time')), timeoutMs)
  const onAbort = () => end(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const keep = (socket: Socket) => {
    // What breaks is told by whoever waits; a socket without a listener would end the program.
    socket.on('error', ignore)
    open.push(socket)
    return socket
  }
  try {
    signal?.throwIfAborted()
    const tunnel = await throughProxy(proxy, target, keep)
    const socket = target.isTls ? await secured(tunnel, target.servername ?? target.host, keep) : tunnel
    ending.signal.throwIfAborted()
    socket.setNoDelay(true)
    return socket
  } catch (error) {
    for (const socket of open) socket.destroy()
    throw ending.signal.aborted ? ending.signal.reason : egressErrorOf(error as Error)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

type Keep = (socket: Socket) => Socket
const ignore = () => {}

async function throughProxy(proxy: EgressProxy, target: TunnelTarget, keep: Keep): Promise<Socket> {
  const { scheme, host, port, username, password } = proxy
  const raw = await connected(keep(connect({ host, port })), 'connect')
  const credentials = username === null ? null : { username, password: password?.reveal() ?? '' }
  if (scheme === 'http') return askHttp(raw, target, credentials, keep)
  if (scheme === 'https') return askHttp(await secured(raw, host, keep), target, credentials, keep)
  const named = scheme === 'socks5' ? { host: await resolved(target.host), port: target.port } : target
  await askSocks(raw, named, credentials)
  return raw
}

function secured(socket: Socket, servername: string, keep: Keep): Promise<Socket> {
  const name = isIP(servername) === 0 ? { servername } : {}
  return connected(keep(connectTls({ socket, ...name, ALPNProtocols: ['http/1.1'] })), 'secureConnect')
}

function connected(socket: Socket, event: 'connect' | 'secureConnect'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve(socket))
    socket.once('error', reject)
    socket.once('close', () => reject(new EgressError('protocol', 'closed the connection')))
  })
}

/** For `socks5`, which gets addresses only. @throws EgressError */
async function resolved(name: string): Promise<string> {
  if (isIP(name) !== 0) return name
  try {
    return (await lookup(name)).address
  } catch (error) {
    const message = `gets addresses only, and this machine cannot resolve ${name}; with socks5h the proxy does`
    throw new EgressError('dns', message, { cause: error })
  }
}

type Credentials = { username: string; password: string } | null

function askHttp(socket: Socket, { host, port }: TunnelTarget, credentials: Credentials, keep: Keep): Promise<Socket> {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const authorization = credentials && Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')
  return new Promise((resolve, reject) => {
    const asking = request({
      ...{ method: 'CONNECT', path: authority, createConnection: () => socket },
      headers: {
        ...{ host: authority, connection: 'keep-alive', 'proxy-connection': 'keep-alive' },
        ...(authorization === null ? {} : { 'proxy-authorization': `Basic ${authorization}` }),
      },
    })
    asking.once('connect', ({ statusCode = 0 }, tunnel: Socket, head) => {
      if (statusCode >= 200 && statusCode < 300) {
        if (head.length > 0) tunnel.unshift(head)
        return resolve(keep(tunnel))
      }
      reject(refusalOf(statusCode, credentials !== null))
    })
    asking.once('error', (error: NodeJS.ErrnoException) => {
      const isNoHttp = error.code?.startsWith('HPE_') === true
      reject(isNoHttp ? new EgressError('protocol', 'does not speak HTTP', { cause: error }) : error)
    })
    asking.end()
  })
}

function refusalOf(status: number, isSignedIn: boolean): EgressError {
  if (status !== 407) return new EgressError('refused', `refused to connect to the upstream (${status})`)
  return new EgressError(
    'auth_refused',
    isSignedIn ? 'refused the user name or password (407)' : 'wants a user name and password (407)',
  )
}

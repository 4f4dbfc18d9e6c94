import { lookup } from 'node:dns'
import { request } from 'node:http'
import { connect, isIP, type LookupFunction, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { EgressProxy } from '../domain/egress-proxy.ts'
import { EgressError, egressErrorOf } from './egress-error.ts'
import { askSocks } from './socks.ts'

export type TunnelTarget = { host: string; port: number; isTls: boolean; servername?: string | null | undefined }
/** `resolve`: how names become addresses, when not as the system does it. */
export type TunnelOptions = { timeoutMs: number; signal?: AbortSignal | undefined; resolve?: LookupFunction }

/**
 * A connection to the upstream through a proxy, over which its protocol can be spoken at once. Every fault until then is
 * the way's, and nothing has reached the upstream. @throws EgressError, or the signal's reason
 */
export async function openTunnel(
  proxy: EgressProxy,
  target: TunnelTarget,
  { timeoutMs, signal, resolve = lookup }: TunnelOptions,
): Promise<Socket> {
  const open: Socket[] = []
  const ending = new AbortController()
  // A look-up cannot be stopped, so nobody waits for it once time is up.
  const ended = new Promise<never>((_, reject) => {
    ending.signal.addEventListener('abort', () => reject(ending.signal.reason), { once: true })
  })
  ended.catch(ignore)
  const names: Names = { resolve, pending: null }
  const timer = setTimeout(() => {
    const { pending } = names
    ending.abort(pending ? new EgressError('dns', pending) : new EgressError('timeout', 'gave no way in time'))
  }, timeoutMs)
  const onAbort = () => ending.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const keep = (socket: Socket) => {
    // What breaks is told by whoever waits; a socket without a listener would end the program.
    socket.on('error', ignore)
    open.push(socket)
    return socket
  }
  try {
    signal?.throwIfAborted()
    const socket = await Promise.race([throughProxy(proxy, target, keep, names), ended])
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
/** `pending`: what is to be said when the look-up that goes on takes too long; null: none goes on. */
type Names = { resolve: LookupFunction; pending: string | null }
const ignore = () => {}

async function throughProxy(proxy: EgressProxy, target: TunnelTarget, keep: Keep, names: Names): Promise<Socket> {
  const tunnel = await askedFor(proxy, target, keep, names)
  return target.isTls ? secured(tunnel, target.servername ?? target.host, keep) : tunnel
}

async function askedFor(proxy: EgressProxy, target: TunnelTarget, keep: Keep, names: Names): Promise<Socket> {
  const { scheme, host, port, username, password } = proxy
  const raw = keep(connect({ host, port, lookup: names.resolve }))
  if (isIP(host) === 0) {
    names.pending = 'has a name that cannot be resolved in time'
    raw.once('lookup', () => {
      names.pending = null
    })
  }
  await connected(raw, 'connect')
  const credentials = username === null ? null : { username, password: password?.reveal() ?? '' }
  if (scheme === 'http') return askHttp(raw, target, credentials, keep)
  if (scheme === 'https') return askHttp(await secured(raw, host, keep), target, credentials, keep)
  const named = scheme === 'socks5' ? { host: await resolved(target.host, names), port: target.port } : target
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
function resolved(name: string, names: Names): Promise<string> {
  if (isIP(name) !== 0) return Promise.resolve(name)
  const message = `gets addresses only, and this machine cannot resolve ${name}; with socks5h the proxy does`
  names.pending = message
  return new Promise((resolve, reject) => {
    names.resolve(name, {}, (error, address) => {
      names.pending = null
      if (error === null) resolve(String(address))
      else reject(new EgressError('dns', message, { cause: error }))
    })
  })
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

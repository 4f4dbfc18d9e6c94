import type { Socket } from 'node:net'
import { isIP } from 'node:net'
import { EgressError } from './egress-error.ts'

export type SocksTarget = { host: string; port: number }
type Credentials = { username: string; password: string } | null

const version = 5
const methods = { none: 0x00, password: 0x02, refused: 0xff } as const
const replies: Record<number, string> = {
  1: 'it failed without a reason',
  2: 'its rules do not allow it',
  3: 'the network is unreachable',
  4: 'the host is unreachable',
  5: 'the connection was refused',
  6: 'the time to live ran out',
  7: 'it knows no such command',
  8: 'it knows no such address',
}

/** Asks a SOCKS5 proxy (RFC 1928, RFC 1929) for a connection. @throws EgressError */
export async function askSocks(socket: Socket, target: SocksTarget, credentials: Credentials): Promise<void> {
  socket.write(Buffer.from(credentials ? [version, 2, methods.none, methods.password] : [version, 1, methods.none]))
  const [spoken, method] = await take(socket, 2)
  if (spoken !== version) throw new EgressError('protocol', 'does not speak SOCKS5')
  if (method === methods.password && credentials) await signIn(socket, credentials)
  else if (method === methods.refused || method === methods.password)
    throw new EgressError(
      'auth_refused',
      credentials ? 'refused every way to sign in' : 'wants a user name and password',
    )
  else if (method !== methods.none) throw new EgressError('protocol', 'wants a way to sign in that is not known here')
  socket.write(Buffer.concat([Buffer.from([version, 1, 0]), addressOf(target.host), portOf(target.port)]))
  const [, reply = 1, , kind = 0] = await take(socket, 4)
  if (reply !== 0)
    throw new EgressError('refused', `could not connect to the upstream: ${replies[reply] ?? `code ${reply}`}`)
  const length = kind === 1 ? 4 : kind === 4 ? 16 : ((await take(socket, 1))[0] ?? 0)
  await take(socket, length + 2)
}

async function signIn(socket: Socket, { username, password }: NonNullable<Credentials>): Promise<void> {
  const part = (text: string) => {
    const bytes = Buffer.from(text).subarray(0, 255)
    return Buffer.concat([Buffer.from([bytes.length]), bytes])
  }
  socket.write(Buffer.concat([Buffer.from([1]), part(username), part(password)]))
  const [, status] = await take(socket, 2)
  if (status !== 0) throw new EgressError('auth_refused', 'refused the user name or password')
}

function addressOf(host: string): Buffer {
  if (isIP(host) === 4) return Buffer.from([1, ...host.split('.').map(Number)])
  if (isIP(host) === 6) return Buffer.concat([Buffer.from([4]), ipv6Bytes(host)])
  const name = Buffer.from(host)
  return Buffer.concat([Buffer.from([3, name.length]), name])
}

function ipv6Bytes(host: string): Buffer {
  const [head = '', tail] = host.replace(/%.*$/, '').split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const middle = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0')
  return Buffer.concat([...before, ...middle, ...after].map((group) => portOf(Number.parseInt(group, 16))))
}

function portOf(port: number): Buffer {
  return Buffer.from([port >> 8, port & 0xff])
}

/** The next bytes, and not one more: what follows belongs to whoever gets the socket. */
function take(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const bytes: Buffer | null = socket.read(length)
      if (bytes === null) return
      leave()
      if (bytes.length === length) resolve(bytes)
      else onEnd()
    }
    const onEnd = () => {
      leave()
      reject(new EgressError('protocol', 'closed the connection while it was asked for the way'))
    }
    const leave = () => {
      socket.off('readable', look)
      socket.off('end', onEnd)
      socket.off('close', onEnd)
    }
    socket.on('readable', look)
    socket.once('end', onEnd)
    socket.once('close', onEnd)
    look()
  })
}

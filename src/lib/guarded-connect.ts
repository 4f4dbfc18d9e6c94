import { lookup } from 'node:dns/promises'
import { connect, isIP, type LookupFunction, type Socket } from 'node:net'
import { Agent, buildConnector } from 'undici'
import { type Reach, refusalOfAddress } from './addresses.ts'

/** The name leads to an address that no call may go to. The message is for people. */
export class AddressRefusedError extends Error {
  readonly code = 'ERR_ADDRESS_REFUSED'
  constructor(host: string, address: string, why: string) {
    super(host === address ? `${address} is ${why}.` : `${host} is ${address}: ${why}.`)
    this.name = 'AddressRefusedError'
  }
}

export type Resolve = (host: string) => Promise<{ address: string; family: number }[]>

export type GuardOptions = {
  reach: Reach
  /** Replaced by tests. */
  resolve?: Resolve
}

const connectMs = 8_000
const fromSystem: Resolve = (host) => lookup(host, { all: true, verbatim: true })

/**
 * Resolves names for `net` and gives back only addresses that may be called. The check is on the very answer that is
 * connected to: there is no second look-up that could say something else.
 */
function guardedLookup({ reach, resolve = fromSystem }: GuardOptions): LookupFunction {
  return (host, options, done) => {
    resolve(host).then(
      (found) => {
        const wanted = found.filter(({ family }) => !options.family || family === Number(options.family))
        const allowed = wanted.filter(({ address }) => refusalOfAddress(address, reach) === null)
        const [first] = allowed
        if (first === undefined) return done(refusalOf(host, wanted, reach), '', 0)
        if (options.all) done(null, allowed)
        else done(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => done(error, '', 0),
    )
  }
}

function refusalOf(host: string, found: { address: string }[], reach: Reach): NodeJS.ErrnoException {
  const [first] = found
  if (first === undefined) return Object.assign(new Error(`${host} has no address.`), { code: 'ENOTFOUND' })
  return new AddressRefusedError(host, first.address, refusalOfAddress(first.address, reach) ?? 'refused')
}

/** For names that are addresses already, which nobody looks up. */
function refusalOfLiteral(host: string, reach: Reach): AddressRefusedError | null {
  const why = isIP(host) === 0 ? null : refusalOfAddress(host, reach)
  return why === null ? null : new AddressRefusedError(host, host, why)
}

/** For `undici`: connections go to allowed addresses only. Whoever makes one closes it. */
export function createGuardedAgent(
  options: GuardOptions & Pick<Agent.Options, 'headersTimeout' | 'bodyTimeout'>,
): Agent {
  const { reach, resolve, ...timeouts } = options
  const guard: GuardOptions = { reach, ...(resolve ? { resolve } : {}) }
  // `lookup` is passed on to `net.connect`; the type leaves it out.
  const connector = buildConnector({ timeout: connectMs, allowH2: false, lookup: guardedLookup(guard) } as object)
  return new Agent({
    ...timeouts,
    connect(target, done) {
      const refusal = refusalOfLiteral(target.hostname, reach)
      if (refusal) done(refusal, null)
      else connector(target, done)
    },
  })
}

/** A TCP connection to an allowed address. @throws AddressRefusedError, or what the system says */
export function connectGuarded(host: string, port: number, signal: AbortSignal, guard: GuardOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const refusal = refusalOfLiteral(host, guard.reach)
    if (refusal) return reject(refusal)
    if (signal.aborted) return reject(signal.reason)
    const socket = connect({ host, port, lookup: guardedLookup(guard) })
    const onAbort = () => socket.destroy(signal.reason)
    const timer = setTimeout(() => socket.destroy(timedOut()), connectMs)
    const settle = (then: () => void) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      then()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('connect', () => {
      socket.removeListener('error', onError)
      settle(() => resolve(socket))
    })
    const onError = (error: Error) => settle(() => reject(error))
    socket.once('error', onError)
  })
}

function timedOut(): Error {
  return Object.assign(new Error('No connection came about in time.'), { code: 'ETIMEDOUT' })
}

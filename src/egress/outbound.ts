import type { EgressChoice, EgressDown, EgressRef } from '../domain/egress.ts'
import { defaultEgress } from '../domain/egress.ts'
import type { EgressProxy } from '../domain/egress-proxy.ts'
import type { Clock } from '../lib/clock.ts'
import type { Answer, SendRequest, UpstreamClient } from '../upstream/client.ts'
import { EgressError } from '../upstream/egress-error.ts'
import { HandshakeRefused } from '../upstream/socket.ts'
import { type FailedWay, TransportError, type Via } from '../upstream/transport-error.ts'
import type { Egress, Passage } from './registry.ts'

/**
 * The only way to the upstream: each account's calls go out where the account is bound to, or not at all. An account id of
 * null stands for whoever is no account yet, and goes the way of all.
 */
export type Outbound = {
  /** @throws TransportError when no headers came */
  send(request: SendRequest, accountId: string | null): Promise<Answer>
  /** The same for what opens a connection of its own, on a proxy or (null) directly. @throws what `open` throws, TransportError */
  open<T>(
    open: (proxy: EgressProxy | null) => Promise<T>,
    accountId: string | null,
  ): Promise<{ value: T; via: Via | null }>
  /** Whether a connection that went through a proxy (null: directly) is still on the account's way. */
  mayUse(accountId: string, proxyId: string | null): boolean
}

/** What sends HTTP requests of accounts. */
export type Sender = Pick<Outbound, 'send'>

export type OutboundDeps = {
  client: Pick<UpstreamClient, 'send'>
  egress: Egress
  clock: Clock
  /** Null: there is no such account. */
  choiceOf: (accountId: string) => EgressChoice | null
}

export function createOutbound({ client, egress, clock, choiceOf }: OutboundDeps): Outbound {
  const choice = (accountId: string | null) => (accountId === null ? null : choiceOf(accountId)) ?? defaultEgress

  /** Goes from one proxy to the next while they fail; what was sent to the upstream is never sent again. */
  const through = async <T>(route: EgressRef, call: (proxy: EgressProxy) => Promise<T>) => {
    const failed: FailedWay[] = []
    const tried = new Set<string>()
    let last: TransportError | null = null
    for (;;) {
      const passage = egress.enter(route, tried)
      if (passage === null) throw last ?? closed(egress.downOf(route))
      const { proxy } = passage
      const startedAtMs = clock.now()
      const via: Via = { egressId: proxy.id, failed: [...failed] }
      try {
        const value = await call(proxy)
        passage.worked()
        return { value, via }
      } catch (error) {
        settle(passage, error)
        if (!(error instanceof TransportError)) throw error
        if (error.kind !== 'egress') throw Object.assign(error, { via })
        const said = named(proxy, error)
        last = Object.assign(new TransportError('egress', said), { via })
        const atMs = clock.now()
        failed.push({ egressId: proxy.id, code: said.code, atMs, tookMs: atMs - startedAtMs })
        tried.add(proxy.id)
      }
    }
  }

  return {
    send(request, accountId) {
      const route = egress.routeOf(choice(accountId))
      if (route === null) return client.send(request)
      return through(route, (proxy) => client.send(request, proxy)).then(({ value, via }) =>
        Object.assign(value, { via }),
      )
    },
    async open(open, accountId) {
      const route = egress.routeOf(choice(accountId))
      if (route === null) return { value: await open(null), via: null }
      return through(route, open)
    },
    mayUse: (accountId, proxyId) => egress.mayUse(choice(accountId), proxyId),
  }
}

/** What a failure says of the proxy. */
function settle(passage: Passage, error: unknown): void {
  const kind = error instanceof TransportError ? error.kind : null
  if (error instanceof TransportError && kind === 'egress') passage.failed(named(passage.proxy, error))
  else if (error instanceof TransportError && (kind === 'broken' || kind === 'silent')) {
    passage.suspected({ code: `egress_${kind}`, message: `The proxy ${passage.proxy.name}: ${error.message}` })
  } else if (error instanceof HandshakeRefused) passage.worked()
  else passage.dropped()
}

function named({ name }: EgressProxy, { cause, message }: TransportError): EgressError {
  const fault = cause instanceof EgressError ? cause.fault : 'protocol'
  return new EgressError(fault, `The proxy ${name} ${cause instanceof EgressError ? cause.message : message}.`)
}

/** No proxy could even be tried. */
function closed(down: EgressDown | null): TransportError {
  const error = new EgressError('unreachable', down === null ? 'No proxy is left.' : `${wayOf(down)} is not open.`)
  return Object.assign(new TransportError('egress', error), { via: { egressId: null, failed: [] } })
}

function wayOf({ kind, name }: EgressDown): string {
  return name === null ? `Its way out, a ${kind} that is gone,` : `Its way out, ${kind} ${name},`
}

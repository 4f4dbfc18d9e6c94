import type { FastifyRequest } from 'fastify'
import type { FirewallKeeper } from '../auth/firewall-keeper.ts'
import {
  FirewallAdd,
  FirewallChange,
  FirewallEntryView,
  FirewallParams,
  FirewallRemoval,
  FirewallView,
} from '../contract/firewall.ts'
import { type FirewallEntry, type FirewallRules, firewallAreas } from '../domain/firewall.ts'
import { AppError } from '../errors.ts'
import { admitting } from '../firewall.ts'
import { clientAddress, type GateRules, isLocal } from '../gate.ts'
import { isWithin, parseAddress, parseRange, shortestRange } from '../lib/address-ranges.ts'
import { iso } from './account-views.ts'
import { route } from './route.ts'

export type FirewallDeps = { keeper: FirewallKeeper; gate: GateRules }

type Caller = { address: string; isLocal: boolean }

const path = '/api/firewall'

/** Which addresses get in, to the dashboard and to what clients use. */
export function firewallRoutes({ keeper, gate }: FirewallDeps) {
  const callerOf = (request: FastifyRequest): Caller => {
    const visitor = { peer: request.socket.remoteAddress, headers: request.headers }
    return { address: clientAddress(visitor, gate), isLocal: isLocal(visitor, gate) }
  }
  const view = (caller: Caller): FirewallView => {
    const { mode, entries } = keeper.rules()
    const items = entries.map((entry) => entryView(entry, caller))
    return { mode, items, nextCursor: null, callerAddress: caller.address, callerIsLocal: caller.isLocal }
  }
  /** Nobody shuts themselves out without saying so. */
  const guard = (caller: Caller, force: boolean) => (next: FirewallRules) => {
    if (force) return
    const [now, then] = [admitting(keeper.rules()), admitting(next)]
    const lost = firewallAreas.find(
      (area) => now(area, caller.address, caller.isLocal) && !then(area, caller.address, caller.isLocal),
    )
    if (lost === undefined) return
    const what = lost === 'proxy' ? 'the routes for clients' : 'the dashboard'
    const message =
      `This would keep your own address from ${what}. ` +
      `Add ${shortestRange(caller.address) ?? caller.address} to the list first, or send "force": true.`
    throw new AppError('would_lock_out', { message, param: 'mode' })
  }
  return [
    route(
      { method: 'GET', path, access: 'admin', summary: 'Which addresses get in', answer: FirewallView },
      async ({ request }) => view(callerOf(request)),
    ),
    route(
      {
        method: 'POST',
        path,
        access: 'admin',
        audit: 'firewall.add',
        summary: 'Put an address or a range on the list',
        body: FirewallAdd,
        answer: FirewallEntryView,
        status: 201,
      },
      async ({ request, body: { cidr, note }, audit }) => {
        const range = shortestRange(cidr)
        if (range === null) {
          const message = 'must be an address or a range such as 192.0.2.0/24 or 2001:db8::/32.'
          throw new AppError('invalid_request', { message: `cidr: ${message}`, fields: [{ path: 'cidr', message }] })
        }
        const entry = await keeper.add(range, note)
        audit({ target: { kind: 'firewall', id: entry.id }, after: { cidr: entry.cidr, note } })
        return entryView(entry, callerOf(request))
      },
    ),
    route(
      {
        method: 'PATCH',
        path,
        access: 'admin',
        audit: 'firewall.change',
        summary: 'Let all addresses in, or only those of the list',
        body: FirewallChange,
        answer: FirewallView,
      },
      async ({ request, body: { mode, force }, audit }) => {
        const caller = callerOf(request)
        const named = Object.fromEntries(Object.entries(mode).filter(([, value]) => value !== undefined))
        const before = keeper.rules().mode
        await keeper.setModes(named, guard(caller, force))
        audit({ before, after: keeper.rules().mode })
        return view(caller)
      },
    ),
    route(
      {
        method: 'DELETE',
        path: `${path}/:id`,
        access: 'admin',
        audit: 'firewall.remove',
        summary: 'Take an entry off the list',
        params: FirewallParams,
        query: FirewallRemoval,
        answer: null,
        status: 204,
      },
      async ({ request, params: { id }, query: { force }, audit }) => {
        const { cidr, note } = await keeper.remove(id, guard(callerOf(request), force))
        audit({ before: { cidr, note } })
      },
    ),
  ]
}

function entryView({ id, cidr, note, createdAtMs }: FirewallEntry, caller: Caller) {
  const [address, range] = [parseAddress(caller.address), parseRange(cidr)]
  const includesCaller = address !== null && range !== null && isWithin(address, [range])
  return { id, cidr, note, createdAt: iso(createdAtMs), includesCaller }
}

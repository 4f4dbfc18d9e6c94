import type { Access } from './domain/access.ts'
import type { FirewallArea, FirewallRules } from './domain/firewall.ts'
import { AppError } from './errors.ts'
import { clientAddress, type GateRules, isLocal, type Visitor } from './gate.ts'
import { parseRange } from './lib/address-ranges.ts'
import { createAddressSet } from './lib/address-set.ts'

/** Which addresses get in at all, before anything else is looked at. */
export type Firewall = {
  /** Null as area: open to every address. @throws AppError `address_not_allowed` */
  check(visitor: Visitor, area: FirewallArea | null): void
}

/** Health checks come from whoever runs the machine; whatever is for clients is the proxy's, an unknown path included. */
export function areaOf(access: Access, url: string): FirewallArea | null {
  if (access === 'client') return 'proxy'
  return access === 'public' && url.startsWith('/health/') ? null : 'dashboard'
}

/** `rules` are asked for each time: a new object is a change. */
export function createFirewall(rules: () => FirewallRules, gate: GateRules): Firewall {
  let compiled: { of: FirewallRules; admits: Admits } | null = null
  return {
    check(visitor, area) {
      const now = rules()
      if (area === null || now.mode[area] === 'allow_all') return
      if (compiled?.of !== now) compiled = { of: now, admits: admitting(now) }
      const address = clientAddress(visitor, gate)
      if (compiled.admits(area, address, isLocal(visitor, gate))) return
      const message =
        area === 'dashboard'
          ? `Your address ${address} is not on the list of those that may open the dashboard. It can be changed on the machine itself.`
          : `Your address ${address} is not on the list of those that may use this server. An admin can add it in the dashboard: Settings, Security.`
      throw new AppError('address_not_allowed', { message })
    },
  }
}

type Admits = (area: FirewallArea, address: string, isLocal: boolean) => boolean

/** Whoever sits at the machine always reaches the dashboard, and can mend the list there. */
export function admitting({ mode, entries }: FirewallRules): Admits {
  const isListed = createAddressSet(entries.flatMap(({ cidr }) => [parseRange(cidr)].filter((range) => range !== null)))
  return (area, address, isAtMachine) =>
    mode[area] === 'allow_all' || (area === 'dashboard' && isAtMachine) || isListed(address)
}

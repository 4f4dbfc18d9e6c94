/** Both ways in: what clients use the pool through, and the dashboard with its API. */
export const firewallAreas = ['proxy', 'dashboard'] as const
export type FirewallArea = (typeof firewallAreas)[number]

/** `allowlist`: only addresses of the list get in. */
export const firewallModes = ['allow_all', 'allowlist'] as const
export type FirewallMode = (typeof firewallModes)[number]

/** Addresses that are let in. `cidr` in its shortest form: `10.0.0.0/8`, `::1/128`. */
export type FirewallEntry = { id: string; cidr: string; note: string; createdAtMs: number }

export type FirewallRules = { mode: Record<FirewallArea, FirewallMode>; entries: FirewallEntry[] }

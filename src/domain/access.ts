/**
 * Who may use a route. Every route declares one; there is no default. `public`: anybody. `door`: anybody, but no other
 * site's page: what one signs in with. `viewer`: who is signed in to the dashboard, in whatever role, or sits at this
 * machine while there is no password. `admin`: of those, who may change things and see everything. `client`: who may
 * use the pool. `scraper`: who may read metrics: this machine, whoever is signed in, and whoever has the token for it.
 */
export type Access = 'public' | 'door' | 'viewer' | 'admin' | 'client' | 'scraper'

/** `viewer` sees figures, but no names, addresses or secrets, and changes nothing. */
export type Role = 'admin' | 'viewer'

export const actorKinds = ['local', 'session', 'proxy_header', 'open', 'command_line', 'system', 'stranger'] as const

/** Who acts. `local`: whoever sits at this machine while there is no password. `system`: we ourselves. */
export type Actor = {
  kind: (typeof actorKinds)[number]
  /** What the actor is called, where that is known: a name that a reverse proxy vouches for, a session's short id. */
  name: string | null
  address: string | null
}

/** Whom the gate has let in to the dashboard. */
export type Principal = { role: Role; actor: Actor }

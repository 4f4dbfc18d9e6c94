import type { Actor, Principal } from '../../src/domain/access.ts'
import type { Guest } from '../../src/domain/api-key.ts'

/** Whoever sits at this machine while there is no password. */
const anAdmin: Principal = { role: 'admin', actor: { kind: 'local', name: null, address: '127.0.0.1' } }

/** A gate that knows everybody as an admin. */
export const letIn = async (): Promise<Principal> => anAdmin

/** Whoever calls from this machine without a key. */
export const aGuest: Guest = { key: null, address: '127.0.0.1' }

/** A gate that takes everybody for a client of this machine. */
export const openToClients = { enter: () => aGuest, stays: (guest: Guest) => guest }

/** For servers whose audit log nobody reads. */
export const noAudit = { audit: async () => {} }

/** We ourselves. */
export const system: Actor = { kind: 'system', name: null, address: null }

import type { Actor, Principal } from '../../src/domain/access.ts'

/** Whoever sits at this machine while there is no password. */
const anAdmin: Principal = { role: 'admin', actor: { kind: 'local', name: null, address: '127.0.0.1' } }

/** A gate that knows everybody as an admin. */
export const letIn = async (): Promise<Principal> => anAdmin

/** For servers whose audit log nobody reads. */
export const noAudit = { audit: async () => {} }

/** We ourselves. */
export const system: Actor = { kind: 'system', name: null, address: null }

import type { Secret } from '../lib/secrets.ts'
import type { EgressScheme } from './egress.ts'

/** A proxy through which accounts reach the upstream. */
export type EgressProxy = {
  id: string
  name: string
  scheme: EgressScheme
  host: string
  port: number
  username: string | null
  password: Secret | null
  /** Off: nobody goes this way, and who is bound to it is not served. */
  isActive: boolean
  createdAtMs: number
  updatedAtMs: number
  /** Grows with each change. */
  version: number
}

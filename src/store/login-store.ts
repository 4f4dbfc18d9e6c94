import type { LoginFlow } from '../domain/login.ts'

/** What becomes of a sign-in. */
type LoginChange = Pick<LoginFlow, 'status' | 'changedAtMs'> & Partial<Pick<LoginFlow, 'result' | 'fault'>>

export type LoginStore = {
  add(flow: LoginFlow): Promise<void>
  get(id: string): Promise<LoginFlow | null>
  /** The newest, newest first. */
  list(limit: number): Promise<LoginFlow[]>
  /**
   * Changes a flow that still has this status; with a status that ends it, its secrets go. False: somebody else was
   * faster. Durable: an authorisation code must not be sent twice.
   */
  move(id: string, from: LoginFlow['status'], change: LoginChange): Promise<boolean>
  /** Whoever gets true may ask for a device flow that was due at `dueAtMs`; everybody else waits until `nextAtMs`. */
  takePoll(id: string, dueAtMs: number, nextAtMs: number): Promise<boolean>
  /** Less often from now on. */
  slowDown(id: string, intervalMs: number, nextAtMs: number): Promise<void>
  /** Deletes flows made before a time, unless they are under way. */
  prune(beforeMs: number): Promise<void>
}

import type { FirewallArea, FirewallEntry, FirewallMode, FirewallRules } from '../domain/firewall.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { randomId } from '../lib/secrets.ts'
import type { Store } from '../store/store.ts'

/** The list of addresses in memory, and its changes. */
export type FirewallKeeper = {
  /** Another object after each change. */
  rules(): FirewallRules
  /** What others have changed meanwhile. */
  refresh(): Promise<void>
  /** `allowed` says whether what would be in force then may be; it throws when not. @throws AppError */
  add(cidr: string, note: string): Promise<FirewallEntry>
  remove(id: string, allowed: (next: FirewallRules) => void): Promise<FirewallEntry>
  setModes(modes: Partial<Record<FirewallArea, FirewallMode>>, allowed: (next: FirewallRules) => void): Promise<void>
}

const mostEntries = 1_000

type KeeperDeps = { store: Pick<Store, 'firewall'>; clock: Clock }

export async function createFirewallKeeper({ store, clock }: KeeperDeps): Promise<FirewallKeeper> {
  let rules = await store.firewall.load()
  let last: Promise<unknown> = Promise.resolve()
  const load = async () => {
    const read = await store.firewall.load()
    // The same list stays the same object: what was made of it need not be made again.
    if (JSON.stringify(read) !== JSON.stringify(rules)) rules = read
  }
  /** One change after the other: each is judged by what the one before has left. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work)
    last = done.catch(() => {})
    return done
  }
  return {
    rules: () => rules,
    refresh: () => inTurn(load),
    add: (cidr, note) =>
      inTurn(async () => {
        await load()
        if (rules.entries.length >= mostEntries) {
          throw new AppError('invalid_request', { message: `The list holds ${mostEntries} entries at most.` })
        }
        const entry = { id: randomId('fw_'), cidr, note, createdAtMs: clock.now() }
        if (!(await store.firewall.add(entry, mostEntries))) throw new AppError('firewall_entry_exists')
        await load()
        return entry
      }),
    remove: (id, allowed) =>
      inTurn(async () => {
        await load()
        const found = rules.entries.find((entry) => entry.id === id)
        if (found === undefined) throw new AppError('firewall_entry_not_found')
        allowed({ ...rules, entries: rules.entries.filter((entry) => entry !== found) })
        await store.firewall.remove(id)
        await load()
        return found
      }),
    setModes: (modes, allowed) =>
      inTurn(async () => {
        await load()
        allowed({ ...rules, mode: { ...rules.mode, ...modes } })
        await store.firewall.setModes(modes)
        await load()
      }),
  }
}

import type { Account } from '../domain/account.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'

/** The parts of an account that are kept apart from each other. */
type Part = 'health' | 'figures' | 'plan'
type Marks = Record<Part, boolean>

/** Writes what changed of accounts a little later, so that nobody who changes one waits for the disk. */
export type Saver = {
  /** This part of the account is to be kept. */
  mark(id: string, part: Part): void
  /** Saves what was marked before the call. */
  save(): Promise<void>
  /** Grows with each mark. */
  changes(): number
  /** The number of the account's last mark; 0: none. */
  lastChange(id: string): number
  /** Lets go of accounts that are not there any more. */
  retain(isThere: (id: string) => boolean): void
}

export type SaverDeps = {
  store: Store
  clock: Clock
  get: (id: string) => Account | undefined
  onError: (error: unknown) => void
}

const saveEveryMs = 250
const nothing: Marks = { health: false, figures: false, plan: false }

export function createSaver({ store, clock, get, onError }: SaverDeps): Saver {
  let saving: Promise<void> | null = null
  let isScheduled = false
  let changes = 0
  const dirty = new Map<string, Marks>()
  const lastChange = new Map<string, number>()

  const schedule = () => {
    if (isScheduled) return
    isScheduled = true
    clock.after(saveEveryMs, () => {
      isScheduled = false
      save().catch((error) => {
        onError(error)
        if (dirty.size > 0) schedule()
      })
    })
  }
  /** One save at a time: what the one under way has passed by needs another. */
  const save = async (): Promise<void> => {
    await saving
    saving ??= saveAll().finally(() => {
      saving = null
    })
    await saving
  }
  /** Accounts that are marked again meanwhile wait for the next save: under load this one would never end. */
  const saveAll = async () => {
    const marked = [...dirty]
    dirty.clear()
    for (const [at, [id, marks]] of marked.entries()) {
      const account = get(id)
      if (account === undefined) continue
      try {
        if (marks.health) await store.accounts.saveHealth(id, account.health)
        if (marks.figures) await store.accounts.saveFigures(id, account)
        if (marks.plan) await store.accounts.savePlan(id, account.plan)
      } catch (error) {
        for (const unsaved of marked.slice(at)) markAgain(...unsaved)
        throw error
      }
    }
  }
  const markAgain = (id: string, marks: Marks) => {
    const since = dirty.get(id) ?? nothing
    dirty.set(id, {
      health: marks.health || since.health,
      figures: marks.figures || since.figures,
      plan: marks.plan || since.plan,
    })
  }
  return {
    mark(id, part) {
      dirty.set(id, { ...(dirty.get(id) ?? nothing), [part]: true })
      lastChange.set(id, ++changes)
      schedule()
    },
    save,
    changes: () => changes,
    lastChange: (id) => lastChange.get(id) ?? 0,
    retain(isThere) {
      for (const id of lastChange.keys()) if (!isThere(id)) lastChange.delete(id)
    },
  }
}

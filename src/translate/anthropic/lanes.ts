import type { Json } from '../json.ts'

/** A step in the life of a content block. Blocks have no numbers yet: those come when they are written. */
export type BlockStep = { kind: 'start'; block: Json } | { kind: 'delta'; delta: Json } | { kind: 'stop' }

export type Lane = {
  push(...steps: BlockStep[]): void
  /** Closed twice is closed once; what is pushed later is lost. */
  close(): void
}

export type Lanes = { open(order: number): Lane }

type Held = { order: number; steps: BlockStep[]; isClosed: boolean }

/**
 * Puts things that arrive side by side one after the other: only one lane writes at a time, and the others hold their steps
 * until it is closed. Of those that wait, the one with the lowest order is next.
 */
export function createLanes(write: (step: BlockStep) => void): Lanes {
  const waiting: Held[] = []
  let current: Held | null = null

  const advance = () => {
    while (current === null || current.isClosed) {
      current = waiting.shift() ?? null
      if (current === null) return
      for (const step of current.steps.splice(0)) write(step)
    }
  }
  return {
    open(order) {
      const lane: Held = { order, steps: [], isClosed: false }
      const at = waiting.findIndex((one) => one.order > order)
      waiting.splice(at === -1 ? waiting.length : at, 0, lane)
      advance()
      return {
        push(...steps) {
          if (lane.isClosed) return
          if (lane !== current) lane.steps.push(...steps)
          else for (const step of steps) write(step)
        },
        close() {
          lane.isClosed = true
          if (lane === current) advance()
        },
      }
    },
  }
}

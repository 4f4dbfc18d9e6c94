import { describe, expect, it } from 'vitest'
import { createWriteBehind, type WriteBehindOptions } from '../../../src/lib/write-behind.ts'
import { createManualClock } from '../../support/clock.ts'
import { until } from '../../support/simulator-client.ts'

type Given = Partial<Omit<WriteBehindOptions<number>, 'clock'>>

/** A queue that writes into a list; `block` holds every write until `release` is called. */
function rig(given: Given = {}) {
  const clock = createManualClock()
  const batches: number[][] = []
  const errors: unknown[] = []
  const state = { fails: 0, running: 0, most: 0, gate: null as Promise<void> | null, release: () => {} }
  const queue = createWriteBehind<number>({
    clock,
    onError: (error) => errors.push(error),
    async write(batch) {
      state.most = Math.max(state.most, ++state.running)
      await state.gate
      state.running--
      if (state.fails-- > 0) throw new Error('disk full')
      batches.push(batch)
    },
    ...given,
  })
  const block = () => {
    state.gate = new Promise((resolve) => {
      state.release = resolve
    })
  }
  return { clock, queue, batches, errors, state, block, written: () => batches.flat() }
}

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at)
const push = (queue: { push(value: number): void }, values: number[]) =>
  values.forEach((value) => void queue.push(value))

describe('values that are written behind', () => {
  it('wait a moment, and are written together', async () => {
    const { clock, queue, batches } = rig()
    push(queue, [1, 2, 3])
    clock.advance(199)
    expect(batches).toEqual([])
    expect(queue.waiting()).toBe(3)
    clock.advance(1)
    await until(() => queue.waiting() === 0)
    expect(batches).toEqual([[1, 2, 3]])
  })

  it('are written in order, in batches', async () => {
    const { queue, batches, state } = rig({ batchSize: 100 })
    push(queue, numbers(250))
    await queue.flush()
    expect(batches.map((batch) => batch.length)).toEqual([100, 100, 50])
    expect(batches.flat()).toEqual(numbers(250))
    expect(state.most).toBe(1)
  })

  it('are written by a flush also when they come while another write is under way', async () => {
    const { queue, written, block, state } = rig()
    block()
    queue.push(1)
    const first = queue.flush()
    queue.push(2)
    const second = queue.flush()
    state.release()
    await Promise.all([first, second])
    expect(written()).toEqual([1, 2])
    expect(state.most).toBe(1)
  })

  it('are written by a flush that is called the moment another one ends', async () => {
    for (let steps = 0; steps < 12; steps++) {
      const { queue, written } = rig()
      queue.push(1)
      const first = queue.flush()
      for (let step = 0; step < steps; step++) await null
      queue.push(2)
      await queue.flush()
      expect(written(), `${steps} steps after the first flush`).toEqual([1, 2])
      await first
    }
  })

  it('are all there when a flush is over that had nothing to do before', async () => {
    const { queue, written } = rig()
    await queue.flush()
    queue.push(1)
    await queue.flush()
    await queue.flush()
    expect(written()).toEqual([1])
  })

  it('survive a failing write, and are tried again', async () => {
    const { clock, queue, written, errors, state } = rig()
    state.fails = 2
    push(queue, [1, 2])
    clock.advance(200)
    await until(() => errors.length === 1)
    queue.push(3)
    expect(queue.waiting()).toBe(3)
    await expect(queue.flush()).rejects.toThrow('disk full')
    expect(queue.waiting()).toBe(3)
    clock.advance(200)
    await until(() => queue.waiting() === 0)
    expect(written()).toEqual([1, 2, 3])
    expect(queue.dropped()).toBe(0)
  })

  it('survive a write that throws at once', async () => {
    let fails = true
    const written: number[] = []
    const write = (batch: number[]): Promise<void> => {
      if (fails) throw new Error('closed')
      written.push(...batch)
      return Promise.resolve()
    }
    const queue = createWriteBehind<number>({ clock: createManualClock(), write, onError: () => {} })
    queue.push(1)
    await expect(queue.flush()).rejects.toThrow('closed')
    fails = false
    await queue.flush()
    expect(written).toEqual([1])
  })

  it('are bounded: the oldest go first, and are counted', async () => {
    const { queue, written, state } = rig({ limit: 10 })
    state.fails = 1
    push(queue, numbers(8))
    await expect(queue.flush()).rejects.toThrow()
    push(queue, [8, 9, 10, 11])
    expect([queue.waiting(), queue.dropped()]).toEqual([10, 2])
    await queue.flush()
    expect(written()).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  })

  it('are neither lost nor doubled when the oldest are dropped while they are being written', async () => {
    const { queue, written, block, state } = rig({ limit: 10, batchSize: 4 })
    push(queue, numbers(10))
    block()
    const flushed = queue.flush()
    push(queue, [10, 11])
    state.release()
    await flushed
    expect(written()).toEqual(numbers(12))
  })
})

import { describe, expect, it } from 'vitest'
import type { StoredEvent } from '../../../src/domain/stored.ts'
import { createEventLog } from '../../../src/stored/event-log.ts'
import { createManualClock } from '../../support/clock.ts'

const mebibyte = 1024 * 1024

function rig(write: (batch: readonly StoredEvent[]) => Promise<boolean> = async () => true) {
  const clock = createManualClock()
  const written: number[][] = []
  let due = 0
  let tooLarge = 0
  const log = createEventLog({
    clock,
    write(batch) {
      written.push(batch.map(({ sequence }) => sequence))
      return write(batch)
    },
    due: () => due++,
    onTooLarge: () => tooLarge++,
  })
  const push = (count: number, text = 'text') => {
    for (let place = 0; place < count; place++) log.push((sequence) => `${sequence} ${text}`)
  }
  return { clock, log, push, written, due: () => due, tooLarge: () => tooLarge }
}

describe('a log of events', () => {
  it('numbers them, and asks once for each batch to be written', async () => {
    const { clock, log, push, written, due } = rig()
    expect(log.push((sequence) => `first ${sequence}`)).toBe('first 0')
    push(3)
    expect(due()).toBe(0)
    clock.advance(200)
    expect(due()).toBe(1)
    expect(await log.flush()).toBe(true)
    expect(written).toEqual([[0, 1, 2, 3]])
    clock.advance(1_000)
    expect(due()).toBe(1)
    push(1)
    clock.advance(200)
    expect(due()).toBe(2)
  })

  it('shows what is not written yet, and says where the store must be asked', async () => {
    const { log, push } = rig()
    push(3)
    expect(log.waiting(0)?.map(({ sequence }) => sequence)).toEqual([1, 2])
    expect(log.waiting(2)).toEqual([])
    await log.flush()
    expect(log.waiting(2)).toEqual([])
    expect(log.waiting(1)).toBeNull()
    push(2)
    expect(log.waiting(2)?.map(({ sequence }) => sequence)).toEqual([3, 4])
    expect(log.waiting(1)).toBeNull()
  })

  it('keeps events that are being written until they are', async () => {
    let finish = (_isKept: boolean) => {}
    const { log, push } = rig(
      () =>
        new Promise((resolve) => {
          finish = resolve
        }),
    )
    push(2)
    const flushing = log.flush()
    push(1)
    expect(log.waiting(-1)).toHaveLength(3)
    finish(true)
    await Promise.resolve()
    await Promise.resolve()
    expect(log.waiting(1)).toHaveLength(1)
    finish(true)
    expect(await flushing).toBe(true)
  })

  it('writes large events in batches of their own', async () => {
    const { log, push, written } = rig()
    push(3, 'x'.repeat(mebibyte))
    push(2)
    await log.flush()
    expect(written).toEqual([[0], [1], [2], [3, 4]])
  })

  it('stops where the response is gone', async () => {
    const { log, push } = rig(async () => false)
    push(2)
    expect(await log.flush()).toBe(false)
  })

  it('holds no more than it may, and goes on numbering', async () => {
    const { log, push, tooLarge } = rig()
    push(17, 'x'.repeat(mebibyte))
    expect([log.isKept(), tooLarge()]).toEqual([false, 1])
    push(1)
    expect(log.push((sequence) => String(sequence))).toBe('18')
    expect([tooLarge(), await log.flush()]).toEqual([1, true])
  })

  it('only numbers them after it was stopped', async () => {
    const { log, push, written } = rig()
    push(2)
    log.stop()
    push(2)
    expect(await log.flush()).toBe(true)
    expect([written, log.isKept(), log.waiting(0), log.waiting(3)]).toEqual([[], true, null, []])
  })

  it('counts everything, not only what waits', async () => {
    const { log, push, tooLarge } = rig()
    for (let count = 0; count < 65; count++) {
      push(1, 'x'.repeat(mebibyte))
      await log.flush()
    }
    expect([log.isKept(), tooLarge()]).toEqual([false, 1])
  })
})

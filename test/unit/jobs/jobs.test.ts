import { describe, expect, it } from 'vitest'
import { type Job, startJobs } from '../../../src/jobs/jobs.ts'
import { createManualClock } from '../../support/clock.ts'
import { until } from '../../support/simulator-client.ts'

function rig(...jobs: Job[]) {
  const clock = createManualClock()
  const errors: string[] = []
  const stop = startJobs(jobs, clock, (name, error) => errors.push(`${name}: ${(error as Error).message}`))
  /** Moves the clock and lets what it started come to its end. */
  const pass = async (ms: number) => {
    clock.advance(ms)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { clock, errors, stop, pass }
}

describe('a background job', () => {
  it('runs at its time, again and again', async () => {
    let runs = 0
    const { pass, stop } = rig({ name: 'a', everyMs: () => 100, run: () => void runs++ })
    await pass(99)
    expect(runs).toBe(0)
    for (let at = 1; at <= 5; at++) {
      await pass(at === 1 ? 1 : 100)
      expect(runs).toBe(at)
    }
    await stop()
    await pass(1_000)
    expect(runs).toBe(5)
  })

  it('may begin at once', async () => {
    let runs = 0
    const { pass } = rig({ name: 'a', soon: true, everyMs: () => 100, run: () => void runs++ })
    await pass(0)
    expect(runs).toBe(1)
  })

  it('waits as long as is right at the moment', async () => {
    let everyMs = 100
    let runs = 0
    const { pass } = rig({ name: 'a', everyMs: () => everyMs, run: () => void runs++ })
    everyMs = 10
    await pass(100)
    await pass(10)
    expect(runs).toBe(2)
  })

  it.each<[string, () => Promise<void> | void]>([
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('that %s is reported, goes on, and harms no other', async (_how, run) => {
    let others = 0
    const { pass, errors } = rig(
      { name: 'bad', everyMs: () => 100, run },
      { name: 'good', everyMs: () => 100, run: () => void others++ },
    )
    for (let at = 0; at < 3; at++) await pass(100)
    expect(errors).toEqual(['bad: broken', 'bad: broken', 'bad: broken'])
    expect(others).toBe(3)
  })

  it('never runs twice at a time', async () => {
    let running = 0
    let runs = 0
    let finish = () => {}
    const run = () => {
      running++
      runs++
      return new Promise<void>((resolve) => {
        finish = () => {
          running--
          resolve()
        }
      })
    }
    const { pass } = rig({ name: 'slow', everyMs: () => 100, run })
    await pass(100)
    await pass(1_000)
    expect([running, runs]).toEqual([1, 1])
    finish()
    await pass(0)
    await pass(100)
    expect([running, runs]).toEqual([1, 2])
  })
})

describe('stopping', () => {
  it('waits for what runs, and starts nothing more', async () => {
    let finish = () => {}
    let runs = 0
    const run = () => {
      runs++
      return new Promise<void>((resolve) => {
        finish = resolve
      })
    }
    const { pass, stop } = rig({ name: 'slow', everyMs: () => 100, run }, { name: 'late', everyMs: () => 500, run })
    await pass(100)
    let stopped = false
    const stopping = stop().then(() => {
      stopped = true
    })
    await pass(1_000)
    expect(stopped).toBe(false)
    finish()
    await stopping
    await until(() => stopped)
    await pass(1_000)
    expect(runs).toBe(1)
  })

  it('does not fail because a job fails in the end', async () => {
    let fail = (_error: Error) => {}
    const run = () =>
      new Promise<void>((_resolve, reject) => {
        fail = reject
      })
    const { pass, stop, errors } = rig({ name: 'bad', everyMs: () => 100, run })
    await pass(100)
    const stopping = stop()
    fail(new Error('broken'))
    await stopping
    expect(errors).toEqual(['bad: broken'])
  })
})

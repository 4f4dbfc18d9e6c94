import { describe, expect, it } from 'vitest'
import { pause } from '../../../src/lib/clock.ts'
import { createManualClock } from '../../support/clock.ts'

async function stateOf(promise: Promise<void>): Promise<string> {
  const later = new Promise<string>((resolve) => setImmediate(() => resolve('waiting')))
  const ended = promise.then(
    () => 'over',
    (reason: Error) => reason.message,
  )
  return Promise.race([ended, later])
}

describe('a pause', () => {
  it('ends at its time', async () => {
    const clock = createManualClock()
    const waiting = pause(clock, 1_000, new AbortController().signal)
    clock.advance(999)
    expect(await stateOf(waiting)).toBe('waiting')
    clock.advance(1)
    expect(await stateOf(waiting)).toBe('over')
  })

  it('ends at once with the reason when its signal is aborted', async () => {
    const clock = createManualClock()
    const ending = new AbortController()
    const waiting = pause(clock, 1_000, ending.signal)
    ending.abort(new Error('client_disconnected'))
    expect(await stateOf(waiting)).toBe('client_disconnected')
    clock.advance(1_000)
    expect(await stateOf(waiting)).toBe('client_disconnected')
  })

  it('does not begin when its signal was aborted before', async () => {
    const aborted = AbortSignal.abort(new Error('gone'))
    expect(await stateOf(pause(createManualClock(), 1_000, aborted))).toBe('gone')
  })

  it('leaves no listener behind on a signal that lives long', async () => {
    const clock = createManualClock()
    let listeners = 0
    const { signal } = new AbortController()
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...given: Parameters<typeof add>) => {
      listeners++
      add(...given)
    }
    signal.removeEventListener = (...given: Parameters<typeof remove>) => {
      listeners--
      remove(...given)
    }
    const waiting = pause(clock, 10, signal)
    expect(listeners).toBe(1)
    clock.advance(10)
    await waiting
    expect(listeners).toBe(0)
  })
})

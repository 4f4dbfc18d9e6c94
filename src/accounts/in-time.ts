import type { Clock } from '../lib/clock.ts'

/** Resolves when the work is done, or when nobody waits for it any longer. The work itself goes on. */
export function inTime(work: Promise<unknown>, patienceMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(patienceMs, resolve)
    work.then(() => resolve(), reject).finally(cancel)
  })
}

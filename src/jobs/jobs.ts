import type { Clock } from '../lib/clock.ts'

/** Something that runs in the background, again and again. A run that fails is reported and tried again at its time. */
export type Job = { name: string; everyMs: () => number; run: () => Promise<void> | void; soon?: boolean }

/** Starts the jobs; the returned function stops them and waits for those that run. */
export function startJobs(
  jobs: readonly Job[],
  clock: Clock,
  onError: (name: string, error: unknown) => void,
): () => Promise<void> {
  let stopped = false
  const cancels = new Map<string, () => void>()
  const running = new Set<Promise<void>>()
  const schedule = (job: Job, delayMs: number) => {
    if (stopped) return
    cancels.set(
      job.name,
      clock.after(delayMs, () => {
        const run = Promise.resolve()
          .then(job.run)
          .catch((error: unknown) => onError(job.name, error))
          .finally(() => {
            running.delete(run)
            schedule(job, job.everyMs())
          })
        running.add(run)
      }),
    )
  }
  for (const job of jobs) schedule(job, job.soon ? 0 : job.everyMs())
  return async () => {
    stopped = true
    for (const cancel of cancels.values()) cancel()
    await Promise.allSettled(running)
  }
}

import type { SourceHealth } from '../domain/model-source.ts'
import type { Clock } from '../lib/clock.ts'
import type { ModelSource } from '../store/model-source-store.ts'

/** So many failures in a row, and a source is left alone for a while: whoever asks should not wait for it again. */
const failuresBeforeRest = 3
const restMs = 30_000
/** Health is written at most so often. */
const saveEveryMs = 5_000

export type SourceOutcome = { kind: 'ok' } | { kind: 'failed'; code: string; message: string }

/** Epoch ms at which a source is asked again; null: it may be asked now. */
export function restEndOf({ failures, lastFailureAtMs }: SourceHealth, nowMs: number): number | null {
  if (failures < failuresBeforeRest || lastFailureAtMs === null) return null
  const untilMs = lastFailureAtMs + restMs
  return untilMs > nowMs ? untilMs : null
}

export function afterOutcome(health: SourceHealth, outcome: SourceOutcome, nowMs: number): SourceHealth {
  if (outcome.kind === 'ok') return { ...health, lastOkAtMs: nowMs, failures: 0 }
  const { code, message } = outcome
  const lastFailure = { code: code.slice(0, 100), message: message.slice(0, 300) }
  return { ...health, lastFailureAtMs: nowMs, lastFailure, failures: health.failures + 1 }
}

/** Writes the health of sources, not too often, and what is left at the end. */
export function createHealthSaver(clock: Clock, save: (source: ModelSource) => Promise<void>) {
  const waiting = new Map<string, { source: ModelSource; cancel: () => void }>()
  const write = async (id: string): Promise<void> => {
    const due = waiting.get(id)
    waiting.delete(id)
    due?.cancel()
    if (due) await save(due.source)
  }
  return {
    changed(source: ModelSource) {
      const cancel = waiting.get(source.id)?.cancel ?? clock.after(saveEveryMs, () => void write(source.id))
      waiting.set(source.id, { source, cancel })
    },
    forget(id: string) {
      waiting.get(id)?.cancel()
      waiting.delete(id)
    },
    async flush() {
      for (const id of [...waiting.keys()]) await write(id)
    },
  }
}

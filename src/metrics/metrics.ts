import { Registry } from 'prom-client'
import type { LiveEvent } from '../domain/live.ts'
import type { Bus } from '../lib/bus.ts'
import { addPoolMetrics, type PoolMetricsDeps } from './pool-metrics.ts'
import { addProcessMetrics } from './process-metrics.ts'
import { createRequestMetrics } from './request-metrics.ts'

/** What Prometheus reads. */
export type Metrics = {
  readonly contentType: string
  text(): Promise<string>
  /** Stops measuring. */
  close(): void
}

/** Counts from now on, each request once, when it has ended; nothing is counted while it runs. */
export function createMetrics(deps: PoolMetricsDeps & { bus: Bus<LiveEvent>; version: string }): Metrics {
  const registry = new Registry()
  const requests = createRequestMetrics([registry])
  addPoolMetrics([registry], deps)
  const stopProcess = addProcessMetrics([registry], deps.version)
  const stopListening = deps.bus.listen((event) => {
    if (event.kind === 'request_ended') requests.count(event.record)
  })
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    close() {
      stopListening()
      stopProcess()
    },
  }
}

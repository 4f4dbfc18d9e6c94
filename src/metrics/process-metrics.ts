import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Gauge, type Registry } from 'prom-client'

const resolutionMs = 20

/** The process itself. The returned function ends the measuring. */
export function addProcessMetrics(registers: Registry[], version: string): () => void {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  const startedAt = Date.now() / 1000 - process.uptime()
  const gauge = (name: string, help: string, read: () => number) => {
    new Gauge({
      ...{ registers, name, help },
      collect() {
        this.set(read())
      },
    })
  }
  gauge('process_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss())
  gauge('process_cpu_seconds_total', 'CPU time of the process.', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  gauge('process_start_time_seconds', 'When the process began.', () => startedAt)
  gauge(
    'codex_lb_event_loop_delay_seconds',
    'The 99th percentile of the delay of the event loop since the last reading.',
    () => {
      const seconds = delay.percentile(99) / 1e9
      delay.reset()
      return Number.isFinite(seconds) ? seconds : 0
    },
  )
  new Gauge({ registers, name: 'codex_lb_build_info', help: 'The version.', labelNames: ['version'] }).set(
    { version },
    1,
  )
  return () => delay.disable()
}

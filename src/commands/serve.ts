import { startApp } from '../app.ts'
import { readConfig } from '../config.ts'
import { createLog } from '../log.ts'
import type { Call, ExitCode } from './command.ts'

/** `codex-lb serve`: runs until a signal asks it to stop. */
export async function serve(call: Call): Promise<ExitCode> {
  const { config, warnings } = readConfig(call.env, call.cwd, call.isTerminal)
  const log = createLog(config)
  for (const warning of warnings) log.warn(warning)
  const app = await startApp(config, log).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error
    const message = `${config.host}:${config.port} is in use. Is codex-lb running already? Otherwise set CODEX_LB_PORT.`
    throw Object.assign(new Error(message, { cause: error }), { code: error.code })
  })
  // Whoever waits for the line may ask us to stop at once.
  const stopped = stopSignal()
  call.print(`codex-lb listening on ${app.url}`)
  const signal = await stopped
  log.info({ signal }, 'stopping; a second signal ends at once')
  process.once('SIGTERM', endAtOnce).once('SIGINT', endAtOnce)
  await app.close()
  process.off('SIGTERM', endAtOnce).off('SIGINT', endAtOnce)
  return 0
}

/** Resolves with the first signal that asks the process to stop. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name))
  })
}

function endAtOnce(): never {
  process.exit(1)
}

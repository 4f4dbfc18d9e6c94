import { openConfiguredStore } from '../app-store.ts'
import { readConfig } from '../config.ts'
import type { Call, ExitCode } from './command.ts'

/** `codex-lb reset-password`: for whoever owns the data directory and has lost the password or the second factor. */
export async function resetPassword(call: Call): Promise<ExitCode> {
  const { config } = readConfig(call.env, call.cwd, call.isTerminal)
  const store = await openConfiguredStore(config, { warn: (_fields, message) => call.complain(`codex-lb: ${message}`) })
  try {
    const { passwordHash } = await store.signIn.state()
    await store.signIn.clear()
    const had = passwordHash === null ? 'There was no password.' : 'The password is gone.'
    call.print(`${had} Second factor, recovery codes and sessions are gone too; set a new password on the page.`)
    call.print('From another machine, restart the server first: it logs the token that a first password needs there.')
    return 0
  } finally {
    await store.close()
  }
}

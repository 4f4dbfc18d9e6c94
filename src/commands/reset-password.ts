import { readConfig } from '../config.ts'
import { auditCommand, notAudited } from './audit.ts'
import type { Call, ExitCode } from './command.ts'
import { openStoreFor } from './open-store.ts'

/** `codex-lb reset-password`: for whoever owns the data directory and has lost the password or the second factor. */
export async function resetPassword(call: Call): Promise<ExitCode> {
  const { config } = readConfig(call.env, call.cwd, call.isTerminal)
  const store = await openStoreFor(call, config)
  try {
    const { passwordHash, totpSecret, viewerPasswordHash } = await store.signIn.state()
    const passkeys = (await store.passkeys.list()).length
    await store.signIn.clear()
    const before = {
      ...{ password: passwordHash !== null, secondFactor: totpSecret !== null, passkeys },
      viewers: viewerPasswordHash !== null,
    }
    if (!(await auditCommand(store, 'password.reset', { before }))) call.complain(notAudited)
    const had = passwordHash === null ? 'There was no password.' : 'The password is gone.'
    call.print(
      `${had} Second factor, recovery codes, passkeys, the viewers’ password and sessions are gone too; set a new password on the page.`,
    )
    call.print('From another machine, restart the server first: it logs the token that a first password needs there.')
    return 0
  } finally {
    await store.close()
  }
}

import type { FastifyRequest } from 'fastify'
import { exportLogin, exportName } from '../accounts/export-login.ts'
import type { Pool } from '../accounts/pool.ts'
import type { Tokens } from '../accounts/tokens.ts'
import type { Caller } from '../auth/door.ts'
import type { SignIn } from '../auth/sign-in.ts'
import { AccountExport, AccountFile } from '../contract/account-export.ts'
import { AccountParams } from '../contract/accounts.ts'
import { AppError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { displayNameOf } from './account-views.ts'
import { route } from './route.ts'

export type ExportDeps = {
  store: Store
  pool: Pool
  tokens: Tokens
  signIn: SignIn
  callerOf: (request: FastifyRequest) => Caller
}

/** Said with every file: whoever renews first takes the login from the other. */
const warning =
  'Two programs that use one login end it: the first that renews it makes the other sign in again. Delete the account here before the file is used elsewhere.'

/** Giving the login of an account away, as a file for another program. */
export function exportRoutes({ store, pool, tokens, signIn, callerOf }: ExportDeps) {
  return [
    route(
      {
        method: 'POST',
        path: '/api/accounts/:id/export',
        access: 'admin',
        audit: 'account.export',
        summary: 'The login of an account as an auth.json; asks for the dashboard password again',
        params: AccountParams,
        body: AccountExport,
        answer: AccountFile,
      },
      async ({ params: { id }, body: { format, password = null }, request, reply, audit }) => {
        audit({ after: { format } })
        const account = pool.get(id)
        if (account === null) throw new AppError('account_not_found')
        await signIn.reauthenticate(callerOf(request), password)
        const file = await exportLogin(account, format, { store, tokens })
        reply.header('content-disposition', `attachment; filename="${exportName(displayNameOf(account), format)}"`)
        reply.header('x-codex-lb-warning', warning)
        return file
      },
    ),
  ]
}

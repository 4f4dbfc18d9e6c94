import { type ImportOutcome, importedOf, importFiles } from '../accounts/import.ts'
import type { Pool } from '../accounts/pool.ts'
import {
  AccountChange,
  AccountDeleted,
  AccountList,
  AccountParams,
  AccountPaused,
  AccountReactivated,
  AccountView,
  ImportAnswer,
  ImportForm,
} from '../contract/accounts.ts'
import { statusOf } from '../domain/account.ts'
import type { Egress } from '../egress/registry.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import { accountView, importItem } from './account-views.ts'
import { checkEgress } from './check-egress.ts'
import { maxImportBytes, readUpload } from './import-files.ts'
import { route } from './route.ts'

export type AccountsDeps = {
  store: Store
  pool: Pool
  egress: Pick<Egress, 'downOf' | 'ways'>
  clock: Clock
  /** Told of accounts whose tokens are new, so that their figures are read at once. */
  onImported: (accountIds: string[]) => Promise<void>
  onRemoved: (accountId: string) => void
}

const importDeadlineMs = 5 * 60_000

export function accountRoutes(deps: AccountsDeps) {
  const { store, pool, clock } = deps
  const params = AccountParams
  return [
    route(
      { method: 'GET', path: '/api/accounts', access: 'viewer', summary: 'All accounts', answer: AccountList },
      async () => {
        const accounts = pool.accounts().map((account) => accountView(account, clock.now(), deps.egress.ways()))
        return { accounts: accounts.toSorted((a, b) => a.displayName.localeCompare(b.displayName)) }
      },
    ),
    route(
      {
        method: 'POST',
        path: '/api/accounts/import',
        access: 'admin',
        audit: 'account.import',
        summary: 'Import auth.json files (multipart, field auth_json or files)',
        body: ImportForm,
        bodyType: 'multipart/form-data',
        answer: ImportAnswer,
        bodyBytes: maxImportBytes,
        deadlineMs: importDeadlineMs,
      },
      async ({ request, audit }) => {
        const { files, tooLarge } = await readUpload(request)
        const outcomes = [...tooLarge, ...(await importFiles(store, clock, files))]
        const ids = outcomes.flatMap((outcome) => (outcome.kind === 'rejected' ? [] : [outcome.account.id]))
        if (ids.length > 0) await deps.onImported([...new Set(ids)])
        audit({ after: importedOf(outcomes) })
        return answerOf(outcomes, pool, clock.now())
      },
    ),
    route(
      {
        method: 'GET',
        path: '/api/accounts/:id',
        access: 'viewer',
        summary: 'One account',
        params,
        answer: AccountView,
      },
      async ({ params: { id } }) => accountView(known(pool, id), clock.now(), deps.egress.ways()),
    ),
    route(
      {
        method: 'PATCH',
        path: '/api/accounts/:id',
        access: 'admin',
        audit: 'account.change',
        summary: 'Change what an account is called and how it is used: alias, policy, priority, tags, its way out',
        params,
        body: AccountChange,
        answer: AccountView,
      },
      async ({ params: { id }, body: { policy, priority, tags, egress, alias }, audit }) => {
        const before = { ...known(pool, id) }
        if (egress !== undefined) checkEgress(egress, 'egress', deps.egress)
        const change = {
          ...(policy === undefined ? {} : { policy }),
          ...(priority === undefined ? {} : { priority }),
          ...(tags === undefined ? {} : { tags: [...new Set(tags)] }),
          ...(egress === undefined ? {} : { egress }),
          ...(alias === undefined ? {} : { alias }),
        }
        if (!(await pool.setPreferences(id, change))) throw new AppError('account_not_found')
        const names = Object.keys(change) as (keyof typeof change)[]
        audit({ before: Object.fromEntries(names.map((name) => [name, before[name]])), after: change })
        return accountView(known(pool, id), clock.now(), deps.egress.ways())
      },
    ),
    route(
      {
        method: 'POST',
        path: '/api/accounts/:id/pause',
        access: 'admin',
        audit: 'account.pause',
        summary: 'Take an account out',
        params,
        answer: AccountPaused,
      },
      async ({ params: { id }, audit }) => {
        const { health } = known(pool, id)
        if (health.signIn !== 'ok') throw refused(`it is ${health.signIn}; there is nothing to pause`)
        pool.report(id, { kind: 'paused' })
        await pool.flush()
        audit({ before: { status: statusOf(health, clock.now()) }, after: { status: 'paused' } })
        return { status: 'paused' as const }
      },
    ),
    route(
      {
        method: 'POST',
        path: '/api/accounts/:id/reactivate',
        access: 'admin',
        audit: 'account.reactivate',
        summary: 'Put an account back and forget what held it',
        params,
        answer: AccountReactivated,
      },
      async ({ params: { id }, audit }) => {
        const { health } = known(pool, id)
        if (health.signIn === 'reauth_required') throw refused('it needs a new sign-in')
        pool.report(id, { kind: 'reactivated' })
        await pool.flush()
        const status = statusOf(known(pool, id).health, clock.now())
        audit({ before: { status: statusOf(health, clock.now()) }, after: { status } })
        return { status: 'reactivated' as const }
      },
    ),
    route(
      {
        method: 'DELETE',
        path: '/api/accounts/:id',
        access: 'admin',
        audit: 'account.delete',
        summary: 'Delete an account; its requests stay logged',
        params,
        answer: AccountDeleted,
      },
      async ({ params: { id }, audit }) => {
        const before = pool.get(id)
        if (!(await store.accounts.remove(id))) throw new AppError('account_not_found')
        // Once it is gone, nothing else says whose account it was.
        if (before) audit({ before: { email: before.email, plan: before.plan } })
        deps.onRemoved(id)
        await pool.load()
        return { status: 'deleted' as const }
      },
    ),
  ]
}

function known(pool: Pool, id: string) {
  const account = pool.get(id)
  if (account === null) throw new AppError('account_not_found')
  return account
}

function refused(why: string): AppError {
  return new AppError('account_state_transition_invalid', { message: `The account cannot change: ${why}.` })
}

/** @throws AppError when nothing at all could be imported */
function answerOf(outcomes: ImportOutcome[], pool: Pool, nowMs: number): ImportAnswer {
  const items = outcomes.map((outcome) => importItem(outcome, pool, nowMs))
  const count = (kind: ImportOutcome['kind']) => outcomes.filter((outcome) => outcome.kind === kind).length
  const [first] = outcomes
  if (first?.kind === 'rejected' && count('rejected') === outcomes.length) {
    const fields = outcomes.flatMap((one) =>
      one.kind === 'rejected' ? [{ path: one.path, message: `${one.name}: ${one.message}` }] : [],
    )
    const where = first.path === '' ? '' : ` (${first.path})`
    throw new AppError(first.code, { message: `${first.name}: ${first.message}${where}`, fields })
  }
  const [only] = items
  const { accountId, email, planType, status } = only ?? {}
  const top =
    items.length === 1 && accountId && planType && status ? { accountId, email: email ?? null, planType, status } : {}
  return { items, imported: count('imported'), updated: count('updated'), rejected: count('rejected'), ...top }
}

import multipart, { type Multipart } from '@fastify/multipart'
import type { FastifyInstance } from 'fastify'
import type { ZodType } from 'zod'
import { type ImportFile, type ImportOutcome, importFiles } from '../accounts/import.ts'
import type { Pool } from '../accounts/pool.ts'
import { type AccountList, AccountParams, type AccountTrends, type ImportAnswer } from '../contract/accounts.ts'
import { dayMs } from '../domain/quota.ts'
import { AppError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../store/store.ts'
import { accountView, importItem } from './account-views.ts'
import { trendsOf } from './trends.ts'

export type AccountsDeps = {
  store: Store
  pool: Pool
  clock: Clock
  /** Told of accounts whose tokens are new, so that their figures are read at once. */
  onImported: (accountIds: string[]) => Promise<void>
  onRemoved: (accountId: string) => void
}

const maxFiles = 2_000
const maxFileBytes = 1024 * 1024
const maxImportBytes = 64 * 1024 * 1024
const fileFields = new Set(['auth_json', 'auth_json[]', 'files', 'files[]'])
const trendMs = 7 * dayMs

export async function addAccountRoutes(app: FastifyInstance, deps: AccountsDeps): Promise<void> {
  const { store, pool, clock } = deps
  const local = { config: { access: 'local' } } as const
  const byId = { ...local, schema: { params: AccountParams } }

  app.get('/api/accounts', local, async (): Promise<AccountList> => {
    const accounts = pool.accounts().map((account) => accountView(account, clock.now()))
    return { accounts: accounts.toSorted((a, b) => a.displayName.localeCompare(b.displayName)) }
  })
  app.post<ById>('/api/accounts/:id/pause', byId, async ({ params }) => {
    const { health } = known(pool, params.id)
    if (health.signIn !== 'ok') throw refused(`it is ${health.signIn}; there is nothing to pause`)
    pool.report(params.id, { kind: 'paused' })
    await pool.flush()
    return { status: 'paused' }
  })
  app.post<ById>('/api/accounts/:id/reactivate', byId, async ({ params }) => {
    const { health } = known(pool, params.id)
    if (health.signIn === 'reauth_required') throw refused('it needs a new sign-in; import a fresh auth.json')
    pool.report(params.id, { kind: 'reactivated' })
    await pool.flush()
    return { status: 'reactivated' }
  })
  app.delete<ById>('/api/accounts/:id', byId, async ({ params }) => {
    if (!(await store.accounts.remove(params.id))) throw new AppError('account_not_found')
    deps.onRemoved(params.id)
    await pool.load()
    return { status: 'deleted' }
  })
  app.get<ById>('/api/accounts/:id/trends', byId, async ({ params }): Promise<AccountTrends> => {
    known(pool, params.id)
    await pool.flush()
    const nowMs = clock.now()
    return {
      accountId: params.id,
      ...trendsOf(await store.usage.hourly(params.id, nowMs - trendMs), nowMs - trendMs, nowMs),
    }
  })
  await app.register(async (scope) => {
    await scope.register(multipart, {
      limits: { fileSize: maxFileBytes, files: maxFiles, fields: maxFiles, parts: maxFiles },
    })
    scope.post(
      '/api/accounts/import',
      { bodyLimit: maxImportBytes, handlerTimeout: 5 * 60_000, config: { access: 'local' } },
      async (request): Promise<ImportAnswer> => {
        if (!request.isMultipart()) {
          const message = 'Send multipart/form-data with one or more files in the field auth_json (or files).'
          throw new AppError('unsupported_media_type', { message, param: 'Content-Type' })
        }
        const { files, tooLarge } = await filesOf(request.parts())
        const outcomes = [...tooLarge, ...(await importFiles(store, clock, files))]
        const ids = outcomes.flatMap((outcome) => (outcome.kind === 'rejected' ? [] : [outcome.account.id]))
        if (ids.length > 0) await deps.onImported([...new Set(ids)])
        return answerOf(outcomes, pool, clock.now())
      },
    )
  })
}

type ById = { Params: { id: string } }

function known(pool: Pool, id: string) {
  const account = pool.get(id)
  if (account === null) throw new AppError('account_not_found')
  return account
}

function refused(why: string): AppError {
  return new AppError('account_state_transition_invalid', { message: `The account cannot change: ${why}.` })
}

/** Every part is taken as one credential file; a part under another name is a mistake worth naming. */
async function filesOf(
  parts: AsyncIterableIterator<Multipart>,
): Promise<{ files: ImportFile[]; tooLarge: ImportOutcome[] }> {
  const files: ImportFile[] = []
  const tooLarge: ImportOutcome[] = []
  for await (const part of parts) {
    if (!fileFields.has(part.fieldname)) {
      if (part.type === 'file') part.file.resume()
      const param = part.fieldname.slice(0, 100)
      throw new AppError('invalid_request', {
        message: `The field "${param}" is not known; use auth_json or files.`,
        param,
      })
    }
    const name = part.type === 'file' ? part.filename || part.fieldname : part.fieldname
    const bytes = part.type === 'file' ? await bounded(part) : Buffer.from(String(part.value))
    if (bytes) files.push({ name, bytes })
    else
      tooLarge.push({
        name,
        kind: 'rejected',
        code: 'invalid_auth_json',
        path: '',
        message: 'the file is larger than 1 MiB',
      })
  }
  if (files.length + tooLarge.length > 0) return { files, tooLarge }
  throw new AppError('invalid_request', {
    message: 'No file came with the request; use the field auth_json.',
    param: 'auth_json',
  })
}

/** Null for a file beyond the limit: the others are imported all the same. */
async function bounded(part: Extract<Multipart, { type: 'file' }>): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  for await (const chunk of part.file) chunks.push(chunk)
  return part.file.truncated ? null : Buffer.concat(chunks)
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

/** Lets routes take zod schemas for what comes in; a fault names the field. */
export function useZod(app: FastifyInstance): void {
  app.setValidatorCompiler<ZodType>(({ schema }) => (data) => {
    const parsed = schema.safeParse(data)
    return parsed.success ? { value: parsed.data } : { error: parsed.error }
  })
}

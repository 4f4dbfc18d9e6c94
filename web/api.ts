import type { AccountList, ImportAnswer, ImportItem } from '../src/contract/accounts.ts'
import type { RequestLog } from '../src/contract/requests.ts'
import type { SessionView } from '../src/contract/session.ts'

export type FieldFault = { path: string; message: string }

/** An answer that is no success, or no answer at all (`code` is `unreachable` then). The message is for people. */
export class ApiError extends Error {
  readonly code: string
  readonly requestId: string | null
  readonly faults: readonly FieldFault[]
  constructor(code: string, message: string, requestId: string | null, faults: readonly FieldFault[] = []) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.requestId = requestId
    this.faults = faults
  }
}

export const api = {
  session: () => call<SessionView>('GET', '/api/dashboard-auth/session'),
  accounts: () => call<AccountList>('GET', '/api/accounts'),
  requests: (limit: number) => call<RequestLog>('GET', `/api/request-logs?limit=${limit}`),
  pause: (id: string) => call('POST', `${accountPath(id)}/pause`),
  reactivate: (id: string) => call('POST', `${accountPath(id)}/reactivate`),
  remove: (id: string) => call('DELETE', accountPath(id)),
  import: importFiles,
}

export type Imported = Pick<ImportItem, 'file' | 'outcome' | 'email' | 'planType'> & { message: string | null }

/** What became of each file. An upload in which every file was refused is an ordinary outcome too. */
async function importFiles(files: readonly File[]): Promise<Imported[]> {
  const form = new FormData()
  for (const file of files) form.append('auth_json', file, file.name)
  try {
    const { items } = await call<ImportAnswer>('POST', '/api/accounts/import', form)
    return items.map(({ error, ...item }) => ({ ...item, message: error && described(error) }))
  } catch (error) {
    if (!(error instanceof ApiError) || error.faults.length === 0) throw error
    return error.faults.map((fault) => {
      const [file = '', ...rest] = fault.message.split(': ')
      const message = described({ path: fault.path, message: rest.join(': ') })
      return { file, outcome: 'rejected', email: null, planType: null, message }
    })
  }
}

function described({ path, message }: FieldFault): string {
  return path === '' ? message : `${message} (${path})`
}

function accountPath(id: string): string {
  return `/api/accounts/${encodeURIComponent(id)}`
}

/** @throws ApiError */
async function call<Answer>(method: string, path: string, body?: FormData): Promise<Answer> {
  let response: Response
  try {
    response = await fetch(path, { method, ...(body ? { body } : {}) })
  } catch {
    // A browser does not tell why a request did not get through.
    throw new ApiError('unreachable', 'codex-lb does not answer. Does it still run?', null)
  }
  const json: unknown = await response.json().catch(() => null)
  // The server checks what it sends against the schemas that these types come from.
  if (response.ok) return json as Answer
  const said = (json as { error?: { code: string; message: string; details?: FieldFault[] } } | null)?.error
  const requestId = response.headers.get('x-request-id')
  throw new ApiError(
    said?.code ?? String(response.status),
    said?.message ?? `The server answered ${response.status}.`,
    requestId,
    said?.details,
  )
}

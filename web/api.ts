import type { z } from 'zod'
import type {
  AccountChange,
  AccountList,
  AccountTrends,
  AccountView,
  ImportAnswer,
  ImportItem,
} from '../src/contract/accounts.ts'
import type { AffinityView } from '../src/contract/affinities.ts'
import type { ApiKeyChange, ApiKeyCreated, ApiKeyView } from '../src/contract/api-keys.ts'
import type { AuditLog } from '../src/contract/audit.ts'
import type { FirewallView } from '../src/contract/firewall.ts'
import type { Forecast } from '../src/contract/forecast.ts'
import type { ModelSourceList, ModelSourceTest, ModelSourceView } from '../src/contract/model-sources.ts'
import type { ChannelTest, ChannelView } from '../src/contract/notification-channels.ts'
import type { RuleView } from '../src/contract/notification-rules.ts'
import type { NotificationView } from '../src/contract/notifications.ts'
import type { ModelList, Overview, Timeframe } from '../src/contract/overview.ts'
import type { PasskeyList, PasskeyView } from '../src/contract/passkeys.ts'
import type { RequestLog, RequestView } from '../src/contract/requests.ts'
import type { RedemptionView, ResetCreditList } from '../src/contract/reset-credits.ts'
import type { SessionList, SessionView, TotpOffer, ViewerAccess } from '../src/contract/session.ts'
import type { SettingsView } from '../src/contract/settings.ts'
import type { AccountStatisticsView, DashboardStatistics } from '../src/contract/statistics.ts'
import type { WhatIfView } from '../src/contract/what-if.ts'
import { t } from './messages/index.ts'
import type { Description } from './parts/api/description.ts'

export type FieldFault = { path: string; message: string }

/** An answer that is no success, or no answer at all (`code` is `unreachable` then). The message is for people. */
export class ApiError extends Error {
  readonly code: string
  readonly status: number
  readonly requestId: string | null
  readonly faults: readonly FieldFault[]
  readonly retryAfterSeconds: number | null
  constructor(code: string, message: string, details: Partial<Omit<ApiError, 'code' | 'message'>> = {}) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.status = details.status ?? 0
    this.requestId = details.requestId ?? null
    this.faults = details.faults ?? []
    this.retryAfterSeconds = details.retryAfterSeconds ?? null
  }
}

const auth = '/api/dashboard-auth'
const apiKey = (id: string) => `/api/api-keys/${encodeURIComponent(id)}`
const modelSource = (id: string) => `/api/model-sources/${encodeURIComponent(id)}`
const account = (id: string) => `/api/accounts/${encodeURIComponent(id)}`

/** What a page of the request log is asked for. */
export type RequestFilter = { status?: string; accountId?: string; model?: string; since?: string; search?: string }

/** What the audit log is narrowed to. */
export type AuditFilter = { action?: string; outcome?: string }
export type AuditPage = z.infer<typeof AuditLog>

type AffinityPage = { items: AffinityView[]; nextCursor: string | null }

/** One function per endpoint. All of them throw ApiError. */
export const api = {
  session: () => call<SessionView>('GET', `${auth}/session`),
  setFirstPassword: (body: { password: string; bootstrapToken?: string }) =>
    call<SessionView>('POST', `${auth}/password/setup`, body),
  logIn: (password: string) => call<SessionView>('POST', `${auth}/password/login`, { password }),
  giveCode: (code: string) => call<SessionView>('POST', `${auth}/totp/verify`, { code }),
  logOut: () => call('POST', `${auth}/logout`),
  changePassword: (currentPassword: string, newPassword: string) =>
    call('POST', `${auth}/password/change`, { currentPassword, newPassword }),
  removePassword: (password: string) => call('DELETE', `${auth}/password`, { password }),
  startTotp: () => call<TotpOffer>('POST', `${auth}/totp/setup/start`),
  confirmTotp: (code: string) => call<{ recoveryCodes: string[] }>('POST', `${auth}/totp/setup/confirm`, { code }),
  disableTotp: (code: string) => call('POST', `${auth}/totp/disable`, { code }),
  sessions: () => call<SessionList>('GET', `${auth}/sessions`),
  endSession: (id: string) => call('DELETE', `${auth}/sessions/${encodeURIComponent(id)}`),
  passkeys: () => call<PasskeyList>('GET', `${auth}/passkeys`),
  passkeyChallenge: () => call<object>('POST', `${auth}/passkeys/challenge`),
  logInWithPasskey: (passkey: object) => call<SessionView>('POST', `${auth}/passkeys/login`, { passkey }),
  startPasskey: (proof: { password: string } | { passkey: object }) =>
    call<object>('POST', `${auth}/passkeys/start`, proof),
  addPasskey: (made: { name: string; passkey: object }) => call<PasskeyView>('POST', `${auth}/passkeys`, made),
  renamePasskey: (id: string, name: string) =>
    call<PasskeyView>('PATCH', `${auth}/passkeys/${encodeURIComponent(id)}`, { name }),
  removePasskey: (id: string) => call('DELETE', `${auth}/passkeys/${encodeURIComponent(id)}`),
  viewers: () => call<ViewerAccess>('GET', `${auth}/viewer-password`),
  setViewerPassword: (password: string) => call<ViewerAccess>('PUT', `${auth}/viewer-password`, { password }),
  removeViewerPassword: () => call('DELETE', `${auth}/viewer-password`),
  firewall: () => call<FirewallView>('GET', '/api/firewall'),
  addAddress: (entry: { cidr: string; note: string }) => call('POST', '/api/firewall', entry),
  setFirewall: (change: { mode: Partial<FirewallView['mode']>; force: boolean }) =>
    call<FirewallView>('PATCH', '/api/firewall', change),
  removeAddress: ({ id, force }: { id: string; force: boolean }) =>
    call('DELETE', `/api/firewall/${encodeURIComponent(id)}?force=${force}`),
  auditLog: (filter: AuditFilter, cursor: string | null) =>
    call<AuditPage>('GET', `/api/audit-logs?${query({ ...filter, limit: 20, cursor })}`),
  logOutOthers: () => call<{ ended: number }>('POST', `${auth}/logout-others`),

  overview: (timeframe: Timeframe) => call<Overview>('GET', `/api/dashboard/overview?timeframe=${timeframe}`),
  forecast: () => call<Forecast>('GET', '/api/dashboard/forecast'),
  accounts: () => call<AccountList>('GET', '/api/accounts'),
  trends: (id: string) => call<AccountTrends>('GET', `${account(id)}/trends`),
  pause: (id: string) => call('POST', `${account(id)}/pause`),
  reactivate: (id: string) => call('POST', `${account(id)}/reactivate`),
  remove: (id: string) => call('DELETE', account(id)),
  changeAccount: (id: string, changes: AccountChange) => call<AccountView>('PATCH', account(id), changes),
  statistics: (id: string) => call<AccountStatisticsView>('GET', `${account(id)}/statistics`),
  poolStatistics: () => call<DashboardStatistics>('GET', '/api/dashboard/statistics'),
  resetCredits: (id: string) => call<ResetCreditList>('GET', `${account(id)}/reset-credits`),
  redeem: (id: string, which: { creditId?: string; idempotencyKey?: string }) =>
    call<RedemptionView>('POST', `${account(id)}/reset-credits/redeem`, which),
  affinities: (accountId: string, cursor: string | null) =>
    call<AffinityPage>('GET', `/api/affinities?${query({ accountId, limit: 50, cursor })}`),
  moveAffinities: (fromAccountId: string, toAccountId: string) =>
    call<{ moved: number }>('POST', '/api/affinities/move', { fromAccountId, toAccountId }),
  forgetAffinities: (which: { keys: string[] } | { accountId: string; all: true }) =>
    call<{ purged: number }>('POST', '/api/affinities/purge', which),
  importFiles,
  requests: (filter: RequestFilter, limit: number, cursor: string | null) =>
    call<RequestLog>('GET', `/api/request-logs?${query({ ...filter, limit, cursor })}`),
  request: (id: string) => call<RequestView>('GET', `/api/request-logs/${encodeURIComponent(id)}`),
  apiKeys: () => call<{ items: ApiKeyView[] }>('GET', '/api/api-keys'),
  createApiKey: (body: ApiKeyChange & { name: string }) => call<ApiKeyCreated>('POST', '/api/api-keys', body),
  changeApiKey: (id: string, changes: ApiKeyChange) => call<ApiKeyView>('PATCH', apiKey(id), changes),
  renewApiKey: (id: string) => call<ApiKeyCreated>('POST', `${apiKey(id)}/regenerate`),
  deleteApiKey: (id: string) => call('DELETE', apiKey(id)),
  description: () => call<Description>('GET', '/api/openapi.json'),
  models: () => call<ModelList>('GET', '/api/models'),
  settings: () => call<SettingsView>('GET', '/api/settings'),
  /** `since` in hours ago. */
  whatIf: (ask: { since: number; settings: Partial<SettingsView> }) =>
    call<WhatIfView>('POST', '/api/routing/what-if', ask),
  channels: () => call<{ items: ChannelView[] }>('GET', '/api/notification-channels'),
  addChannel: (body: object) => call<ChannelView>('POST', '/api/notification-channels', body),
  changeChannel: (id: string, change: object) => call<ChannelView>('PATCH', `/api/notification-channels/${id}`, change),
  removeChannel: (id: string) => call('DELETE', `/api/notification-channels/${id}`),
  testChannel: (id: string) => call<ChannelTest>('POST', `/api/notification-channels/${id}/test`),
  modelSources: () => call<ModelSourceList>('GET', '/api/model-sources'),
  addModelSource: (body: object) => call<ModelSourceView>('POST', '/api/model-sources', body),
  changeModelSource: (id: string, change: object) => call<ModelSourceView>('PATCH', modelSource(id), change),
  removeModelSource: (id: string) => call('DELETE', modelSource(id)),
  orderModelSources: (ids: string[]) => call<ModelSourceList>('POST', '/api/model-sources/order', { ids }),
  testModelSource: (id: string) => call<ModelSourceTest>('POST', `${modelSource(id)}/test`),
  sourceModels: (id: string) => call<{ items: string[] }>('GET', `${modelSource(id)}/models`),
  rules: () => call<{ items: RuleView[] }>('GET', '/api/notification-rules'),
  addRule: (body: object) => call<RuleView>('POST', '/api/notification-rules', body),
  changeRule: (id: string, change: object) => call<RuleView>('PATCH', `/api/notification-rules/${id}`, change),
  removeRule: (id: string) => call('DELETE', `/api/notification-rules/${id}`),
  notifications: (cursor: string | null) =>
    call<{ items: NotificationView[]; nextCursor: string | null }>(
      'GET',
      `/api/notifications?${query({ limit: 20, cursor })}`,
    ),
  changeSettings: (changes: Partial<SettingsView>) => call<SettingsView>('PATCH', '/api/settings', changes),
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

function query(values: Record<string, string | number | null | undefined>): URLSearchParams {
  const named = Object.entries(values).flatMap(([name, value]) =>
    value === null || value === undefined || value === '' ? [] : [[name, String(value)]],
  )
  return new URLSearchParams(named)
}

/** @throws ApiError */
async function call<Answer>(method: string, path: string, body?: FormData | object): Promise<Answer> {
  let response: Response
  try {
    response = await fetch(path, { method, ...sent(body) })
  } catch {
    // A browser does not tell why a request did not get through.
    throw new ApiError('unreachable', t('error.unreachable'))
  }
  const json: unknown = await response.json().catch(() => null)
  // The server checks what it sends against the schemas that these types come from.
  if (response.ok) return json as Answer
  const said = (json as { error?: { code: string; message: string; details?: FieldFault[] } } | null)?.error
  const wait = Number(response.headers.get('retry-after') ?? Number.NaN)
  throw new ApiError(
    said?.code ?? String(response.status),
    said?.message ?? t('error.status', { status: response.status }),
    {
      status: response.status,
      requestId: response.headers.get('x-request-id'),
      faults: said?.details ?? [],
      retryAfterSeconds: Number.isFinite(wait) ? wait : null,
    },
  )
}

function sent(body: FormData | object | undefined): RequestInit {
  if (body === undefined) return {}
  if (body instanceof FormData) return { body }
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}

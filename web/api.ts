import type { z } from 'zod'
import type { AccountChange, ImportItem } from '../src/contract/accounts.ts'
import type { ApiKeyChange } from '../src/contract/api-keys.ts'
import type { AuditLog } from '../src/contract/audit.ts'
import type { EgressProxyChange, EgressProxyInput } from '../src/contract/egress.ts'
import type { FirewallView } from '../src/contract/firewall.ts'
import type { Timeframe } from '../src/contract/overview.ts'
import type { SettingsGroupView, SettingsView } from '../src/contract/settings.ts'
import { ApiError, type BodyOf, call, callWhole, type FieldFault } from './call.ts'
import type { Description } from './parts/api/description.ts'

/** What a page of the request log is asked for. */
export type RequestFilter = { status?: string; accountId?: string; model?: string; since?: string; search?: string }

/** What the audit log is narrowed to. */
export type AuditFilter = { action?: string; outcome?: string }
export type AuditPage = z.infer<typeof AuditLog>

/** One function per endpoint. All of them throw ApiError. */
export const api = {
  session: () => call('GET /api/dashboard-auth/session'),
  setFirstPassword: (body: { password: string; bootstrapToken?: string }) =>
    call('POST /api/dashboard-auth/password/setup', { body }),
  logIn: (password: string) => call('POST /api/dashboard-auth/password/login', { body: { password } }),
  giveCode: (code: string) => call('POST /api/dashboard-auth/totp/verify', { body: { code } }),
  logOut: () => call('POST /api/dashboard-auth/logout'),
  changePassword: (currentPassword: string, newPassword: string) =>
    call('POST /api/dashboard-auth/password/change', { body: { currentPassword, newPassword } }),
  removePassword: (password: string) => call('DELETE /api/dashboard-auth/password', { body: { password } }),
  startTotp: () => call('POST /api/dashboard-auth/totp/setup/start'),
  confirmTotp: (code: string) => call('POST /api/dashboard-auth/totp/setup/confirm', { body: { code } }),
  disableTotp: (code: string) => call('POST /api/dashboard-auth/totp/disable', { body: { code } }),
  sessions: () => call('GET /api/dashboard-auth/sessions'),
  endSession: (id: string) => call('DELETE /api/dashboard-auth/sessions/:id', { params: { id } }),
  passkeys: () => call('GET /api/dashboard-auth/passkeys'),
  passkeyChallenge: () => call('POST /api/dashboard-auth/passkeys/challenge'),
  logInWithPasskey: (passkey: BodyOf<'POST /api/dashboard-auth/passkeys/login'>['passkey']) =>
    call('POST /api/dashboard-auth/passkeys/login', { body: { passkey } }),
  startPasskey: (proof: BodyOf<'POST /api/dashboard-auth/passkeys/start'>) =>
    call('POST /api/dashboard-auth/passkeys/start', { body: proof }),
  addPasskey: (made: BodyOf<'POST /api/dashboard-auth/passkeys'>) =>
    call('POST /api/dashboard-auth/passkeys', { body: made }),
  renamePasskey: (id: string, name: string) =>
    call('PATCH /api/dashboard-auth/passkeys/:id', { params: { id }, body: { name } }),
  removePasskey: (id: string) => call('DELETE /api/dashboard-auth/passkeys/:id', { params: { id } }),
  viewers: () => call('GET /api/dashboard-auth/viewer-password'),
  setViewerPassword: (password: string) => call('PUT /api/dashboard-auth/viewer-password', { body: { password } }),
  removeViewerPassword: () => call('DELETE /api/dashboard-auth/viewer-password'),
  firewall: () => call('GET /api/firewall'),
  addAddress: (entry: { cidr: string; note: string }) => call('POST /api/firewall', { body: entry }),
  setFirewall: (change: { mode: Partial<FirewallView['mode']>; force: boolean }) =>
    call('PATCH /api/firewall', { body: change }),
  removeAddress: ({ id, force }: { id: string; force: boolean }) =>
    call('DELETE /api/firewall/:id', { params: { id }, query: { force } }),
  auditLog: (filter: AuditFilter, cursor: string | null) =>
    call('GET /api/audit-logs', { query: { ...filter, limit: 20, cursor } }),
  logOutOthers: () => call('POST /api/dashboard-auth/logout-others'),

  overview: (timeframe: Timeframe) => call('GET /api/dashboard/overview', { query: { timeframe } }),
  forecast: () => call('GET /api/dashboard/forecast'),
  accounts: () => call('GET /api/accounts'),
  trends: (id: string) => call('GET /api/accounts/:id/trends', { params: { id } }),
  pause: (id: string) => call('POST /api/accounts/:id/pause', { params: { id } }),
  reactivate: (id: string) => call('POST /api/accounts/:id/reactivate', { params: { id } }),
  remove: (id: string) => call('DELETE /api/accounts/:id', { params: { id } }),
  changeAccount: (id: string, changes: AccountChange) =>
    call('PATCH /api/accounts/:id', { params: { id }, body: changes }),
  statistics: (id: string) => call('GET /api/accounts/:id/statistics', { params: { id } }),
  poolStatistics: () => call('GET /api/dashboard/statistics'),
  resetCredits: (id: string) => call('GET /api/accounts/:id/reset-credits', { params: { id } }),
  redeem: (id: string, which: { creditId?: string; idempotencyKey?: string }) =>
    call('POST /api/accounts/:id/reset-credits/redeem', { params: { id }, body: which }),
  affinities: (accountId: string, cursor: string | null) =>
    call('GET /api/affinities', { query: { accountId, limit: 50, cursor } }),
  moveAffinities: (fromAccountId: string, toAccountId: string) =>
    call('POST /api/affinities/move', { body: { fromAccountId, toAccountId } }),
  forgetAffinities: (which: { keys: string[] } | { accountId: string; all: true }) =>
    call('POST /api/affinities/purge', { body: which }),
  importFiles,
  signIns: () => call('GET /api/sign-ins'),
  signIn: (id: string) => call('GET /api/sign-ins/:id', { params: { id } }),
  startSignIn: (body: BodyOf<'POST /api/sign-ins'>) => call('POST /api/sign-ins', { body }),
  pasteCallback: (id: string, callbackUrl: string) =>
    call('POST /api/sign-ins/:id/callback', { params: { id }, body: { callbackUrl } }),
  cancelSignIn: (id: string) => call('DELETE /api/sign-ins/:id', { params: { id } }),
  probe: (id: string) => call('POST /api/accounts/:id/probe', { params: { id }, body: {} }),
  warmUp: () => call('POST /api/accounts/warm-up', { body: {} }),
  exportAccount,
  requests: (filter: RequestFilter, limit: number, cursor: string | null) =>
    call('GET /api/request-logs', { query: { ...filter, limit, cursor } }),
  request: (id: string) => call('GET /api/request-logs/:id', { params: { id } }),
  apiKeys: () => call('GET /api/api-keys'),
  createApiKey: (body: ApiKeyChange & { name: string }) => call('POST /api/api-keys', { body }),
  changeApiKey: (id: string, changes: ApiKeyChange) =>
    call('PATCH /api/api-keys/:id', { params: { id }, body: changes }),
  renewApiKey: (id: string) => call('POST /api/api-keys/:id/regenerate', { params: { id } }),
  deleteApiKey: (id: string) => call('DELETE /api/api-keys/:id', { params: { id } }),
  /** OpenAPI has no type of ours. */
  description: async () => (await call('GET /api/openapi.json')) as unknown as Description,
  models: () => call('GET /api/models'),
  settings: () => call('GET /api/settings'),
  /** `since` in hours ago. */
  whatIf: (ask: { since: number; settings: Partial<SettingsView> }) => call('POST /api/routing/what-if', { body: ask }),
  channels: () => call('GET /api/notification-channels'),
  addChannel: (body: BodyOf<'POST /api/notification-channels'>) => call('POST /api/notification-channels', { body }),
  changeChannel: (id: string, change: BodyOf<'PATCH /api/notification-channels/:id'>) =>
    call('PATCH /api/notification-channels/:id', { params: { id }, body: change }),
  removeChannel: (id: string) => call('DELETE /api/notification-channels/:id', { params: { id } }),
  testChannel: (id: string) => call('POST /api/notification-channels/:id/test', { params: { id } }),
  modelSources: () => call('GET /api/model-sources'),
  addModelSource: (body: BodyOf<'POST /api/model-sources'>) => call('POST /api/model-sources', { body }),
  changeModelSource: (id: string, change: BodyOf<'PATCH /api/model-sources/:id'>) =>
    call('PATCH /api/model-sources/:id', { params: { id }, body: change }),
  removeModelSource: (id: string) => call('DELETE /api/model-sources/:id', { params: { id } }),
  orderModelSources: (ids: string[]) => call('POST /api/model-sources/order', { body: { ids } }),
  testModelSource: (id: string) => call('POST /api/model-sources/:id/test', { params: { id } }),
  sourceModels: (id: string) => call('GET /api/model-sources/:id/models', { params: { id } }),
  rules: () => call('GET /api/notification-rules'),
  addRule: (body: BodyOf<'POST /api/notification-rules'>) => call('POST /api/notification-rules', { body }),
  changeRule: (id: string, change: BodyOf<'PATCH /api/notification-rules/:id'>) =>
    call('PATCH /api/notification-rules/:id', { params: { id }, body: change }),
  removeRule: (id: string) => call('DELETE /api/notification-rules/:id', { params: { id } }),
  notifications: (cursor: string | null) => call('GET /api/notifications', { query: { limit: 20, cursor } }),
  changeSettings: (changes: Partial<SettingsView>) => call('PATCH /api/settings', { body: changes }),
  settingsGroup: (group: SettingsGroupView['group']) => call('GET /api/settings/groups/:group', { params: { group } }),
  /** With the version that the change was made against. */
  changeSettingsGroup: (
    group: SettingsGroupView['group'],
    changes: Partial<SettingsView> & { expectedVersion: number },
  ) => call('PATCH /api/settings/groups/:group', { params: { group }, body: changes }),
  egressProxies: () => call('GET /api/egress-proxies'),
  addEgressProxy: (body: EgressProxyInput) => call('POST /api/egress-proxies', { body }),
  changeEgressProxy: (id: string, body: EgressProxyChange) =>
    call('PATCH /api/egress-proxies/:id', { params: { id }, body }),
  removeEgressProxy: (id: string) => call('DELETE /api/egress-proxies/:id', { params: { id } }),
  testEgressProxy: (id: string) => call('POST /api/egress-proxies/:id/test', { params: { id } }),
  egressPools: () => call('GET /api/egress-pools'),
  addEgressPool: (body: { name: string; memberIds: string[] }) => call('POST /api/egress-pools', { body }),
  changeEgressPool: (id: string, body: { name: string; memberIds: string[] }) =>
    call('PATCH /api/egress-pools/:id', { params: { id }, body }),
  removeEgressPool: (id: string) => call('DELETE /api/egress-pools/:id', { params: { id } }),
}

export type Imported = Pick<ImportItem, 'file' | 'outcome' | 'email' | 'planType'> & { message: string | null }

/** What became of each file. An upload in which every file was refused is an ordinary outcome too. */
async function importFiles(files: readonly File[]): Promise<Imported[]> {
  const form = new FormData()
  for (const file of files) form.append('auth_json', file, file.name)
  try {
    const { items } = await call('POST /api/accounts/import', { body: form })
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

/** The file that another program reads, and its name. */
async function exportAccount(id: string, asked: BodyOf<'POST /api/accounts/:id/export'>) {
  const { answer, headers } = await callWhole('POST /api/accounts/:id/export', { params: { id }, body: asked })
  const file = /filename="([^"]+)"/.exec(headers.get('content-disposition') ?? '')?.[1] ?? 'auth.json'
  return { file, text: `${JSON.stringify(answer, null, 2)}\n` }
}

function described({ path, message }: FieldFault): string {
  return path === '' ? message : `${message} (${path})`
}

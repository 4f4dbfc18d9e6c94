import type { Logins } from '../accounts/login/logins.ts'
import type { Pool } from '../accounts/pool.ts'
import { SignInCallback, SignInList, SignInParams, SignInStart, SignInView } from '../contract/sign-ins.ts'
import type { LoginFlow } from '../domain/login.ts'
import { AppError } from '../errors.ts'
import { devicePage } from '../upstream/login.ts'
import { iso } from './account-views.ts'
import { route } from './route.ts'

export type SignInsDeps = { logins: Logins; pool: Pool; authBaseUrl: string }

const base = '/api/sign-ins'
/** The sign-in server may take its time, and a spent code must not be left without its outcome. */
const exchangeDeadlineMs = 60_000

/** Adding accounts, and renewing their logins, by signing in with ChatGPT. */
export function signInRoutes({ logins, pool, authBaseUrl }: SignInsDeps) {
  const params = SignInParams
  const view = (flow: LoginFlow): SignInView => viewOf(flow, logins, authBaseUrl)
  return [
    route(
      {
        method: 'POST',
        path: base,
        access: 'admin',
        audit: 'sign_in.start',
        status: 201,
        summary: 'Begin a sign-in with ChatGPT, in a browser or with a code',
        body: SignInStart,
        answer: SignInView,
      },
      async ({ body: { method, accountId = null }, request, audit }) => {
        if (accountId !== null && pool.get(accountId) === null) throw new AppError('account_not_found')
        const by = request.principal?.actor ?? { kind: 'system', name: null, address: null }
        const flow = await logins.start({ method, accountId, by })
        audit({ target: { kind: 'sign_in', id: flow.id }, after: { method, accountId } })
        return view(flow)
      },
    ),
    route(
      {
        method: 'GET',
        path: base,
        access: 'admin',
        summary: 'Sign-ins that are under way, and those of the last day, newest first',
        answer: SignInList,
      },
      async () => ({ items: (await logins.list()).map(view), nextCursor: null }),
    ),
    route(
      { method: 'GET', path: `${base}/:id`, access: 'admin', summary: 'One sign-in', params, answer: SignInView },
      async ({ params: { id } }) => {
        const flow = await logins.get(id)
        if (flow === null) throw new AppError('sign_in_not_found')
        return view(flow)
      },
    ),
    route(
      {
        method: 'POST',
        path: `${base}/:id/callback`,
        access: 'admin',
        audit: 'sign_in.callback',
        summary: 'Finish a sign-in with the address that the browser ended on',
        params,
        body: SignInCallback,
        answer: SignInView,
        deadlineMs: exchangeDeadlineMs,
      },
      async ({ params: { id }, body: { callbackUrl }, audit }) => {
        const flow = await logins.paste(id, callbackUrl)
        audit({ after: { status: flow.status } })
        return view(flow)
      },
    ),
    route(
      {
        method: 'DELETE',
        path: `${base}/:id`,
        access: 'admin',
        audit: 'sign_in.cancel',
        status: 204,
        summary: 'Give a sign-in up',
        params,
        answer: undefined,
      },
      async ({ params: { id } }) => logins.cancel(id),
    ),
  ]
}

function viewOf(flow: LoginFlow, logins: Logins, authBaseUrl: string): SignInView {
  const { id, method, status, accountId, createdAtMs, expiresAtMs, intervalMs, secrets, result, fault } = flow
  const { isActive, problem } = logins.listener()
  const isWaiting = status === 'pending'
  const addresses = isWaiting ? logins.addressesOf(flow) : null
  const userCode = isWaiting && secrets?.method === 'device' ? secrets.userCode.reveal() : null
  return {
    ...{ id, method, status, accountId, createdAt: iso(createdAtMs), expiresAt: iso(expiresAtMs) },
    authorizationUrl: addresses?.authorizationUrl ?? null,
    callbackUrl: addresses?.callbackUrl ?? null,
    listenerActive: addresses !== null && isActive,
    listenerProblem: addresses === null ? null : problem,
    verificationUrl: userCode === null ? null : devicePage(authBaseUrl),
    userCode,
    intervalSeconds: userCode === null || intervalMs === null ? null : intervalMs / 1_000,
    result: result && {
      ...{ accountId: result.accountId, email: result.email, planType: result.plan, outcome: result.outcome },
    },
    error: fault,
  }
}

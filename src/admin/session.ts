import '@fastify/cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Caller, NewCookie, SignIn } from '../auth/sign-in.ts'
import {
  Done,
  PasswordChange,
  PasswordLogin,
  PasswordRemoval,
  PasswordSetup,
  RecoveryCodes,
  SessionList,
  SessionView,
  SignedOut,
  TotpCode,
  TotpOffer,
} from '../contract/session.ts'
import { iso } from './account-views.ts'
import { cookieName } from './caller.ts'
import { qrDataUri } from './qr.ts'
import { type AnyRoute, route } from './route.ts'

export type SessionDeps = {
  signIn: SignIn
  callerOf: (request: FastifyRequest) => Caller
  /** True when the browser came by https, here or at a trusted proxy. */
  isSecure: (request: FastifyRequest) => boolean
  onPasswordRemoved: () => Promise<void>
  version: string
  demo: boolean
}

const base = '/api/dashboard-auth'
const done = { status: 'ok' } as const

/** Everything about getting in and out of the dashboard. */
export function sessionRoutes(deps: SessionDeps): AnyRoute[] {
  const { signIn, callerOf, isSecure, version, demo } = deps
  const settings = (request: FastifyRequest) => ({
    path: '/',
    httpOnly: true,
    sameSite: 'lax' as const,
    secure: isSecure(request),
  })
  const give = (request: FastifyRequest, reply: FastifyReply, { token, expiresAtMs }: NewCookie) => {
    reply.setCookie(cookieName, token, { ...settings(request), expires: new Date(expiresAtMs) })
    return view({ ...callerOf(request), token })
  }
  const clear = (request: FastifyRequest, reply: FastifyReply) => {
    reply.clearCookie(cookieName, settings(request))
    return done
  }
  const view = async (caller: Caller): Promise<SessionView> => {
    const standing = await signIn.standing(caller)
    const state = await signIn.state()
    const isIn = standing.kind === 'signed_in' || standing.kind === 'open'
    const session = 'session' in standing ? standing.session : null
    return {
      authenticated: isIn,
      passwordRequired: state.passwordHash !== null,
      totpRequiredOnLogin: standing.kind === 'owes_code',
      // Whoever is not in learns only what the sign-in page has to ask.
      totpConfigured: isIn && state.totpSecret !== null,
      recoveryCodesLeft: isIn ? state.recoveryCodesLeft : 0,
      bootstrapRequired: standing.kind === 'stranger' && standing.needs === 'bootstrap',
      passwordSessionActive: standing.kind === 'signed_in',
      expiresAt: session && iso(session.expiresAtMs),
      version,
      demo,
    }
  }

  return [
    route(
      {
        method: 'GET',
        path: `${base}/session`,
        access: 'public',
        summary: 'How this browser stands',
        answer: SessionView,
      },
      ({ request }) => view(callerOf(request)),
    ),
    route(
      {
        method: 'POST',
        path: `${base}/password/setup`,
        access: 'door',
        summary: 'Set the first password',
        body: PasswordSetup,
        answer: SessionView,
      },
      async ({ request, reply, body }) =>
        give(
          request,
          reply,
          await signIn.setFirstPassword(callerOf(request), body.password, body.bootstrapToken ?? null),
        ),
    ),
    route(
      {
        method: 'POST',
        path: `${base}/password/login`,
        access: 'door',
        summary: 'Sign in',
        body: PasswordLogin,
        answer: SessionView,
      },
      async ({ request, reply, body }) => give(request, reply, await signIn.logIn(callerOf(request), body.password)),
    ),
    route(
      {
        method: 'POST',
        path: `${base}/totp/verify`,
        access: 'door',
        summary: 'Give the code that is owed',
        body: TotpCode,
        answer: SessionView,
      },
      async ({ request, reply, body }) => give(request, reply, await signIn.giveCode(callerOf(request), body.code)),
    ),
    route(
      { method: 'POST', path: `${base}/logout`, access: 'door', summary: 'Sign out', answer: Done },
      async ({ request, reply }) => {
        await signIn.logOut(callerOf(request))
        return clear(request, reply)
      },
    ),
    route(
      {
        method: 'POST',
        path: `${base}/password/change`,
        access: 'admin',
        audit: 'password.change',
        summary: 'Change the password; other sessions end',
        body: PasswordChange,
        answer: Done,
      },
      async ({ request, body }) => {
        await signIn.changePassword(callerOf(request), body.currentPassword, body.newPassword)
        return done
      },
    ),
    route(
      {
        method: 'DELETE',
        path: `${base}/password`,
        access: 'admin',
        audit: 'password.remove',
        summary: 'Remove password and second factor',
        body: PasswordRemoval,
        answer: Done,
      },
      async ({ request, reply, body }) => {
        await signIn.removePassword(callerOf(request), body.password)
        await deps.onPasswordRemoved()
        return clear(request, reply)
      },
    ),
    route(
      {
        method: 'POST',
        path: `${base}/totp/setup/start`,
        access: 'admin',
        audit: null,
        summary: 'Offer a secret for an authenticator app',
        answer: TotpOffer,
      },
      async ({ request }) => {
        const { secret, uri } = await signIn.startTotp(callerOf(request))
        return { secret: secret.reveal(), otpauthUri: uri, qrSvgDataUri: await qrDataUri(uri) }
      },
    ),
    route(
      {
        method: 'POST',
        path: `${base}/totp/setup/confirm`,
        access: 'admin',
        audit: 'second_factor.enable',
        summary: 'Switch the second factor on',
        body: TotpCode,
        answer: RecoveryCodes,
      },
      async ({ request, body }) => ({ recoveryCodes: await signIn.confirmTotp(callerOf(request), body.code) }),
    ),
    route(
      {
        method: 'POST',
        path: `${base}/totp/disable`,
        access: 'admin',
        audit: 'second_factor.disable',
        summary: 'Switch the second factor off',
        body: TotpCode,
        answer: Done,
      },
      async ({ request, body }) => {
        await signIn.disableTotp(callerOf(request), body.code)
        return done
      },
    ),
    route(
      {
        method: 'GET',
        path: `${base}/sessions`,
        access: 'admin',
        summary: 'Browsers that are signed in',
        answer: SessionList,
      },
      async ({ request }) => {
        const all = await signIn.sessions(callerOf(request))
        const items = all.map(({ session, isCurrent }) => ({
          // Enough to tell two apart, useless as a cookie.
          id: session.idHash.slice(0, 12),
          current: isCurrent,
          createdAt: iso(session.createdAtMs),
          lastSeenAt: iso(session.lastSeenAtMs),
          expiresAt: iso(session.expiresAtMs),
          userAgent: session.userAgent,
          address: session.address,
        }))
        return { items, nextCursor: null }
      },
    ),
    route(
      {
        method: 'POST',
        path: `${base}/logout-others`,
        access: 'admin',
        audit: 'session.end_others',
        summary: 'End every other session',
        answer: SignedOut,
      },
      async ({ request }) => ({ ...done, ended: await signIn.logOutOthers(callerOf(request)) }),
    ),
  ]
}

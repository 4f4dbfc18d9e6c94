import { shortIdOf } from '../auth/sign-in.ts'
import { SessionList, SessionParams, SignedOut, ViewerAccess, ViewerPassword } from '../contract/session.ts'
import type { Session } from '../domain/session.ts'
import { AppError } from '../errors.ts'
import { iso } from './account-views.ts'
import { route } from './route.ts'
import { base, type SessionDeps } from './session.ts'

/** Who is signed in, and who may look without changing anything. */
export function sessionListRoutes({ signIn, callerOf }: Pick<SessionDeps, 'signIn' | 'callerOf'>) {
  const viewerPath = `${base}/viewer-password`
  return [
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
        const items = all.map(({ session, isCurrent }) => ({ ...sessionView(session), current: isCurrent }))
        return { items, nextCursor: null }
      },
    ),
    route(
      {
        method: 'DELETE',
        path: `${base}/sessions/:id`,
        access: 'admin',
        audit: 'session.end',
        summary: 'End a session',
        params: SessionParams,
        answer: null,
        status: 204,
      },
      async ({ request, params, audit }) => {
        const ended = await signIn.endSession(callerOf(request), params.id)
        if (ended === null) throw new AppError('session_not_found')
        const { role, method, userAgent, address } = ended
        audit({ before: { role, method, userAgent, address } })
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
      async ({ request, audit }) => {
        const ended = await signIn.logOutOthers(callerOf(request))
        audit({ after: { ended } })
        return { status: 'ok' as const, ended }
      },
    ),
    route(
      {
        method: 'GET',
        path: viewerPath,
        access: 'admin',
        summary: 'Whether there is a password for viewers',
        answer: ViewerAccess,
      },
      async () => ({ passwordSet: (await signIn.state()).viewerPasswordHash !== null }),
    ),
    route(
      {
        method: 'PUT',
        path: viewerPath,
        access: 'admin',
        audit: 'viewer_password.set',
        summary: 'Set the password with which viewers sign in; their sessions end',
        body: ViewerPassword,
        answer: ViewerAccess,
      },
      async ({ request, body, audit }) => {
        const had = (await signIn.state()).viewerPasswordHash !== null
        await signIn.setViewerPassword(callerOf(request), body.password)
        audit({ before: { passwordSet: had }, after: { passwordSet: true } })
        return { passwordSet: true }
      },
    ),
    route(
      {
        method: 'DELETE',
        path: viewerPath,
        access: 'admin',
        audit: 'viewer_password.remove',
        summary: 'Let no viewers in any more; their sessions end',
        answer: null,
        status: 204,
      },
      async ({ request, audit }) => {
        const had = (await signIn.state()).viewerPasswordHash !== null
        await signIn.setViewerPassword(callerOf(request), null)
        audit({ before: { passwordSet: had }, after: { passwordSet: false } })
      },
    ),
  ]
}

function sessionView(session: Session) {
  const { role, method, level, createdAtMs, lastSeenAtMs, expiresAtMs, userAgent, address } = session
  return {
    id: shortIdOf(session),
    ...{ role, method, userAgent, address },
    pending: level !== 'full',
    createdAt: iso(createdAtMs),
    lastSeenAt: iso(lastSeenAtMs),
    expiresAt: iso(expiresAtMs),
  }
}

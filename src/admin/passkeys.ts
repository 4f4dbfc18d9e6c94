import type { FastifyRequest } from 'fastify'
import {
  PasskeyCreate,
  PasskeyList,
  PasskeyLogin,
  PasskeyOptions,
  PasskeyParams,
  PasskeyRename,
  PasskeyStart,
  PasskeyView,
} from '../contract/passkeys.ts'
import { SessionView } from '../contract/session.ts'
import type { Passkey } from '../domain/passkey.ts'
import { AppError } from '../errors.ts'
import { iso } from './account-views.ts'
import { route } from './route.ts'
import { base, type Cookies, type SessionDeps } from './session.ts'

/** Passkeys: sign in with one, add, rename and remove them. */
export function passkeyRoutes(
  { signIn, callerOf, siteOf }: Pick<SessionDeps, 'signIn' | 'callerOf' | 'siteOf'>,
  { give, actorOf }: Cookies,
) {
  const { passkeys } = signIn
  const path = `${base}/passkeys`
  return [
    route(
      {
        method: 'POST',
        path: `${path}/challenge`,
        access: 'door',
        audit: null,
        summary: 'What the browser asks an authenticator, to sign in or to show again who is there',
        answer: PasskeyOptions,
      },
      async ({ request }) => ({ ...(await passkeys.challenge(callerOf(request), siteOf(request))) }),
    ),
    route(
      {
        method: 'POST',
        path: `${path}/login`,
        access: 'door',
        audit: 'session.sign_in',
        summary: 'Sign in with a passkey, alone or in place of the code that is owed',
        body: PasskeyLogin,
        answer: SessionView,
      },
      async ({ request, reply, body, audit }) => {
        audit({ after: { method: 'passkey' } })
        const cookie = await passkeys.signIn(callerOf(request), assertion(body.passkey))
        const { passkey, session } = cookie
        const target = { kind: 'passkey', id: passkey.id }
        audit({ actor: actorOf(request, cookie), target, after: { method: 'passkey', role: session.role } })
        return give(request, reply, cookie)
      },
    ),
    route(
      { method: 'GET', path, access: 'admin', summary: 'The passkeys', answer: PasskeyList },
      async ({ request }) => {
        const here = siteHere(request, siteOf)
        const items = (await passkeys.list()).map((passkey) => passkeyView(passkey, here.rpId))
        return { items, nextCursor: null, unavailable: here.why }
      },
    ),
    route(
      {
        method: 'POST',
        path: `${path}/start`,
        access: 'admin',
        audit: 'passkey.start',
        summary: 'Show again who is there, and get what the browser asks a new authenticator',
        body: PasskeyStart,
        answer: PasskeyOptions,
      },
      async ({ request, body: { password, passkey }, audit }) => {
        // Nothing is changed yet; a wrong proof is noted all the same.
        audit({ nothing: true, after: { method: passkey === undefined ? 'password' : 'passkey' } })
        const proof = passkey === undefined ? { password: password ?? '' } : { passkey: assertion(passkey) }
        return { ...(await passkeys.startAdding(callerOf(request), siteOf(request), proof)) }
      },
    ),
    route(
      {
        method: 'POST',
        path,
        access: 'admin',
        audit: 'passkey.add',
        summary: 'Add the passkey that the authenticator has made',
        body: PasskeyCreate,
        answer: PasskeyView,
        status: 201,
      },
      async ({ request, body, audit }) => {
        const { response, ...rest } = body.passkey
        type Transports = NonNullable<Parameters<typeof passkeys.add>[2]['response']['transports']>
        const attestation = { ...rest, response: { ...response, transports: response.transports as Transports } }
        const passkey = await passkeys.add(callerOf(request), body.name, withoutAttachment(attestation))
        const { id, name, rpId: host } = passkey
        audit({ target: { kind: 'passkey', id }, after: { name, host } })
        return passkeyView(passkey, siteOf(request).rpId)
      },
    ),
    route(
      {
        method: 'PATCH',
        path: `${path}/:id`,
        access: 'admin',
        audit: 'passkey.rename',
        summary: 'Call a passkey something else',
        params: PasskeyParams,
        body: PasskeyRename,
        answer: PasskeyView,
      },
      async ({ request, params: { id }, body: { name }, audit }) => {
        const before = (await passkeys.list()).find((one) => one.id === id)
        const passkey = await passkeys.rename(id, name)
        audit({ before: { name: before?.name ?? null }, after: { name } })
        return passkeyView(passkey, siteHere(request, siteOf).rpId)
      },
    ),
    route(
      {
        method: 'DELETE',
        path: `${path}/:id`,
        access: 'admin',
        audit: 'passkey.remove',
        summary: 'Remove a passkey; the password stays',
        params: PasskeyParams,
        answer: null,
        status: 204,
      },
      async ({ params: { id }, audit }) => {
        const { name, rpId: host } = await passkeys.remove(id)
        audit({ before: { name, host } })
      },
    ),
  ]
}

/** Where the browser is, as far as passkeys go; or why there are none. */
function siteHere(request: FastifyRequest, siteOf: SessionDeps['siteOf']) {
  try {
    return { rpId: siteOf(request).rpId, why: null }
  } catch (error) {
    if (error instanceof AppError) return { rpId: null, why: error.message }
    throw error
  }
}

function passkeyView({ id, name, rpId, backedUp, createdAtMs, lastUsedAtMs }: Passkey, here: string | null) {
  return {
    ...{ id, name, host: rpId, worksHere: rpId === here, backedUp },
    createdAt: iso(createdAtMs),
    lastUsedAt: lastUsedAtMs === null ? null : iso(lastUsedAtMs),
  }
}

type Assertion = Parameters<SessionDeps['signIn']['passkeys']['signIn']>[1]

/** The library's type wants absent fields to be absent. */
function assertion({
  response: { userHandle, ...response },
  ...rest
}: {
  id: string
  rawId: string
  type: 'public-key'
  authenticatorAttachment?: string | undefined
  clientExtensionResults: object
  response: {
    clientDataJSON: string
    authenticatorData: string
    signature: string
    userHandle?: string | null | undefined
  }
}): Assertion {
  return { ...withoutAttachment(rest), response: { ...response, ...(userHandle ? { userHandle } : {}) } }
}

/** How the authenticator is attached is not used. */
function withoutAttachment<T extends { authenticatorAttachment?: string | undefined }>(credential: T) {
  const { authenticatorAttachment: _, ...rest } = credential
  return rest
}

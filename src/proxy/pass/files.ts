import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { AppError } from '../../errors.ts'
import { faultSentence, fieldFaults } from '../../lib/field-faults.ts'
import { parseBody } from '../normalize.ts'
import type { Answered, Call, Pass, PassDeps, Told } from './call.ts'
import { callAccount } from './call-account.ts'
import { minimalHeaders, toldHeaders } from './call-headers.ts'
import { addRawRoutes, withBody } from './raw-routes.ts'
import { servePass } from './serve-pass.ts'

const maxFileBytes = 536_870_912
const deadlineMs = 60_000
const limits = { bodyBytes: 64 * 1024, heldBytes: 4 * 1024 * 1024, deadlineMs }

const Registration = z.looseObject({
  file_name: z.string().min(1).max(1_024),
  file_size: z.int().min(1).max(maxFileBytes),
  use_case: z.string().min(1).max(100).default('codex'),
})
const Registered = z.object({ file_id: z.string().min(1).max(256) })

/** Files for turns (protocol reference, §10). Their bytes never come this way: the upstream names where they go. */
export function addFileRoutes(app: FastifyInstance, deps: PassDeps): void {
  const registering = { route: '/backend-api/files', isNative: true, counts: true }
  const finishing = { route: '/backend-api/files/:id/uploaded', isNative: true }
  addRawRoutes(app, limits, [
    {
      method: 'POST',
      url: registering.route,
      handle: (request, reply, bodies) =>
        servePass(request, reply, registering, deps, (pass) =>
          withBody(bodies, request, (bytes) => register(pass, registrationOf(bytes), deps)),
        ),
    },
    {
      method: 'POST',
      url: finishing.route,
      handle: (request, reply, bodies) =>
        servePass(request, reply, finishing, deps, (pass) => {
          // The route has such a parameter.
          const { id } = request.params as { id: string }
          return withBody(bodies, request, (bytes) => finish(pass, id, bytes, deps))
        }),
    },
  ])
}

/** @throws AppError naming each field at fault */
function registrationOf(bytes: Buffer): object {
  const parsed = Registration.safeParse(parseBody(bytes))
  if (parsed.success) return parsed.data
  const [first] = fieldFaults(parsed.error)
  const param = first?.path
  throw new AppError('invalid_request', { message: faultSentence(first ? [first] : []), ...(param ? { param } : {}) })
}

async function register(pass: Pass, registration: object, deps: PassDeps): Promise<Told> {
  const body = Buffer.from(JSON.stringify(registration))
  const answered = await callAccount(pass, { ...call(pass, body, deps), path: '/files', ownerId: null }, deps)
  const own = (id: string, accountId: string) => deps.affinity.own({ kind: 'file', id }, accountId, pass.guest.key?.id)
  const registered = Registered.safeParse(jsonOf(answered))
  if (registered.success) own(registered.data.file_id, answered.accountId)
  return told(answered)
}

/** The client asks again while the answer is to be asked again. */
async function finish(pass: Pass, id: string, bytes: Buffer, deps: PassDeps): Promise<Told> {
  const ownerId = /^[\w.:-]{1,256}$/.test(id)
    ? await deps.affinity.owner({ kind: 'file', id }, pass.guest.key?.id)
    : null
  if (ownerId === null) throw new AppError('file_not_found')
  const body = bytes.length === 0 ? Buffer.from('{}') : bytes
  const path = `/files/${encodeURIComponent(id)}/uploaded`
  const answered = await callAccount(pass, { ...call(pass, body, deps), path, ownerId }, deps)
  deps.affinity.own({ kind: 'file', id }, ownerId, pass.guest.key?.id)
  return told(answered)
}

function call(pass: Pass, body: Buffer, { version }: PassDeps): Omit<Call, 'path' | 'ownerId'> {
  return {
    ...{ method: 'POST', body, deadlineMs },
    headersFor: (identity) => ({
      ...minimalHeaders(pass, identity, version),
      ...{ accept: 'application/json', 'content-type': 'application/json' },
    }),
  }
}

function told({ status, headers, body }: Answered): Told {
  return { status, headers: toldHeaders(headers), body }
}

function jsonOf({ body }: Answered): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    // Passed on as it came; there is no file to remember.
    return null
  }
}

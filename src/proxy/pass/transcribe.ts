import type { FastifyInstance } from 'fastify'
import { AppError } from '../../errors.ts'
import { checkModel } from '../key-rules.ts'
import type { Answered, Pass, PassDeps, Told } from './call.ts'
import { callAccount } from './call-account.ts'
import { minimalHeaders, toldHeaders } from './call-headers.ts'
import { fieldOf, fileOf, readForm, writtenForm } from './multipart.ts'
import { addRawRoutes, withBody } from './raw-routes.ts'
import { type PassRules, servePass } from './serve-pass.ts'
import { answerAs, checkTranscription, transcriptionModel } from './transcription.ts'

const maxFileBytes = 25 * 1024 * 1024
/** A form is a little larger than its file. */
const bodyBytes = maxFileBytes + 64 * 1024
const deadlineMs = 120_000
/** Recordings are held in memory, for a try on another account: so many at a time. */
const maxAtOnce = 4

const counted = { counts: true, model: transcriptionModel }
const native: PassRules = { route: '/backend-api/transcribe', isNative: true, ...counted }
const open: PassRules = { route: '/v1/audio/transcriptions', isNative: false, ...counted }

/** Speech to text (protocol reference, §11): the upstream takes a file and a prompt, and knows one model. */
export function addTranscriptionRoutes(app: FastifyInstance, deps: PassDeps): void {
  let underWay = 0
  const oneOfFew = async <R>(work: () => Promise<R>): Promise<R> => {
    if (underWay >= maxAtOnce) {
      const message = `${maxAtOnce} transcriptions are under way already; try again in 5 s.`
      throw new AppError('overloaded', { message, retryAfterSeconds: 5 })
    }
    underWay++
    try {
      return await work()
    } finally {
      underWay--
    }
  }
  const limits = { bodyBytes, heldBytes: maxAtOnce * bodyBytes, deadlineMs }
  const routes = [native, open].map((rules) => ({
    method: 'POST' as const,
    url: rules.route,
    handle: (request: Parameters<typeof servePass>[0], reply: Parameters<typeof servePass>[1], bodies: Bodies) =>
      servePass(request, reply, rules, deps, (pass) =>
        oneOfFew(() => withBody(bodies, request, (bytes) => transcribe(pass, rules, bytes, deps))),
      ),
  }))
  addRawRoutes(app, limits, routes)
}

type Bodies = Parameters<typeof withBody>[0]

async function transcribe(pass: Pass, rules: PassRules, bytes: Buffer, deps: PassDeps): Promise<Told> {
  checkModel(pass.guest.key, transcriptionModel)
  const form = await readForm(bytes, pass.headers['content-type'])
  const file = fileOf(form, 'file')
  if (file.size > maxFileBytes) throw new AppError('payload_too_large', { message: 'The file is larger than 25 MiB.' })
  const format = rules.isNative ? 'json' : checkTranscription((name) => form.getAll(name))
  const answered = await send(pass, file, fieldOf(form, 'prompt'), deps)
  return { ...told(answered), ...(rules.isNative ? {} : answerAs(format, answered.body)) }
}

/** Rebuilt: another field than these two is not understood. */
async function send(pass: Pass, file: File, prompt: string | null, deps: PassDeps): Promise<Answered> {
  const rebuilt = new FormData()
  rebuilt.append('file', file, file.name === '' ? 'audio.wav' : file.name)
  if (prompt !== null) rebuilt.append('prompt', prompt)
  const { body, contentType } = await writtenForm(rebuilt)
  return callAccount(
    pass,
    {
      ...{ method: 'POST', path: '/transcribe', body, ownerId: null, deadlineMs },
      headersFor: (identity) => ({ ...minimalHeaders(pass, identity, deps.version), 'content-type': contentType }),
    },
    deps,
  )
}

function told({ status, headers, body }: Answered): Told {
  return { status, headers: toldHeaders(headers), body }
}

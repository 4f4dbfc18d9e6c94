import type { Account } from '../domain/account.ts'
import type { ApiKey } from '../domain/api-key.ts'
import type { Ask } from '../domain/request.ts'
import type { Settings } from '../domain/settings.ts'
import { completionSurfaces } from './completions.ts'
import { compactionExchange, nativeExchange, publicExchange } from './dialects.ts'
import type { Exchange } from './exchange.ts'
import { messagesSurface } from './messages.ts'
import { imageSurfaces } from './pass/image-surfaces.ts'
import type { ChatToKeep } from './stored/chat-exchange.ts'

/** A client-facing route for turns, and how its clients are understood. */
export type Surface = {
  path: string
  /** Makes JSON of a form, where clients may send one, before anything is read from it. @throws AppError */
  prepare?: (bytes: Buffer, contentType: string | undefined) => Promise<Buffer>
  /** Reads what a client says. @throws AppError naming the field at fault */
  speak(bytes: Buffer, context: SpeakContext): Spoken
}

type SpeakContext = {
  requestId: string
  nowMs: number
  settings: Settings
  /** Those that may serve the client. */
  accounts: readonly Account[]
  key: ApiKey | null
}

/** What was said, in the terms of the Responses API. */
export type Spoken = {
  request: Buffer
  /** `native`: bytes pass as they came, if they have the upstream's form. `public`: always brought into that form. */
  form: 'native' | 'public' | 'compaction'
  /** Its responses can be kept here, made in the background, and continued by any account. */
  isStorable?: boolean
  /** Kept items may be named instead of sent. */
  mayNameItems?: boolean
  /** What to keep of its input, where that is not the request's own. */
  input?: unknown[]
  /** The kept conversation that it goes on with by naming its items. */
  threadId?: string
  /** A chat completion, which can be kept here. */
  chat?: ChatToKeep
  exchange(ask: Ask): Exchange
}

const responses =
  (form: Spoken['form'], exchange: (ask: Ask) => Exchange): Surface['speak'] =>
  (request) => ({ request, form, exchange })

export const surfaces: readonly Surface[] = [
  { path: '/backend-api/codex/responses', speak: responses('native', nativeExchange) },
  {
    path: '/v1/responses',
    speak: (request) => ({ request, form: 'public', isStorable: true, mayNameItems: true, exchange: publicExchange }),
  },
  { path: '/backend-api/codex/responses/compact', speak: responses('compaction', compactionExchange) },
  {
    path: '/v1/responses/compact',
    speak: (request) => ({ request, form: 'compaction', mayNameItems: true, exchange: compactionExchange }),
  },
  ...completionSurfaces,
  messagesSurface,
  ...imageSurfaces,
]

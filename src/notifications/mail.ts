import { createTransport } from 'nodemailer'
import type { ChannelConfig } from '../domain/notifications/channel-config.ts'
import { connectGuarded, type GuardOptions } from '../lib/guarded-connect.ts'
import { failureOf } from '../lib/safe-fetch.ts'
import type { Secret } from '../lib/secrets.ts'
import type { Message, Sent } from './message.ts'

type MailConfig = Extract<ChannelConfig, { kind: 'email' }>

/** What the mail library throws. `response` is what the server said. */
type MailError = Error & { code?: string; responseCode?: number; response?: string }

/** Sends one mail over a connection of its own, which goes to allowed addresses only. Never throws. */
export async function sendMail(
  { host, port, security, user, from, to }: MailConfig,
  password: Secret | undefined,
  { title, text, id }: Message,
  signal: AbortSignal,
  guard: GuardOptions,
): Promise<Sent> {
  const isTimely = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  isTimely.catch(() => {}) // Whoever races against it hears of it.
  const transport = createTransport({
    ...{ host, port, secure: security === 'tls', requireTLS: security === 'starttls', ignoreTLS: security === 'none' },
    ...(user === null ? {} : { auth: { user, pass: password?.reveal() ?? '' } }),
    ...{ greetingTimeout: 10_000, socketTimeout: 15_000, disableFileAccess: true, disableUrlAccess: true },
    getSocket(_options, done) {
      connectGuarded(host, port, signal, guard).then(
        (connection) => {
          signal.addEventListener('abort', () => connection.destroy(), { once: true })
          done(null, { connection })
        },
        (error: Error) => done(error, false),
      )
    },
  })
  try {
    const mail = transport.sendMail({
      ...{ from, to, subject: `codex-lb: ${title}`, text: `${text}\n` },
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Codex-Lb-Delivery': id },
    })
    mail.catch(() => {}) // It may fail after the deadline, when nobody listens any more.
    const { response } = await Promise.race([mail, isTimely])
    return { ok: true, status: Number.parseInt(response, 10) || null, error: null, retryAfterMs: 0 }
  } catch (error) {
    return { ok: false, status: statusOf(error), error: inWords(error, signal), retryAfterMs: 0 }
  } finally {
    transport.close()
  }
}

function statusOf(error: unknown): number | null {
  return (error as MailError).responseCode ?? null
}

function inWords(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'The mail server did not answer in time.'
  const { response, code = '', message } = error as MailError
  if (response) return `The mail server refused: ${response}`
  // The library puts a code of its own in the place of the system's.
  if (code === 'ETLS' || (code === 'ESOCKET' && /certificate|SSL|TLS/i.test(message)))
    return `The encrypted connection failed: ${message}`
  if (code === 'ETIMEDOUT') return 'The mail server did not answer in time.'
  if (code === 'ESOCKET' || code === 'ECONNECTION') return 'The mail server broke the connection off.'
  return failureOf((error as Error).cause ?? error).message
}

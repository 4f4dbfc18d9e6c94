import { z } from 'zod'
import { loginMethods, loginStatuses } from '../domain/login-status.ts'
import { moment } from './common.ts'

/** Begins a sign-in with ChatGPT; with `accountId`, one that renews the login of that account and of no other. */
export const SignInStart = z.strictObject({
  method: z.enum(loginMethods),
  accountId: z.string().min(1).max(200).optional(),
})

/** The address that the browser ended on, its query, or the code with its state. */
export const SignInCallback = z.strictObject({ callbackUrl: z.string().max(10_000) })

export const SignInParams = z.object({ id: z.string().min(1).max(200) })

export const SignInView = z.object({
  id: z.string(),
  method: z.enum(loginMethods),
  status: z.enum(loginStatuses),
  /** The account whose login is renewed; null: whoever signs in is added. */
  accountId: z.string().nullable(),
  createdAt: moment,
  expiresAt: moment,
  /** In a browser: where the person signs in, and where the sign-in server sends the browser then. */
  authorizationUrl: z.string().nullable(),
  callbackUrl: z.string().nullable(),
  /** Whether this server itself waits at `callbackUrl`; if not, the address has to be pasted. */
  listenerActive: z.boolean(),
  /** Why it does not. `off`: by configuration. `busy`: another program has the port. */
  listenerProblem: z.enum(['off', 'busy', 'failed']).nullable(),
  /** With a code: where it is typed in, and how often this server asks whether it was. */
  verificationUrl: z.string().nullable(),
  userCode: z.string().nullable(),
  intervalSeconds: z.number().nullable(),
  result: z
    .object({
      accountId: z.string(),
      email: z.string().nullable(),
      planType: z.string(),
      outcome: z.enum(['imported', 'updated']),
    })
    .nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
})
export type SignInView = z.infer<typeof SignInView>

export const SignInList = z.object({ items: z.array(SignInView), nextCursor: z.string().nullable() })
export type SignInList = z.infer<typeof SignInList>

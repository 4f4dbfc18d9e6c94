import { z } from 'zod'
import { signInMethods } from '../domain/session.ts'
import { moment } from './common.ts'

const role = z.enum(['admin', 'viewer'])

/** Long enough to mean something, short enough not to be an attack. */
const newPassword = z.string().min(8, 'must have at least 8 characters').max(256, 'must have at most 256 characters')
const password = z.string().min(1, 'is missing').max(256)
const code = z.string().min(1, 'is missing').max(40)

/** How the browser stands, and what the sign-in page has to ask for. Never an error: it is the page's first call. */
export const SessionView = z.object({
  authenticated: z.boolean(),
  /** Null until authenticated. */
  role: role.nullable(),
  /** `trusted_header`: a reverse proxy signs in. `disabled`: everybody is an admin. */
  authMode: z.enum(['standard', 'trusted_header', 'disabled']),
  /** Whom the reverse proxy has signed in. */
  userName: z.string().nullable(),
  /** Nobody gets in here but through the reverse proxy. */
  proxyRequired: z.boolean(),
  /** There are passkeys that work at this address. */
  passkeysOffered: z.boolean(),
  passwordRequired: z.boolean(),
  /** The password was right, the code is still owed. */
  totpRequiredOnLogin: z.boolean(),
  totpConfigured: z.boolean(),
  recoveryCodesLeft: z.int(),
  /** No password yet, and this browser is elsewhere: the first password needs the token from the log. */
  bootstrapRequired: z.boolean(),
  passwordSessionActive: z.boolean(),
  expiresAt: moment.nullable(),
  version: z.string(),
  /** True when accounts and upstream are simulated. */
  demo: z.boolean(),
})
export type SessionView = z.infer<typeof SessionView>

export const PasswordSetup = z.object({ password: newPassword, bootstrapToken: z.string().max(500).optional() })
export const PasswordLogin = z.object({ password })
export const PasswordChange = z.object({ currentPassword: password, newPassword })
export const PasswordRemoval = z.object({ password })
export const TotpCode = z.object({ code })

export const TotpOffer = z.object({ secret: z.string(), otpauthUri: z.string(), qrSvgDataUri: z.string() })
export type TotpOffer = z.infer<typeof TotpOffer>
export const RecoveryCodes = z.object({ recoveryCodes: z.array(z.string()) })

export const SessionList = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      current: z.boolean(),
      role,
      method: z.enum(signInMethods),
      /** Still owes the second factor. */
      pending: z.boolean(),
      createdAt: moment,
      lastSeenAt: moment,
      expiresAt: moment,
      userAgent: z.string().nullable(),
      address: z.string().nullable(),
    }),
  ),
  nextCursor: z.null(),
})
export type SessionList = z.infer<typeof SessionList>

export const Done = z.object({ status: z.literal('ok') })
export const SignedOut = z.object({ status: z.literal('ok'), ended: z.int() })

export const SessionParams = z.object({ id: z.string().min(1).max(200) })

export const ViewerPassword = z.strictObject({ password: newPassword })
export const ViewerAccess = z.object({ passwordSet: z.boolean() })
export type ViewerAccess = z.infer<typeof ViewerAccess>

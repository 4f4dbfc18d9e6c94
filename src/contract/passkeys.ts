import { z } from 'zod'
import { moment } from './common.ts'

const base64url = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[A-Za-z0-9_-]+$/, 'must be base64url.')
const credential = {
  id: base64url(2_000),
  rawId: base64url(2_000),
  type: z.literal('public-key'),
  authenticatorAttachment: z.string().max(50).optional(),
  /** What browsers add here is not used. */
  clientExtensionResults: z.looseObject({}).default({}),
}
const clientDataJSON = base64url(20_000)

/** What a browser got from the authenticator, in the form of WebAuthn's `toJSON()`. */
const PasskeyAssertion = z.object({
  ...credential,
  response: z.object({
    clientDataJSON,
    authenticatorData: base64url(20_000),
    signature: base64url(10_000),
    userHandle: z.string().max(200).nullish(),
  }),
})
const PasskeyAttestation = z.object({
  ...credential,
  response: z.object({
    clientDataJSON,
    attestationObject: base64url(100_000),
    transports: z.array(z.string().max(50)).max(20).default([]),
  }),
})

/** For `navigator.credentials`, as JSON. */
export const PasskeyOptions = z.looseObject({ challenge: z.string() })

const name = z.string().trim().min(1, 'is missing').max(60)

/** Who one is, shown again: with the password, or with a passkey that is known already. */
export const PasskeyStart = z
  .strictObject({ password: z.string().min(1, 'is missing').max(256).optional(), passkey: PasskeyAssertion.optional() })
  .refine(({ password, passkey }) => (password === undefined) !== (passkey === undefined), {
    path: ['password'],
    message: 'Give either "password" or "passkey".',
  })
export const PasskeyLogin = z.strictObject({ passkey: PasskeyAssertion })
export const PasskeyCreate = z.strictObject({ name, passkey: PasskeyAttestation })
export const PasskeyRename = z.strictObject({ name })
export const PasskeyParams = z.object({ id: z.string().min(1).max(200) })

export const PasskeyView = z.object({
  id: z.string(),
  name: z.string(),
  /** It works at this host name only. */
  host: z.string(),
  /** True where the browser is now. */
  worksHere: z.boolean(),
  /** Kept on more than one device. */
  backedUp: z.boolean(),
  createdAt: moment,
  lastUsedAt: moment.nullable(),
})
export type PasskeyView = z.infer<typeof PasskeyView>
export const PasskeyList = z.object({
  items: z.array(PasskeyView),
  nextCursor: z.null(),
  /** Why none can be added or used here; null: they can. */
  unavailable: z.string().nullable(),
})
export type PasskeyList = z.infer<typeof PasskeyList>

import type { Role } from './access.ts'

/** What a session was opened with, last. `first_password`: whoever set the password is in. */
export const signInMethods = ['password', 'code', 'recovery_code', 'passkey', 'first_password'] as const
export type SignInMethod = (typeof signInMethods)[number]

/** One browser that is signed in, or half-way in: `password` still owes the second factor. Times are epoch ms. */
export type Session = {
  /** SHA-256 of the cookie's value, which is stored nowhere. */
  idHash: string
  level: 'password' | 'full'
  role: Role
  method: SignInMethod
  createdAtMs: number
  lastSeenAtMs: number
  expiresAtMs: number
  userAgent: string | null
  address: string | null
}

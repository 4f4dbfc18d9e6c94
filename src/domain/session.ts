/** One browser that is signed in, or half-way in: `password` still owes the second factor. Times are epoch ms. */
export type Session = {
  /** SHA-256 of the cookie's value, which is stored nowhere. */
  idHash: string
  level: 'password' | 'full'
  createdAtMs: number
  lastSeenAtMs: number
  expiresAtMs: number
  userAgent: string | null
  address: string | null
}

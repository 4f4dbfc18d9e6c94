/** A passkey of the admin: signs in without a password, and stands in for the second factor. Times are epoch ms. */
export type Passkey = {
  id: string
  /** What the authenticator calls it, base64url. */
  credentialId: string
  /** COSE, base64url. */
  publicKey: string
  /** How often the authenticator has signed; 0 for those that do not count. */
  counter: number
  transports: string[]
  /** The host name that it was made for: it works nowhere else. */
  rpId: string
  name: string
  /** Whether it is kept on more than one device. */
  backedUp: boolean
  createdAtMs: number
  lastUsedAtMs: number | null
}

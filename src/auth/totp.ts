import { randomBytes } from 'node:crypto'
import { generateSecret, generateURI, verify } from 'otplib'
import { fingerprint, Secret } from '../lib/secrets.ts'

/** Authenticator apps know nothing but these values. */
const periodSeconds = 30
/** A phone's clock may be off by one step. */
const toleranceSeconds = 30
const issuer = 'codex-lb'

/** A new secret for an authenticator app, in Base32. */
export function newTotpSecret(): Secret {
  return new Secret(generateSecret())
}

/** What the QR code holds. */
export function totpUri(secret: Secret, label: string): string {
  return generateURI({ issuer, label, secret: secret.reveal() })
}

/** The time step that a code belongs to, or null for a wrong code. Whether the step was used before is the store's to say. */
export async function totpStep(secret: Secret, code: string, nowMs: number): Promise<number | null> {
  if (!/^\d{6}$/.test(code)) return null
  const epoch = Math.floor(nowMs / 1000)
  const result = await verify({ secret: secret.reveal(), token: code, epoch, epochTolerance: toleranceSeconds })
  return result.valid ? Math.floor(epoch / periodSeconds) + result.delta : null
}

const recoveryCodes = 10
/** Without letters and digits that look alike. */
const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789'

/** Codes for the day when the phone is gone, shown once: `xxxxx-xxxxx`, about 49 bits each. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: recoveryCodes }, () => `${randomText(5)}-${randomText(5)}`)
}

/** A recovery code as it is stored. Typed in with or without the dash, in either case. */
export function recoveryHash(code: string): string {
  return fingerprint(code.toLowerCase().replace(/[^a-z0-9]/g, ''))
}

/** Bytes beyond the last whole multiple of the alphabet would favour its beginning. */
function randomText(length: number): string {
  const limit = 256 - (256 % alphabet.length)
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length * 2)) {
      if (byte < limit && text.length < length) text += alphabet.charAt(byte % alphabet.length)
    }
  }
  return text
}

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  hash,
  randomBytes,
  randomUUID,
  timingSafeEqual,
} from 'node:crypto'
import { inspect } from 'node:util'

/**
 * Text that must not be seen: a token, a key. Printing, logging or serialising it gives `[secret]`;
 * only `reveal()` gives the text, so every use can be found by that name.
 */
export class Secret {
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }
  reveal(): string {
    return this.#text
  }
  toString(): string {
    return '[secret]'
  }
  toJSON(): string {
    return '[secret]'
  }
  [inspect.custom](): string {
    return '[secret]'
  }
}

/** Thrown when sealed text cannot be opened: another key, another row, or a damaged value. */
export class UnsealError extends Error {
  constructor(why: string) {
    super(`A stored secret cannot be read: ${why}.`)
    this.name = 'UnsealError'
  }
}

/** Encrypts small texts for storage. The identity of the row is bound in, so a value cannot be moved to another row. */
export type Vault = {
  /** First 8 hex digits of the key's SHA-256: tells two keys apart, reveals neither. */
  readonly keyId: string
  seal(secret: Secret, rowIdentity: string): string
  /** @throws UnsealError */
  open(sealed: string, rowIdentity: string): Secret
}

const nonceBytes = 12
const tagBytes = 16

/** AES-256-GCM with a random nonce per value. Format: `v1.<key id>.<base64url of nonce, ciphertext, tag>`. */
export function createVault(key: Buffer): Vault {
  if (key.length !== 32) throw new RangeError('The encryption key must have 32 bytes.')
  const keyId = createHash('sha256').update(key).digest('hex').slice(0, 8)
  return {
    keyId,
    seal(secret, rowIdentity) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(rowIdentity))
      const box = Buffer.concat([nonce, cipher.update(secret.reveal(), 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `v1.${keyId}.${box.toString('base64url')}`
    },
    open(sealed, rowIdentity) {
      const [version, sealedWith, text] = sealed.split('.')
      if (version !== 'v1' || text === undefined) throw new UnsealError('its format is unknown')
      if (sealedWith !== keyId) throw new UnsealError(`it was sealed with key ${sealedWith}, this one is ${keyId}`)
      const box = Buffer.from(text, 'base64url')
      if (box.length < nonceBytes + tagBytes) throw new UnsealError('it is too short')
      const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decipher.setAAD(Buffer.from(rowIdentity)).setAuthTag(box.subarray(-tagBytes))
      try {
        const open = Buffer.concat([decipher.update(box.subarray(nonceBytes, -tagBytes)), decipher.final()])
        return new Secret(open.toString('utf8'))
      } catch {
        // GCM tells nothing more than "no".
        throw new UnsealError('it was changed, or belongs to another row')
      }
    },
  }
}

/** Hex SHA-256: a stable name for a value that must not be stored itself. */
export function fingerprint(text: string): string {
  return hash('sha256', text, 'hex')
}

/** Compares without telling by its duration where the difference is. */
export function equalInConstantTime(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

/** `prefix` and 32 random hex digits, 122 bits of them random: a UUID comes from a stock, bytes from the system each time. */
export function randomId(prefix: string): string {
  return prefix + randomUUID().replaceAll('-', '')
}

/** The same, beginning with the time, so that ids sort by it. `atMs`: epoch ms. */
export function timedId(prefix: string, atMs: number): string {
  return randomId(prefix + atMs.toString(36).padStart(9, '0'))
}

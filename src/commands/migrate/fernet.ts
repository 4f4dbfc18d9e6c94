import { createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto'
import { Secret } from '../../lib/secrets.ts'

/** Opens what the Python system has encrypted. */
export type Fernet = {
  /** Null: it was encrypted with another key, or changed. */
  open(token: string): Secret | null
}

const keyBytes = 32
const version = 0x80
/** Version, time, and initialisation vector in front; the signature behind. */
const headBytes = 1 + 8 + 16
const macBytes = 32

/**
 * The key file holds 32 bytes in URL-safe base64: the first half signs, the second half encrypts (Fernet specification).
 * @throws RangeError when that is not what the text holds
 */
export function readFernet(text: string): Fernet {
  const key = Buffer.from(text.trim(), 'base64url')
  if (key.length !== keyBytes) throw new RangeError('It is no Fernet key: 32 bytes in URL-safe base64 are needed.')
  const [signing, encryption] = [key.subarray(0, 16), key.subarray(16)]
  return {
    open(token) {
      const bytes = Buffer.from(token, 'base64url')
      const cipherBytes = bytes.length - headBytes - macBytes
      if (bytes[0] !== version || cipherBytes < 16 || cipherBytes % 16 !== 0) return null
      const signed = bytes.subarray(0, -macBytes)
      if (!timingSafeEqual(createHmac('sha256', signing).update(signed).digest(), bytes.subarray(-macBytes)))
        return null
      const decipher = createDecipheriv('aes-128-cbc', encryption, bytes.subarray(9, headBytes))
      const open = Buffer.concat([decipher.update(signed.subarray(headBytes)), decipher.final()])
      return new Secret(open.toString('utf8'))
    },
  }
}

import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** What a page is given for `navigator.credentials`, as far as this authenticator heeds it. */
type Options = { challenge: string }

export type AuthenticatorOptions = {
  origin?: string
  rpId?: string
  /** Whether it asks its owner who they are. */
  verifies?: boolean
}

/** An authenticator in software with one credential, which can also misbehave. */
export function createAuthenticator({
  origin = 'http://localhost',
  rpId = 'localhost',
  verifies = true,
}: AuthenticatorOptions = {}) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const id = randomBytes(32)
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const name = id.toString('base64url')
  const self = {
    /** How often it says it has signed; 0 for one that does not count. */
    counter: 0,
    origin,
    verifies,
    id: name,
    /** Answers `navigator.credentials.create`. */
    make({ challenge }: Options) {
      const key = [...map(5), 1, 2, 3, 0x26, 0x20, 1, 0x21, ...bytes(x), 0x22, ...bytes(y)]
      const credential = [...new Uint8Array(16), 0, id.length, ...id, ...key]
      const data = authenticatorData(0x41, credential)
      const attestationObject = Buffer.from([
        ...[...map(3), ...text('fmt'), ...text('none'), ...text('attStmt'), ...map(0)],
        ...[...text('authData'), 0x58, data.length, ...data],
      ])
      return {
        ...credentialOf(),
        response: {
          clientDataJSON: clientData('webauthn.create', challenge).toString('base64url'),
          attestationObject: attestationObject.toString('base64url'),
          transports: ['internal'],
        },
      }
    },
    /** Answers `navigator.credentials.get`. */
    sign({ challenge }: Options) {
      const client = clientData('webauthn.get', challenge)
      const data = authenticatorData(0x01, [])
      const digest = createHash('sha256').update(client).digest()
      return {
        ...credentialOf(),
        response: {
          clientDataJSON: client.toString('base64url'),
          authenticatorData: data.toString('base64url'),
          signature: sign('sha256', Buffer.concat([data, digest]), privateKey).toString('base64url'),
        },
      }
    },
  }
  const credentialOf = () => ({ id: name, rawId: name, type: 'public-key' as const, clientExtensionResults: {} })
  const clientData = (type: string, challenge: string) =>
    Buffer.from(JSON.stringify({ type, challenge, origin: self.origin, crossOrigin: false }))
  const authenticatorData = (flags: number, credential: readonly number[]) => {
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(self.counter)
    const site = createHash('sha256').update(rpId).digest()
    return Buffer.concat([site, Buffer.from([flags | (self.verifies ? 0x04 : 0)]), counter, Buffer.from(credential)])
  }
  return self
}

/** CBOR, of the little that is needed. */
const map = (entries: number) => [0xa0 + entries]
const text = (value: string) => [0x60 + value.length, ...Buffer.from(value)]
const bytes = (base64url: string) => {
  const raw = Buffer.from(base64url, 'base64url')
  return [0x58, raw.length, ...raw]
}

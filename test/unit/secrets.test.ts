import { randomBytes } from 'node:crypto'
import { format, inspect } from 'node:util'
import pino from 'pino'
import { describe, expect, it } from 'vitest'
import { createVault, equalInConstantTime, fingerprint, randomId, Secret, UnsealError } from '../../src/lib/secrets.ts'

const text = 'eyJ-a-token'

describe('a secret', () => {
  const secret = new Secret(text)
  const holder = { deep: { list: [secret], map: new Map([['token', secret]]) }, secret }

  it.each<[string, () => string]>([
    ['a template', () => `${secret}`],
    ['string concatenation', () => `token: ${String(secret)}`],
    ['JSON', () => JSON.stringify(holder)],
    ['inspect, with everything shown', () => inspect(holder, { depth: null, showHidden: true, getters: true })],
    ['console formatting', () => format('%s %o %O %j', secret, secret, holder, holder)],
    ['its own properties', () => JSON.stringify([Object.entries(secret), Object.getOwnPropertyNames(secret)])],
    ['a spread copy', () => inspect({ ...secret })],
    ['an error', () => inspect(new Error('failed', { cause: holder }))],
  ])('is not seen through %s', (_way, print) => {
    expect(print()).not.toContain(text)
  })

  it('is not seen in the log', () => {
    const lines: string[] = []
    const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
    log.info(holder, 'made %s', secret)
    log.error({ error: Object.assign(new Error('failed'), { secret }) }, 'failed')
    log.child({ secret }).info('child')
    expect(lines).toHaveLength(3)
    expect(lines.join('')).not.toContain(text)
    expect(lines.join('')).toContain('[secret]')
  })

  it('is given to whoever asks by name', () => {
    expect(secret.reveal()).toBe(text)
  })
})

describe('a vault', () => {
  const key = randomBytes(32)
  const vault = createVault(key)
  const sealed = vault.seal(new Secret(text), 'acc_1:access')

  it.each(['', text, 'ünï 💥 \0 text', 'x'.repeat(100_000)])('opens what it sealed', (plain) => {
    expect(vault.open(vault.seal(new Secret(plain), 'row'), 'row').reveal()).toBe(plain)
    expect(
      createVault(key)
        .open(vault.seal(new Secret(plain), 'row'), 'row')
        .reveal(),
    ).toBe(plain)
  })

  it('shows nothing of the text and never seals it alike twice', () => {
    expect(sealed).not.toContain(text)
    expect(Buffer.from(sealed.split('.')[2] ?? '', 'base64url').includes(text)).toBe(false)
    expect(new Set(Array.from({ length: 100 }, () => vault.seal(new Secret(text), 'row'))).size).toBe(100)
  })

  it('does not open a value for another row', () => {
    for (const row of ['acc_2:access', 'acc_1:refresh', '']) {
      expect(() => vault.open(sealed, row)).toThrow(UnsealError)
    }
  })

  it('does not open a value in which any one bit was changed', () => {
    const [version, keyId, box = ''] = sealed.split('.')
    const bytes = Buffer.from(box, 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      const value = `${version}.${keyId}.${changed.toString('base64url')}`
      expect(() => vault.open(value, 'acc_1:access'), `bit ${bit}`).toThrow(UnsealError)
    }
  })

  it('does not open a value that was cut short', () => {
    for (let length = 0; length < sealed.length; length++) {
      expect(() => vault.open(sealed.slice(0, length), 'acc_1:access'), `${length}`).toThrow(UnsealError)
    }
  })

  it.each(['', 'v1', 'v2.00000000.AAAA', 'plain text', 'v1..', text])(
    'does not open what it did not seal: %j',
    (value) => {
      expect(() => vault.open(value, 'acc_1:access')).toThrow(UnsealError)
    },
  )

  it('does not open the value of another key, and names both by their ids', () => {
    const other = createVault(randomBytes(32))
    expect(other.keyId).not.toBe(vault.keyId)
    expect(() => other.open(sealed, 'acc_1:access')).toThrow(
      new UnsealError(`it was sealed with key ${vault.keyId}, this one is ${other.keyId}`),
    )
    const relabelled = sealed.replace(vault.keyId, other.keyId)
    expect(() => other.open(relabelled, 'acc_1:access')).toThrow(UnsealError)
  })

  it('does not tell the text in its errors', () => {
    try {
      vault.open(sealed, 'other')
      expect.unreachable()
    } catch (error) {
      expect(inspect(error)).not.toContain(text)
      expect(inspect(error)).not.toContain(sealed)
    }
  })

  it.each([0, 16, 31, 33])('needs a key of 32 bytes, not of %i', (length) => {
    expect(() => createVault(Buffer.alloc(length))).toThrow(RangeError)
  })
})

describe('the small helpers', () => {
  it('give a value one stable name', () => {
    expect(fingerprint('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })

  it('compare texts of any length', () => {
    expect(equalInConstantTime('same', 'same')).toBe(true)
    expect(equalInConstantTime('same', 'samf')).toBe(false)
    expect(equalInConstantTime('same', 'same ')).toBe(false)
    expect(equalInConstantTime('', '')).toBe(true)
  })

  it('make ids that do not repeat', () => {
    const ids = Array.from({ length: 1_000 }, () => randomId('req_'))
    expect(new Set(ids).size).toBe(1_000)
    for (const id of ids) expect(id).toMatch(/^req_[0-9a-f]{32}$/)
  })
})

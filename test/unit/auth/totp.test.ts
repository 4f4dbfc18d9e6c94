import { generate } from 'otplib'
import { describe, expect, it } from 'vitest'
import { newRecoveryCodes, newTotpSecret, recoveryHash, totpStep, totpUri } from '../../../src/auth/totp.ts'
import { Secret } from '../../../src/lib/secrets.ts'

const nowMs = Date.UTC(2026, 0, 15, 12, 0, 10)
const step = Math.floor(nowMs / 30_000)
const codeAt = (secret: Secret, atMs: number) => generate({ secret: secret.reveal(), epoch: Math.floor(atMs / 1000) })

describe('the code of an authenticator app', () => {
  it('is what every app computes from the secret', async () => {
    // RFC 6238, appendix B, shortened to six digits.
    const secret = new Secret('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
    expect(await totpStep(secret, '287082', 59_000)).toBe(1)
    expect(await totpStep(secret, '005924', 1_234_567_890_000)).toBe(41_152_263)
  })

  it('belongs to the step of its own time, one step early or late included', async () => {
    const secret = newTotpSecret()
    for (const shift of [-1, 0, 1]) {
      expect(await totpStep(secret, await codeAt(secret, nowMs + shift * 30_000), nowMs)).toBe(step + shift)
    }
    for (const shift of [-3, -2, 2, 3]) {
      expect(await totpStep(secret, await codeAt(secret, nowMs + shift * 30_000), nowMs), `${shift}`).toBeNull()
    }
  })

  it.each(['', '12345', '1234567', '12345a', '１２３４５６', '123 456', '-12345', '1e5000', '123456\n'])(
    'is never %j',
    async (code) => {
      expect(await totpStep(newTotpSecret(), code, nowMs)).toBeNull()
    },
  )

  it('comes from a secret of its own, which the QR code carries', () => {
    const [one, other] = [newTotpSecret(), newTotpSecret()]
    expect(one.reveal()).toMatch(/^[A-Z2-7]{32}$/)
    expect(one.reveal()).not.toBe(other.reveal())
    const uri = new URL(totpUri(one, 'dashboard'))
    expect(uri.protocol).toBe('otpauth:')
    expect(uri.searchParams.get('secret')).toBe(one.reveal())
    expect(uri.searchParams.get('issuer')).toBe('codex-lb')
  })
})

describe('recovery codes', () => {
  it('are ten, different, and easy to read aloud', () => {
    const codes = newRecoveryCodes()
    expect(new Set(codes).size).toBe(10)
    for (const code of codes) expect(code).toMatch(/^[a-hjkmnp-z2-9]{5}-[a-hjkmnp-z2-9]{5}$/)
  })

  it('use every letter equally often', () => {
    const counts = new Map<string, number>()
    for (let round = 0; round < 400; round++) {
      for (const letter of newRecoveryCodes().join('').replaceAll('-', '')) {
        counts.set(letter, (counts.get(letter) ?? 0) + 1)
      }
    }
    // 40 000 letters, about 1290 of each; seven standard deviations either way.
    expect(counts.size).toBe(31)
    for (const [letter, count] of counts) expect(Math.abs(count - 40_000 / 31), letter).toBeLessThan(250)
  })

  it('may be typed in capitals, without the dash, or with spaces', () => {
    const hash = recoveryHash('abcde-23456')
    for (const typed of ['ABCDE-23456', 'abcde23456', ' abcde 23456 ', 'AbCdE–23456']) {
      expect(recoveryHash(typed)).toBe(hash)
    }
    expect(recoveryHash('abcde-23457')).not.toBe(hash)
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
  })
})

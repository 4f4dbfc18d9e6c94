import { scryptSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { checkPassword, hashPassword } from '../../../src/auth/password.ts'

describe('a stored password', () => {
  it('is a salted hash that names its cost, and opens for the password only', async () => {
    const [one, other] = await Promise.all([hashPassword('correct horse'), hashPassword('correct horse')])
    expect(one).toMatch(/^scrypt\$32768\$8\$1\$[\w-]{22}\$[\w-]{43}$/)
    expect(one).not.toBe(other)
    expect(one).not.toContain('horse')
    expect(await checkPassword('correct horse', one)).toBe(true)
    for (const wrong of ['', 'Correct horse', 'correct horse ', ' correct horse', 'correct hors']) {
      expect(await checkPassword(wrong, one), wrong).toBe(false)
    }
  })

  it('may hold any letters, typed in whichever way the keyboard composes them', async () => {
    const hash = await hashPassword('Zu\u0308rich \u{1F511} \u2460')
    expect(await checkPassword('Z\u00fcrich \u{1F511} 1', hash)).toBe(true)
    expect(await checkPassword('Zurich \u{1F511} 1', hash)).toBe(false)
  })

  it('still opens when the cost of new ones has grown', async () => {
    const salt = Buffer.from('salt')
    const key = scryptSync('password', salt, 32, { N: 1024, r: 8, p: 1 }).toString('base64url')
    expect(await checkPassword('password', `scrypt$1024$8$1$${salt.toString('base64url')}$${key}`)).toBe(true)
  })

  it.each([
    '',
    'password',
    'md5$1$1$1$c2FsdA$a2V5',
    'scrypt$32768$8$1',
    'scrypt$32768$8$1$c2FsdA$',
    'scrypt$1024$8$1$$',
  ])('opens for nobody when it is %j', async (hash) => {
    for (const password of ['', 'password']) expect(await checkPassword(password, hash)).toBe(false)
  })

  it.each(['scrypt$x$8$1$c2FsdA$a2V5', 'scrypt$3$8$1$c2FsdA$a2V5', 'scrypt$-2$8$1$c2FsdA$a2V5'])(
    'is reported as damaged when its cost makes no sense: %s',
    async (hash) => {
      await expect(checkPassword('password', hash)).rejects.toThrow()
    },
  )
})

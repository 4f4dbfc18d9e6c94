import { expect, it } from 'vitest'
import { readFernet } from '../../../src/commands/migrate/fernet.ts'

// The values of the Fernet specification's own test vector (generate.json).
const key = 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4='
const token = 'gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=='

it('a Fernet token opens as its specification says', () => {
  expect(readFernet(`${key}\n`).open(token)?.reveal()).toBe('hello')
})

it('what was changed, cut, or sealed with another key stays closed', () => {
  const fernet = readFernet(key)
  const changed = `${token.slice(0, 40)}${token[40] === 'A' ? 'B' : 'A'}${token.slice(41)}`
  for (const wrong of [changed, token.slice(0, 60), '', 'gAAA', `A${token.slice(1)}`])
    expect(fernet.open(wrong)).toBeNull()
  expect(readFernet(Buffer.alloc(32, 1).toString('base64url')).open(token)).toBeNull()
})

it('a key of another length is refused', () => {
  expect(() => readFernet('c2hvcnQ=')).toThrow('32 bytes')
})

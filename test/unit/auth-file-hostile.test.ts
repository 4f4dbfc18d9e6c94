import { describe, expect, it } from 'vitest'
import { readAuthFile } from '../../src/accounts/auth-file.ts'
import { authClaim, type Json, jwt, now, pathsIn, read, tokens, withClaims, withTokens } from '../support/auth-json.ts'

const depth = 200_000
const deepList = '['.repeat(depth) + ']'.repeat(depth)
const deepObject = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
const raw = (payload: string | Buffer) => `h.${Buffer.from(payload).toString('base64url')}.s`
const badIdTokens: [string, unknown][] = [
  ['missing', undefined],
  ['null', null],
  ['empty', ''],
  ['blank', ' \n\t'],
  ['a number', 1e308],
  ['true', true],
  ['a list', [tokens.id_token]],
  ['an object', { toString: 'x' }],
  ['one word', 'opaque'],
  ['two segments', 'a.b'],
  ['four segments', `${tokens.id_token}.x`],
  ['only dots', '..'],
  ['many dots', '.'.repeat(60_000)],
  ['an empty payload', 'a..c'],
  ['no base64url', 'a.$$$.c'],
  ['no UTF-8', raw(Buffer.from([0xff, 0xfe, 0xfd]))],
  ['no JSON', raw('{"email":')],
  ['a JSON list', raw('[]')],
  ['a JSON null', raw('null')],
  ['a JSON text', raw('"x"')],
  ['a JSON number', raw('1e999')],
  ['deep lists', raw('['.repeat(20_000) + ']'.repeat(20_000))],
  ['deep objects, cut off', raw('{"a":'.repeat(8_000))],
  ['longer than 64 KiB', `h.${'A'.repeat(70_000)}.s`],
  ['a line break inside', 'a.b\r\nx: y.c'],
  ['beyond ASCII', 'ä.ö.ü'],
  ['a NUL inside', 'a.\u0000.c'],
  ['a lone surrogate', 'a.\ud800.c'],
]
const badIdentities: [string, Json][] = [
  ['nobody', {}],
  ['only an account', { chatgpt_account_id: 'x' }],
  ['only a user', { sub: 's' }],
  ['only an address', { email: 'a@b.c' }],
  ['an account and no address', { chatgpt_account_id: 'x', email: 'nobody' }],
  ['an account with a line break', { sub: 's', chatgpt_account_id: 'x\r\nauthorization: y' }],
  ['an account beyond ASCII', { sub: 's', chatgpt_account_id: 'åcc' }],
  ['an account with a space', { sub: 's', chatgpt_account_id: 'a b' }],
  ['an account that is a number', { sub: 's', chatgpt_account_id: 5 }],
  ['an endless account', { sub: 's', chatgpt_account_id: 'x'.repeat(5_000) }],
  ['claims that are a list', { [authClaim]: [{ chatgpt_account_id: 'x', user_id: 'u' }] }],
  ['claims in a prototype', JSON.parse(`{"__proto__":{"chatgpt_account_id":"x","sub":"s"}}`)],
]
const badFiles: [string, string | Buffer][] = [
  ['empty', ''],
  ['blank', ' \n'],
  ['only a byte order mark', '\uFEFF'],
  ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ['UTF-16', Buffer.from('\uFEFF{"tokens":{}}', 'utf16le')],
  ['a cut-off character', Buffer.from([0xe2, 0x82])],
  ['NUL bytes', Buffer.alloc(64)],
  ['not JSON', 'hello'],
  ['HTML', '<!doctype html>'],
  ['cut off', '{"tokens":{"id_token":"a'],
  ['two documents', '{}{}'],
  ['with a comment', '{/* x */}'],
  ['null', 'null'],
  ['true', 'true'],
  ['a text', '"auth"'],
  ['a number', '1e999'],
  ['a long number', '9'.repeat(100_000)],
  ['an empty object', '{}'],
  ['an empty list', '[]'],
  ['a list of an empty list', '[[]]'],
  ['a list of a list of a login', JSON.stringify([[{ tokens }]])],
  ['a list of null', '[null]'],
  ['too many entries', JSON.stringify(Array.from({ length: 1_001 }, () => ({})))],
  ['deep lists', deepList],
  ['deep objects', deepObject],
  ['deep and cut off', '['.repeat(depth)],
  ['deep tokens', `{"tokens":${deepObject}}`],
  ['a deep token', `{"tokens":{"id_token":${deepList}}}`],
  ['a deep openai entry', `{"openai":${deepObject}}`],
  ['tokens null', '{"tokens":null}'],
  ['tokens empty', '{"tokens":{}}'],
  ['tokens a list', '{"tokens":[1]}'],
  ['tokens a text', '{"tokens":"x"}'],
  ['tokens false', '{"tokens":false}'],
  ['tokens in a prototype', JSON.stringify({ tokens }).replace('"tokens"', '"__proto__"')],
  ['token names in a prototype', '{"tokens":{"__proto__":{"id_token":"a.b.c"}}}'],
  ['a constructor', '{"constructor":{"prototype":{"tokens":1}},"toString":1,"hasOwnProperty":2}'],
  ['only an API key', '{"OPENAI_API_KEY":"sk-x"}'],
  ['an API key and empty tokens', '{"OPENAI_API_KEY":"sk-x","tokens":{}}'],
  ['OpenCode without openai', '{"anthropic":{"type":"oauth","refresh":"a","access":"b"}}'],
  ['openai null', '{"openai":null}'],
  ['openai a text', '{"openai":"sk-x"}'],
  ['openai a list', '{"openai":[]}'],
  ['openai without a type', '{"openai":{}}'],
  ['openai with an API key', '{"openai":{"type":"api","key":"sk-x"}}'],
  ['openai with an endless type', JSON.stringify({ openai: { type: 'x'.repeat(100_000) } })],
  ['openai without tokens', '{"openai":{"type":"oauth"}}'],
  ['openai with an opaque token', '{"openai":{"type":"oauth","access":"opaque","refresh":"r"}}'],
  [
    'openai with a bad account',
    JSON.stringify({ openai: { type: 'oauth', access: tokens.id_token, refresh: 'r', accountId: 'a\nb' } }),
  ],
  ['openai of nobody', JSON.stringify({ openai: { type: 'oauth', access: jwt({}), refresh: 'r', accountId: 'a' } })],
]

describe('a hostile file is refused with a reason:', () => {
  const files: [string, string | Buffer][] = [
    ...badFiles,
    ...badIdTokens.map(([name, id_token]): [string, string] => [
      `ID token ${name}`,
      JSON.stringify(withTokens({ id_token })),
    ]),
    ...badIdentities.map(([name, claims]): [string, string] => [
      `tokens of ${name}`,
      JSON.stringify(withClaims(claims)),
    ]),
    ...[5, {}, ['a'], 'a b', 'a\r\nb', 'ä', 'x'.repeat(300)].map((account_id): [string, string] => [
      `account id ${JSON.stringify(account_id).slice(0, 20)}`,
      JSON.stringify(withTokens({ account_id })),
    ]),
    ...['', 7, 'a\nb', 'x'.repeat(65_537)].map((refresh_token): [string, string] => [
      `refresh token ${JSON.stringify(refresh_token).slice(0, 20)}`,
      JSON.stringify(withTokens({ refresh_token })),
    ]),
  ]

  it.each(files)('%s', (_, bytes) => {
    const entries = readAuthFile(bytes, now)
    expect(entries.length).toBeGreaterThan(0)
    for (const entry of entries) {
      expect(entry).toMatchObject({
        ok: false,
        path: expect.any(String),
        message: expect.stringMatching(/^[ -~]{10,200}$/),
      })
    }
  })

  it.each(badIdTokens)('an ID token that is %s is the field at fault', (_, id_token) => {
    expect(pathsIn(withTokens({ id_token }))).toEqual(['tokens.id_token'])
  })

  it('a list that is too long is one fault', () => {
    expect(pathsIn(Array.from({ length: 1_001 }, () => ({ tokens })))).toEqual([''])
  })

  it('a missing account id is the field at fault', () => {
    expect(pathsIn(withClaims({ sub: 's', email: 'a@b.c' }))).toEqual(['tokens.account_id'])
  })

  it('keeps what is sound beside hostile keys', () => {
    const text = JSON.stringify({ tokens }).replace('{', `{"__proto__":{"tokens":7},"x":${deepList},"n":1e999,`)
    expect(read(text)).toEqual([{ ok: true, candidate: expect.objectContaining({ seat: 'user-ann' }) }])
    expect(({} as Json).tokens).toBeUndefined()
  })
})

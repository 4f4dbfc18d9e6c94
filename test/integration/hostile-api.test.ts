import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { refusalIn, stateOf } from '../support/refusals.ts'
import { type Rig, startRig } from '../support/start.ts'

// The management API: what it is sent is checked, and a fault is named.

let rig: Rig
let before: object
let accountId: string
beforeAll(async () => {
  rig = await startRig()
  before = await stateOf(rig)
  accountId = (await rig.account('a@example.com')).accountId
})
afterAll(() => rig.close())
afterEach(async () => {
  expect(await stateOf(rig)).toEqual(before)
})

const json = { 'content-type': 'application/json' }
type Body = NonNullable<RequestInit['body']>

async function refused(method: string, path: string, body?: Body, headers: Record<string, string> = {}) {
  const init: RequestInit = { method, headers, signal: AbortSignal.timeout(10_000) }
  const answer = await fetch(rig.url + path, body === undefined ? init : { ...init, body })
  return refusalIn(path, answer, await answer.text())
}

describe('PATCH /api/settings', () => {
  const settings = async () => (await fetch(`${rig.url}/api/settings`)).json()
  const change = (body?: Body, headers: Record<string, string> = json) =>
    refused('PATCH', '/api/settings', body, headers)

  it.each([
    ['strategy', '"fastest"'],
    ['strategy', '5'],
    ['strategy', '["round_robin"]'],
    ['strategy', '{}'],
    ['strategy', '"ROUND_ROBIN"'],
    ['strategy', '"constructor"'],
    ['affinityMinutes', '-1'],
    ['affinityMinutes', '1441'],
    ['affinityMinutes', '1.5'],
    ['affinityMinutes', '"30"'],
    ['affinityMinutes', '1e999'],
    ['affinityMinutes', '1e300'],
    ['affinityMinutes', 'true'],
    ['affinityMinutes', '[30]'],
    ['nothing', '1'],
    ['Strategy', '"round_robin"'],
  ])('names %s when it is %s', async (field, value) => {
    const was = await settings()
    expect(await change(`{${JSON.stringify(field)}:${value}}`)).toMatchObject({ status: 400, fields: [field] })
    expect(await settings()).toEqual(was)
  })

  it('names every field at fault', async () => {
    const refusal = await change('{"strategy":"fastest","affinityMinutes":-1}')
    expect(refusal.fields.toSorted()).toEqual(['affinityMinutes', 'strategy'])
  })

  it.each([
    ['broken JSON', '{"strategy":'],
    ['an array', '[]'],
    ['a text', '"strategy"'],
    ['a number', '7'],
    ['a prototype', '{"__proto__":{"strategy":"round_robin"}}'],
    ['a constructor', '{"constructor":{"prototype":{"strategy":"round_robin"}}}'],
    ['a NUL', '\0'],
    ['deep nesting', `{"strategy":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
    ['UTF-16', Buffer.from('{"strategy":"round_robin"}', 'utf16le')],
    ['more than a mebibyte', `{"strategy":"${'x'.repeat(1024 * 1024)}"}`],
  ])('refuses %s', async (_what, body) => {
    const was = await settings()
    expect((await change(typeof body === 'string' ? body : new Uint8Array(body))).status).toBeLessThan(500)
    expect(await settings()).toEqual(was)
  })

  it.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'json', 'multipart/form-data'])(
    'refuses a body of type %s',
    async (type) => {
      const { status } = await change('{"strategy":"round_robin"}', { 'content-type': type })
      // Plain text is read, and is then no object.
      expect(status).toBe(type === 'text/plain' ? 400 : 415)
    },
  )

  it('refuses a compressed body as no JSON', async () => {
    expect(await change('\u001f\u008b', { ...json, 'content-encoding': 'gzip' })).toMatchObject({ status: 400 })
  })
})

describe('GET /api/request-logs', () => {
  it.each([
    ['limit', '0'],
    ['limit', '-1'],
    ['limit', '201'],
    ['limit', '1.5'],
    ['limit', 'ten'],
    ['limit', '1e99'],
    ['limit', 'Infinity'],
    ['limit', 'NaN'],
    ['cursor', 'nonsense'],
    ['cursor', 'e30'],
    ['cursor', Buffer.from('[1e300,"x"]').toString('base64url')],
    ['cursor', Buffer.from('["1","x"]').toString('base64url')],
    ['cursor', Buffer.from('[1,{}]').toString('base64url')],
    ['cursor', Buffer.from('[1,"x\\u0000"]').toString('base64url')],
    ['cursor', 'x'.repeat(501)],
    ['cursor', "' or 1=1 --"],
  ])('names %s when it is %s', async (name, value) => {
    const refusal = await refused('GET', `/api/request-logs?${name}=${encodeURIComponent(value)}`)
    expect(refusal).toMatchObject({ status: 400, fields: [name] })
  })

  it('names what is given twice', async () => {
    expect(await refused('GET', '/api/request-logs?limit=1&limit=2')).toMatchObject({ fields: ['limit'] })
    expect(await refused('GET', '/api/request-logs?cursor=a&cursor=b')).toMatchObject({ fields: ['cursor'] })
  })
})

describe('an account id', () => {
  const ids = [
    'acc_0',
    'x',
    '%20',
    '%00',
    '__proto__',
    'constructor',
    'toString',
    "' or 1=1 --",
    '..%2f..%2fetc',
    'a%2fb',
    '%F0%9F%98%80',
    'acc_*',
    'import',
    'x'.repeat(200),
  ]
  const actions: [method: string, path: string][] = [
    ['POST', '/pause'],
    ['POST', '/reactivate'],
    ['DELETE', ''],
    ['GET', '/trends'],
  ]

  it.each(actions)('that nobody has is not found by %s %s', async (method, path) => {
    for (const id of ids) {
      const refusal = await refused(method, `/api/accounts/${id}${path}`)
      expect(refusal, id).toMatchObject({ status: 404, code: 'account_not_found' })
    }
  })

  it('that is too long is refused', async () => {
    expect(await refused('DELETE', `/api/accounts/${'x'.repeat(201)}`)).toMatchObject({ status: 400, fields: ['id'] })
  })

  it('with a broken body is refused before anything happens', async () => {
    expect(await refused('POST', `/api/accounts/${accountId}/pause`, '{"a":', json)).toMatchObject({ status: 400 })
    expect(await refused('DELETE', `/api/accounts/${accountId}`, '{"a":', json)).toMatchObject({ status: 400 })
  })
})

describe('POST /api/accounts/import', () => {
  const path = '/api/accounts/import'
  const part = (name: string, body: string) => `--b\r\ncontent-disposition: form-data; ${name}\r\n\r\n${body}\r\n`
  const multipart = (body: string, type = 'multipart/form-data; boundary=b') =>
    refused('POST', path, body, { 'content-type': type })

  it.each([
    ['text/plain', 'hello'],
    ['application/json', '{"auth_json":{}}'],
    ['application/octet-stream', '{}'],
    ['application/x-www-form-urlencoded', 'auth_json=x'],
    ['multipart/mixed; boundary=b', part('name="auth_json"', '{}')],
  ])('refuses %s and says what to send', async (type, body) => {
    const refusal = await multipart(body, type)
    expect(refusal).toMatchObject({ status: 415, code: 'unsupported_media_type' })
  })

  it('refuses a request without a body', async () => {
    expect(await refused('POST', path)).toMatchObject({ status: 415, message: expect.stringContaining('multipart') })
  })

  it.each([
    ['no boundary', part('name="files"', '{}'), 'multipart/form-data'],
    ['an empty boundary', part('name="files"', '{}'), 'multipart/form-data; boundary='],
    ['another boundary', part('name="files"', '{}'), 'multipart/form-data; boundary=c'],
    ['a huge boundary', part('name="files"', '{}'), `multipart/form-data; boundary=${'b'.repeat(5_000)}`],
    ['an empty body', '', undefined],
    ['no part', '--b--\r\n', undefined],
    ['no end', part('name="files"; filename="a"', '{}'), undefined],
    ['an end in a header', '--b\r\ncontent-disposition: form-data; name="fi', undefined],
    [
      'an end in a file',
      '--b\r\ncontent-disposition: form-data; name="files"; filename="a"\r\n\r\n{"tokens"',
      undefined,
    ],
    ['a part without headers', '--b\r\n\r\n{}\r\n--b--\r\n', undefined],
    ['a part without a name', `${part('filename="a.json"', '{}')}--b--\r\n`, undefined],
    ['a huge header', `${part(`name="files"; filename="${'x'.repeat(100_000)}"`, '{}')}--b--\r\n`, undefined],
    ['the name __proto__', `${part('name="__proto__"', '{}')}--b--\r\n`, undefined],
    ['a file named __proto__', `${part('name="__proto__"; filename="a"', '{}')}--b--\r\n`, undefined],
    ['the name constructor', `${part('name="constructor"', '{}')}--b--\r\n`, undefined],
    [
      'JSON that is none',
      '--b\r\ncontent-disposition: form-data; name="files"\r\ncontent-type: application/json\r\n\r\n{\r\n--b--\r\n',
      undefined,
    ],
    ['no multipart at all', '{}', undefined],
    ['text before the first part', `hello\r\n`, undefined],
  ])('refuses multipart with %s', async (_what, body, type) => {
    const { status } = await multipart(body, type)
    expect([400, 415]).toContain(status)
  })

  it('refuses 2,001 files', async () => {
    const body = part('name="files"; filename="a.json"', '{}').repeat(2_001)
    expect(await multipart(`${body}--b--\r\n`)).toMatchObject({ status: 413, code: 'payload_too_large' })
  }, 20_000)

  it('refuses more than 64 MiB, whether it says its length or not', async () => {
    const file = part('name="files"; filename="a.json"', ' '.repeat(1024 * 1024 - 1))
    expect(await multipart(file.repeat(70))).toMatchObject({ status: 413, code: 'payload_too_large' })
  }, 20_000)

  it.each([
    ['a prototype', '{"__proto__":{"tokens":{}}}'],
    ['tokens of a prototype', '{"tokens":{"__proto__":{"access_token":"x"}}}'],
    ['deep nesting', '['.repeat(10_000) + ']'.repeat(10_000)],
    ['a NUL', '\0'],
    ['huge numbers', '{"tokens":{"id_token":1e999,"access_token":1e999,"refresh_token":1e999}}'],
    ['nothing', ''],
  ])('refuses a file with %s', async (_what, body) => {
    const refusal = await multipart(`${part('name="auth_json"; filename="auth.json"', body)}--b--\r\n`)
    expect(refusal).toMatchObject({ status: 400, code: 'invalid_auth_json' })
    expect(refusal.message).toContain('auth.json')
  })
})

describe('after all of it', () => {
  it('a good turn is answered', async () => {
    const body = JSON.stringify({ model: 'gpt-5.5', input: 'FAKE_TEXT: hello' })
    const answer = await fetch(`${rig.url}/v1/responses`, { method: 'POST', headers: json, body })
    expect(answer.status).toBe(200)
  })
})

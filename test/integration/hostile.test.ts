import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { refusalIn, stateOf, turnsSeen } from '../support/refusals.ts'
import { type Rig, startRig } from '../support/start.ts'

// Bodies that no turn can be made of: each is refused here, costs no account anything, and never reaches the upstream.

const paths = [
  '/backend-api/codex/responses',
  '/v1/responses',
  '/backend-api/codex/responses/compact',
  '/v1/responses/compact',
]
const good = {
  model: 'gpt-5.5',
  instructions: '',
  input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'FAKE_TEXT: hello' }] }],
  store: false,
  stream: true,
}
const goodText = JSON.stringify(good)

let rig: Rig
let before: object
beforeAll(async () => {
  rig = await startRig()
  before = await stateOf(rig)
})
afterAll(() => rig.close())

let seen = 0
beforeEach(() => {
  seen = turnsSeen(rig)
})
afterEach(async () => {
  expect(turnsSeen(rig)).toBe(seen)
  expect(await stateOf(rig)).toEqual(before)
})

async function refused(path: string, body: string | Buffer<ArrayBuffer>, headers: Record<string, string> = {}) {
  const answer = await fetch(rig.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    signal: AbortSignal.timeout(10_000),
  })
  return refusalIn(path, answer, await answer.text())
}

/** The good body with one field as given, or without it. */
function withField(name: string, value: string | null): string {
  const rest = Object.entries(good).filter(([key]) => key !== name)
  const fields = rest.map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`)
  return `{${[...fields, ...(value === null ? [] : [`${JSON.stringify(name)}:${value}`])].join(',')}}`
}

const deep = (open: string, close: string) => open.repeat(100_000) + close.repeat(100_000)

const noObjects: [what: string, body: string | Buffer<ArrayBuffer>][] = [
  ['nothing', ''],
  ['only space', ' \r\n\t '],
  ['an array', '[]'],
  ['an array of requests', `[${goodText}]`],
  ['null', 'null'],
  ['true', 'true'],
  ['a number', '42'],
  ['a huge number', '1'.repeat(100_000)],
  ['a text', '"text"'],
  ['an open brace', '{'],
  ['a closed brace', '}'],
  ['a cut object', goodText.slice(0, -1)],
  ['an object cut in a text', goodText.slice(0, 20)],
  ['an object cut after a backslash', '{"model":"\\'],
  ['an extra bracket', '{"model":]}'],
  ['mismatched brackets', '{"input":[}]}'],
  ['no value', '{"model":}'],
  ['a trailing comma', '{"model":"gpt-5.5",}'],
  ['two commas', '{"model":"gpt-5.5",,"input":[]}'],
  ['no comma', '{"model":"gpt-5.5" "input":[]}'],
  ['no colon', '{"model" "gpt-5.5"}'],
  ['bare keys', '{model:"gpt-5.5"}'],
  ['single quotes', "{'model':'gpt-5.5'}"],
  ['two objects', `${goodText}${goodText}`],
  ['text after the object', `${goodText} x`],
  ['a comment', `/* hello */ ${goodText}`],
  ['NaN', '{"model":NaN}'],
  ['undefined', '{"model":undefined}'],
  ['a leading zero', '{"max":007,"model":"gpt-5.5"}'],
  ['a plus sign', '{"max":+1,"model":"gpt-5.5"}'],
  ['a broken escape in a key', '{"mo\\xdel":"gpt-5.5"}'],
  ['a NUL before the object', `\0${goodText}`],
  ['a NUL after the object', `${goodText}\0`],
  ['UTF-16, little-endian', Buffer.from(goodText, 'utf16le')],
  ['UTF-16 with a byte order mark', Buffer.from(`\uFEFF${goodText}`, 'utf16le')],
  ['only a byte order mark', '\uFEFF'],
  ['two byte order marks', `\uFEFF\uFEFF${goodText}`],
  ['random bytes', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
  ['text that is not UTF-8', Buffer.from(goodText.replace('hello', 'h\xffllo'), 'latin1')],
  ['a key that is not UTF-8', Buffer.from(goodText.replace('"model"', '"mod\xc3l"'), 'latin1')],
  ['a form', 'model=gpt-5.5&input=hello'],
  ['a web page', '<!doctype html><title>hello</title>'],
  ['an event stream', `data: ${goodText}\n\n`],
  ['a hundred thousand arrays', deep('[', ']')],
  ['a hundred thousand objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
  ['a deep input', withField('input', deep('[', ']'))],
  ['a deep input that never closes', withField('input', '['.repeat(100_000))],
  ['a deep unknown field', withField('extra', deep('[', ']'))],
  ['only inherited fields', `{"__proto__":${goodText}}`],
  ['fields of a constructor', `{"constructor":{"prototype":${goodText}}}`],
]

describe.each(paths)('POST %s refuses', (path) => {
  it.each(noObjects)('%s', async (_what, body) => {
    expect(await refused(path, body)).toMatchObject({ status: 400, code: expect.stringMatching(/^invalid_request$/) })
  })
})

const wrongFields: [field: string, value: string | null][] = [
  ['model', null],
  ...['null', '5', '1e999', '-0', '""', '"  "', '[]', '["gpt-5.5"]', '{}', 'true'].map((value): [string, string] => [
    'model',
    value,
  ]),
  ['model', JSON.stringify('m'.repeat(201))],
  ['model', '"gpt-\u0001"'],
  ['input', null],
  ...['null', '5', '1e999', '{}', 'true', 'false'].map((value): [string, string] => ['input', value]),
  ...['5', '[]', '{}', 'true'].map((value): [string, string] => ['instructions', value]),
  ...['"yes"', '1', '0', '{}', '[]', '"true"'].map((value): [string, string] => ['stream', value]),
  ...['5', '"high"', '[]', 'true', '{"effort":}', '{"effort" "low"}'].map((value): [string, string] => [
    'reasoning',
    value,
  ]),
  ...['5', '{}', '[]', 'true'].map((value): [string, string] => ['previous_response_id', value]),
  ...['5', '{}', '[]', 'false'].map((value): [string, string] => ['prompt_cache_key', value]),
  ...['5', '{}', '[]', '1e400'].map((value): [string, string] => ['service_tier', value]),
]

describe.each(paths)('POST %s names the field at fault when', (path) => {
  it.each(wrongFields)('%s is %s', async (field, value) => {
    expect(await refused(path, withField(field, value))).toMatchObject({ status: 400, fields: [field] })
  })

  it('both previous_response_id and conversation are given', async () => {
    const body = JSON.stringify({ ...good, previous_response_id: 'resp_1', conversation: 'conv_1' })
    expect(await refused(path, body)).toMatchObject({ status: 400, fields: ['previous_response_id'] })
  })

  it('a field stands twice and the last is wrong', async () => {
    expect(await refused(path, `${goodText.slice(0, -1)},"model":7}`)).toMatchObject({ fields: ['model'] })
  })
})

const wrongPublic: [field: string, param: string, value: string][] = [
  ['input', 'input', '[]'],
  ['input', 'input[0]', '[5]'],
  ['input', 'input[0]', '[null]'],
  ['input', 'input[1]', '[{"role":"user","content":"a"},[]]'],
  ['include', 'include', '5'],
  ['include', 'include', '"reasoning.encrypted_content"'],
  ['include', 'include[0]', '["everything"]'],
  ['include', 'include[1]', '["reasoning.encrypted_content",{}]'],
  ['background', 'background', 'true'],
]

describe.each(paths.slice(1))('POST %s, which is rewritten, names', (path) => {
  it.each(wrongPublic)('the faulty %s as %s', async (field, param, value) => {
    expect(await refused(path, withField(field, value))).toMatchObject({ status: 400, fields: [param] })
  })
})

describe('the content type', () => {
  const claim = (type: string) => refused('/v1/responses', withField('model', '5'), { 'content-type': type })

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-16',
    'application/json;;;',
    '*/*',
  ])('does not matter: %s is read as JSON', async (type) => {
    expect(await claim(type)).toMatchObject({ status: 400, fields: ['model'] })
  })

  it.each(['json', 'a/b/c', '/', 'application/json, text/plain'])('must be one: %s is refused', async (type) => {
    expect(await claim(type)).toMatchObject({ status: expect.toSatisfy((status) => status === 400 || status === 415) })
  })
})

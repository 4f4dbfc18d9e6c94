import OpenAI, { toFile } from 'openai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addTranscriptionRoutes } from '../../src/proxy/pass/transcribe.ts'
import { a, askedOf, b, c, type PassRig, startPassRig } from '../support/pass-rig.ts'
import { refusalIn } from '../support/refusals.ts'
import { jsonOf, until } from '../support/simulator-client.ts'

let rig: PassRig
beforeEach(async () => {
  rig = await startPassRig(addTranscriptionRoutes)
})
afterEach(() => rig.close())

const native = '/backend-api/transcribe'
const open = '/v1/audio/transcriptions'
const upstream = '/backend-api/transcribe'

function form(fields: Record<string, string | Blob | null> = {}): FormData {
  const given = {
    file: new File(['RIFFsound'], 'voice.wav', { type: 'audio/wav' }),
    model: 'gpt-4o-transcribe',
    ...fields,
  }
  const made = new FormData()
  for (const [name, value] of Object.entries(given)) if (value !== null) made.append(name, value)
  return made
}
const post = (path: string, body: FormData, headers: Record<string, string> = {}) =>
  fetch(rig.url + path, { method: 'POST', body, headers })
const refused = async (path: string, answer: Response) => refusalIn(path, answer, await answer.text())

describe('a recording', { timeout: 30_000 }, () => {
  it('of Codex becomes text', async () => {
    const answer = await post(native, form({ model: null, prompt: 'Grüße' }))
    expect(answer.status).toBe(200)
    expect(await jsonOf(answer)).toEqual({ text: '9 bytes of audio/wav in voice.wav. You said before: Grüße' })
    expect((await rig.requests())[0]).toMatchObject({ route: native, model: 'gpt-4o-transcribe', status: 'success' })
  })

  it('of an SDK becomes text, in both forms that the upstream can give', async () => {
    const client = new OpenAI({ apiKey: 'sk-none', baseURL: `${rig.url}/v1`, maxRetries: 0 })
    const file = await toFile(Buffer.from('sound'), 'a.mp3', { type: 'audio/mpeg' })
    const model = 'gpt-4o-transcribe'
    const json = await client.audio.transcriptions.create({ file, model, language: 'de', temperature: 0, prompt: 'p' })
    expect(json.text).toBe('5 bytes of audio/mpeg in a.mp3. You said before: p')
    const text = await client.audio.transcriptions.create({ file, model: 'whisper-1', response_format: 'text' })
    expect(text).toBe('5 bytes of audio/mpeg in a.mp3.\n')
  })

  it('is rebuilt on its way, with few headers', async () => {
    const fields = { language: 'en', response_format: 'json', stream: 'false', prompt: 'hi' }
    expect((await post(open, form(fields), { 'x-stainless-lang': 'js', accept: 'application/json' })).status).toBe(200)
    const seen = rig.simulator.requests.findLast(({ path }) => path === upstream)
    expect(seen?.body).toEqual({ prompt: 'hi' })
    expect(Object.keys(seen?.headers ?? {}).sort()).toEqual([
      ...['authorization', 'chatgpt-account-id', 'connection', 'content-length', 'content-type', 'host', 'user-agent'],
    ])
  })

  it('is tried on the next account as a whole', async () => {
    rig.simulator.script(a, { kind: 'reset', path: 'transcribe' })
    const answer = await post(open, form())
    expect(await jsonOf(answer)).toEqual({ text: '9 bytes of audio/wav in voice.wav.' })
    expect(askedOf(rig, upstream)).toBe('ab')
  })

  it('of another model is refused by name, and so is what the upstream cannot do', async () => {
    const cases: [string, Record<string, string | null>, string][] = [
      ['model', { model: null }, 'gpt-4o-transcribe'],
      ['model', { model: 'whisper-2' }, 'gpt-4o-transcribe'],
      ['response_format', { response_format: 'srt' }, 'json or text'],
      ['response_format', { response_format: 'vtt' }, 'json or text'],
      ['response_format', { response_format: 'verbose_json' }, 'json or text'],
      ['stream', { stream: 'true' }, 'leave "stream" out'],
      ['include', { 'include[]': 'logprobs' }, 'log probabilities'],
      ['timestamp_granularities', { 'timestamp_granularities[]': 'word' }, 'timestamps'],
      ['file', { file: 'no file' }, '"file"'],
      ['file', { file: null }, '"file"'],
    ]
    for (const [field, fields, words] of cases) {
      const refusal = await refused(open, await post(open, form(fields)))
      expect(refusal).toMatchObject({ code: 'invalid_request', fields: [field] })
      expect(refusal.message).toContain(words)
    }
    expect(askedOf(rig, upstream)).toBe('')
  })

  it.each([
    ['is no form', 'application/json', '{}', 'unsupported_media_type'],
    ['is a broken form', 'multipart/form-data; boundary=x', '--x\r\nnonsense', 'invalid_request'],
    ['has no boundary', 'multipart/form-data', 'x', 'unsupported_media_type'],
    ['has too many parts', 'multipart/form-data; boundary=x', '--x\r\n'.repeat(100), 'payload_too_large'],
  ])('that %s is refused', async (_name, type, body, code) => {
    const answer = await fetch(rig.url + open, { method: 'POST', headers: { 'content-type': type }, body })
    expect(await refused(open, answer)).toMatchObject({ code })
  })

  it('may have 25 MiB, and not a byte more', async () => {
    const of = (bytes: number) => form({ file: new File([new Uint8Array(bytes)], 'long.wav') })
    expect((await post(open, of(25 * 1024 * 1024))).status).toBe(200)
    expect(await refused(open, await post(open, of(25 * 1024 * 1024 + 1)))).toMatchObject({ code: 'payload_too_large' })
    expect(await refused(open, await post(open, of(26 * 1024 * 1024)))).toMatchObject({ code: 'payload_too_large' })
    expect(askedOf(rig, upstream)).toBe('a')
  })

  it('waits outside while four others are held in memory', async () => {
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'hang', path: 'transcribe', times: 'always' })
    const leaving = new AbortController()
    const held = Array.from({ length: 4 }, () =>
      fetch(rig.url + open, { method: 'POST', body: form(), signal: leaving.signal }).catch(() => null),
    )
    await until(() => askedOf(rig, upstream).length === 4)
    const answer = await post(open, form())
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
    expect((await jsonOf(answer)).error.code).toBe('overloaded')
    leaving.abort()
    await Promise.all(held)
    await until(() => rig.running.entries().length === 0)
    for (const email of [a, b, c]) rig.simulator.reset(email)
    expect((await post(open, form())).status).toBe(200)
  })

  it('without a text in the answer is an error of the upstream', async () => {
    rig.simulator.script(a, { kind: 'html200', path: 'transcribe' })
    const answer = await post(open, form())
    expect([answer.status, (await jsonOf(answer)).error.code]).toEqual([502, 'upstream_error'])
  })

  it('refused by the upstream is told so in the words of the public API', async () => {
    rig.simulator.script(a, { kind: 'status', status: 400, body: 'detail', message: 'Too noisy.', path: 'transcribe' })
    expect(await refused(open, await post(open, form()))).toMatchObject({ status: 400, message: 'Too noisy.' })
  })

  it('is not written down', async () => {
    await post(open, form({ prompt: 'secret words' }))
    expect(JSON.stringify(await rig.requests()) + rig.logged()).not.toMatch(/secret|voice\.wav/)
  })
})

import { afterEach, describe, expect, it } from 'vitest'
import { addFileRoutes } from '../../src/proxy/pass/files.ts'
import { a, askedOf, b, type PassRig, type PassRigOptions, startPassRig } from '../support/pass-rig.ts'
import { refusalIn } from '../support/refusals.ts'
import { jsonOf } from '../support/simulator-client.ts'

let rig: PassRig
afterEach(() => rig.close())
const start = async (options: PassRigOptions = {}) => {
  rig = await startPassRig(addFileRoutes, options)
}

const files = '/backend-api/files'
const registration = { file_name: 'notes.txt', file_size: 5, use_case: 'codex' }
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(rig.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
const register = async (): Promise<{ file_id: string; upload_url: string }> => {
  const answer = await post(files, registration)
  expect(answer.status).toBe(200)
  return jsonOf(answer)
}
const refused = async (path: string, answer: Response) => refusalIn(path, answer, await answer.text())

describe('a file', { timeout: 30_000 }, () => {
  it('is registered, uploaded past us, and finished on the account that knows it', async () => {
    await start()
    const { file_id: id, upload_url: uploadUrl } = await register()
    expect(new URL(uploadUrl).origin).toBe(rig.simulator.url)
    expect((await fetch(uploadUrl, { method: 'PUT', body: 'hello' })).status).toBe(201)
    // Others would be chosen now.
    rig.parts.pool.report(rig.idOf(b), { kind: 'paused' })
    expect(await jsonOf(await post(`${files}/${id}/uploaded`, {}))).toEqual({ status: 'retry' })
    const done = await jsonOf(await post(`${files}/${id}/uploaded`, {}))
    expect(done).toMatchObject({ status: 'success', file_name: 'notes.txt', file_size_bytes: 5 })
    expect(askedOf(rig, files)).toBe('aaa')
    expect(await rig.parts.affinity.owner({ kind: 'file', id })).toBe(rig.idOf(a))
  })

  it('is asked for with few headers: an edge turns others away', async () => {
    await start()
    const headers = { 'x-stainless-lang': 'js', 'x-request-id': 'mine', 'x-codex-window-id': 'w1', originator: 'x' }
    const answer = await post(files, registration, headers)
    expect(answer.status).toBe(200)
    const seen = rig.simulator.requests.findLast(({ path }) => path === files)
    expect(seen?.headers).toMatchObject({
      'x-codex-window-id': 'w1',
      'user-agent': 'codex-lb/0',
      accept: 'application/json',
    })
    expect(Object.keys(seen?.headers ?? {})).not.toContain('x-stainless-lang')
    expect(seen?.body).toEqual(registration)
  })

  it('moves to the next account while nothing is registered', async () => {
    await start()
    rig.simulator.script(a, { kind: 'status', status: 503, path: 'files' })
    await register()
    expect(askedOf(rig, files)).toBe('ab')
    const [record] = await rig.requests()
    expect(record).toMatchObject({ route: files, model: null, status: 'success', httpStatus: 200, usage: null })
    expect(record?.attempts.map((one: { verdict: string }) => one.verdict)).toEqual(['transient', 'relay'])
    // What this endpoint cannot do says nothing of turns.
    expect(rig.parts.pool.get(rig.idOf(a))?.health.failures).toBe(0)
  })

  it('renews a refused token once, on the same account', async () => {
    await start()
    rig.simulator.script(a, { kind: 'unauthorized', path: 'files' })
    await register()
    expect(askedOf(rig, files)).toBe('aa')
    expect(rig.simulator.refreshes).toHaveLength(1)
  })

  it('asks another account when even the new token is refused, and leaves the sign-in alone', async () => {
    await start()
    rig.simulator.script(a, { kind: 'unauthorized', path: 'files', times: 2 })
    await register()
    expect(askedOf(rig, files)).toBe('aab')
    expect(rig.parts.pool.get(rig.idOf(a))?.health.signIn).toBe('ok')
  })

  it('passes by an account that is spent, which then serves nothing else', async () => {
    await start()
    rig.simulator.script(a, { kind: 'usage_limit', path: 'files' })
    await register()
    await register()
    expect(askedOf(rig, files)).toBe('abb')
  })

  it('is tried on three accounts at most', async () => {
    const accounts = ['a', 'b', 'c', 'd', 'e'].map((letter) => ({ email: `${letter}@example.com`, plan: 'plus' }))
    await start({ accounts })
    for (const { email } of accounts) rig.simulator.script(email, { kind: 'status', status: 500, path: 'files' })
    const answer = await post(files, registration)
    expect(answer.status).toBe(500)
    expect(askedOf(rig, files)).toHaveLength(3)
    expect((await rig.requests())[0]).toMatchObject({ status: 'error', httpStatus: 500 })
  })

  it('gets the upstream’s own refusal of what is wrong with it, from one account', async () => {
    await start()
    rig.simulator.script(a, { kind: 'invalid_request', message: 'Not this one.', path: 'files' })
    const answer = await post(files, registration)
    expect(await refused(files, answer)).toMatchObject({ status: 400, message: 'Not this one.' })
    expect(askedOf(rig, files)).toBe('a')
  })

  it.each([
    ['file_name', { ...registration, file_name: '' }],
    ['file_size', { ...registration, file_size: 0 }],
    ['file_size', { ...registration, file_size: 536_870_913 }],
    ['file_size', { ...registration, file_size: '5' }],
    ['use_case', { ...registration, use_case: 7 }],
  ])('is refused for its %s before anybody is asked', async (field, body) => {
    await start()
    expect(await refused(files, await post(files, body))).toMatchObject({ code: 'invalid_request', fields: [field] })
    expect(askedOf(rig, files)).toBe('')
  })

  it('may be as large as the upstream allows, and keeps what else is said of it', async () => {
    await start()
    const body = { file_name: 'a.bin', file_size: 536_870_912, extra: { kept: true } }
    expect((await post(files, body)).status).toBe(200)
    expect(rig.simulator.requests.at(-1)?.body).toEqual({ ...body, use_case: 'codex' })
  })

  it('that nobody here registered is a 404, and nobody is asked', async () => {
    await start()
    for (const id of ['file_unknown', '..%2F..%2Fcodex']) {
      const answer = await post(`${files}/${id}/uploaded`, {})
      expect(await refused(files, answer)).toMatchObject({ status: 404, code: 'file_not_found' })
    }
    expect(askedOf(rig, files)).toBe('')
  })

  it('cannot be finished while its account is out: no other is asked', async () => {
    await start()
    const { file_id: id } = await register()
    rig.parts.pool.report(rig.idOf(a), { kind: 'paused' })
    const answer = await post(`${files}/${id}/uploaded`, {})
    expect(answer.status).toBe(503)
    expect((await jsonOf(answer)).error.code).toBe('owner_unavailable')
    expect(askedOf(rig, files)).toBe('a')
  })

  it('is a bounded request', async () => {
    await start()
    const answer = await post(files, { ...registration, extra: 'x'.repeat(70_000) })
    expect(await refused(files, answer)).toMatchObject({ status: 413 })
  })

  it('leaves no place taken', async () => {
    await start()
    const { file_id: id } = await register()
    rig.simulator.script(a, { kind: 'reset', path: 'files' })
    await post(`${files}/${id}/uploaded`, {})
    expect(rig.parts.pool.accounts().map(({ inFlight }) => inFlight)).toEqual([0, 0, 0])
    expect(rig.running.entries()).toEqual([])
  })
})

import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Rig, startRig } from '../support/start.ts'
import type { Untyped } from '../support/untyped.ts'

let rig: Rig
beforeAll(async () => {
  rig = await startRig()
})
afterAll(() => rig.close())

const ask = async (method: string, path: string, body?: object) => {
  const answer = await fetch(rig.url + path, {
    method,
    ...(body
      ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json', 'x-request-id': 'mine-1' } }
      : {}),
  })
  return { status: answer.status, body: (await answer.json()) as Untyped }
}

it('a change is written down with who made it, what was there and what is there now', async () => {
  expect((await ask('PATCH', '/api/settings', { max_streams: 7 })).status).toBe(200)
  const { body } = await ask('GET', '/api/audit-logs?action=settings&limit=1')
  expect(body.items).toEqual([
    {
      id: expect.stringMatching(/^aud_/),
      at: expect.stringMatching(/Z$/),
      action: 'settings.change',
      actor: { kind: 'local', name: null, address: '127.0.0.1' },
      requestId: 'mine-1',
      target: null,
      outcome: 'success',
      before: { maxStreams: 24 },
      after: { maxStreams: 7 },
    },
  ])
})

it('what was refused changed nothing and is no entry', async () => {
  expect((await ask('POST', '/api/accounts/nobody/pause')).status).toBe(404)
  expect((await ask('GET', '/api/audit-logs?action=account.pause')).body).toEqual({ items: [], nextCursor: null })
})

it('an entry names the object that a path names', async () => {
  const { accountId } = await rig.account('a@example.com')
  await ask('POST', `/api/accounts/${accountId}/pause`)
  const { body } = await ask('GET', `/api/audit-logs?target_id=${accountId}`)
  expect(body.items).toMatchObject([{ action: 'account.pause', target: { kind: 'account', id: accountId } }])
})

it('a page goes on where the one before has ended', async () => {
  const all = (await ask('GET', '/api/audit-logs')).body.items
  const first = (await ask('GET', '/api/audit-logs?limit=1')).body
  const second = (await ask('GET', `/api/audit-logs?limit=1&cursor=${first.nextCursor}`)).body
  expect([...first.items, ...second.items]).toEqual(all.slice(0, 2))
})

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Conversation, ConversationList } from '../../src/contract/conversations.ts'
import { turnBody } from '../support/simulator-client.ts'
import { type Rig, startRig } from '../support/start.ts'
import { ask } from '../support/visitor.ts'

describe('conversations', { timeout: 30_000 }, () => {
  let rig: Rig
  beforeAll(async () => {
    rig = await startRig({ accounts: [{ email: 'a@example.com', plan: 'plus' }] })
    for (const id of ['thread/1', 'thread/1', 'thread 2?']) {
      const answer = await fetch(`${rig.url}/backend-api/codex/responses`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', session_id: id, 'user-agent': 'codex_cli_rs/0.169.0 (x)' },
        body: JSON.stringify(turnBody('FAKE_TEXT: hello')),
      })
      await answer.text()
    }
  })
  afterAll(() => rig.close())
  const get = async (path: string) => (await ask(rig.url, 'GET', path)).body

  it('are listed with their figures and names', async () => {
    const list = await get('/api/conversations')
    expect(ConversationList.parse(list)).toEqual(list)
    expect(list.nextCursor).toBeNull()
    expect(list.items.map(({ id, requests }: { id: string; requests: number }) => [id, requests])).toEqual([
      ['thread 2?', 1],
      ['thread/1', 2],
    ])
    expect(list.items[1]).toMatchObject({
      ...{ errors: 0, isCut: false },
      accounts: [{ displayName: 'a@example.com', requests: 2 }],
      keys: [{ keyId: null, name: null, requests: 2 }],
      clients: [{ client: 'codex_cli_rs', requests: 2 }],
      models: [{ model: 'gpt-5.5', requests: 2 }],
    })
    const log = await rig.requests()
    const cost = log.slice(1).reduce((sum, { costUsd }) => sum + costUsd, 0)
    expect(list.items[1].costUsd).toBeCloseTo(cost, 9)
  })

  it('are found by part of their name, one at a time, and by account', async () => {
    const ids = async (query: string) =>
      (await get(`/api/conversations?${query}`)).items.map(({ id }: { id: string }) => id)
    expect(await ids('search=AD/')).toEqual(['thread/1'])
    expect(await ids('search=%25')).toEqual([])
    expect(await ids('accountId=nobody')).toEqual([])
    const first = await get('/api/conversations?limit=1')
    expect(await ids(`limit=1&cursor=${first.nextCursor}`)).toEqual(['thread/1'])
    expect((await ask(rig.url, 'GET', '/api/conversations?limit=0')).status).toBe(400)
    expect((await ask(rig.url, 'GET', '/api/conversations?cursor=x')).status).toBe(400)
  })

  it('can be looked at one by one, whatever is in their name, and so can their requests', async () => {
    const one = await get(`/api/conversations/${encodeURIComponent('thread/1')}`)
    expect(Conversation.parse(one)).toEqual(one)
    expect(one).toMatchObject({ id: 'thread/1', requests: 2 })
    expect((await get(`/api/conversations/${encodeURIComponent('thread 2?')}`)).requests).toBe(1)
    const log = await get(`/api/request-logs?conversationId=${encodeURIComponent('thread/1')}`)
    expect(log.items).toHaveLength(2)
    for (const id of ['nothing', '%00', "'%20or%201=1"]) {
      const { status, body } = await ask(rig.url, 'GET', `/api/conversations/${id}`)
      expect([status, body.error.code]).toEqual([404, 'conversation_not_found'])
    }
  })
})

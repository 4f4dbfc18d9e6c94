import { afterEach, describe, expect, it } from 'vitest'
import type { SimulatedAccountOptions } from '../../src/simulator/accounts.ts'
import { modelsAnswer } from '../../src/simulator/models.ts'
import { createManualClock } from '../support/clock.ts'
import { eventually } from '../support/import-client.ts'
import { jsonOf, turnBody } from '../support/simulator-client.ts'
import { type Rig, type RigOptions, startRig } from '../support/start.ts'
import { a, ask, askedOf, b, c, closeClean } from '../support/turns.ts'

const path = '/backend-api/codex/models'

/** `only-a` is a model of the one Plus account, `only-pro` one of the two Pro accounts. */
const mixed: SimulatedAccountOptions[] = [
  { email: a, plan: 'plus', models: ['gpt-5.5', 'only-a'] },
  { email: b, plan: 'pro', models: ['gpt-5.5', 'only-pro'] },
  { email: c, plan: 'pro', models: ['gpt-5.5', 'only-pro'] },
]

let rig: Rig
afterEach(async () => closeClean(rig))

/** With the models of every account known to routing. */
async function start(options: RigOptions = {}): Promise<void> {
  rig = await startRig({ accounts: mixed, ...options })
  if (options.importAll !== false) await eventually('all lists were there', allKnown)
}

const allKnown = async () => (await holders('gpt-5.5')).accounts === 3
const slugsAt = async (url: string, headers = {}) => slugsOf(await jsonOf(await fetch(rig.url + url, { headers })))
const slugsOf = ({ models }: { models: { slug: string }[] }) => models.map(({ slug }) => slug)
const asked = () => rig.simulator.requests.filter((one) => one.path.startsWith(`${path}?`))
const allAnswered = async () => asked().every(({ status }) => status !== null)
const agent = (version: string) => ({ 'user-agent': `codex_exec/${version} (Debian 12.0.0; x86_64) xterm` })

async function holders(id: string): Promise<{ plans: string[]; accounts: number }> {
  const { models } = await jsonOf(await fetch(`${rig.url}/api/models`))
  const found = models.find((model: { id: string }) => model.id === id)
  return found ? { plans: found.plans, accounts: found.accounts } : { plans: [], accounts: 0 }
}

describe('the list of models', { timeout: 30_000 }, () => {
  it('is that of all accounts, with every field as the upstream sent it', async () => {
    await start()
    const { models } = await jsonOf(await fetch(`${rig.url}${path}?client_version=0.169.0`))
    expect(slugsOf({ models }).toSorted()).toEqual(['gpt-5.5', 'only-a', 'only-pro'])
    for (const account of rig.simulator.accounts) {
      for (const entry of modelsAnswer(account, '0.169.0').models) {
        expect(models).toContainEqual(entry)
      }
    }
    expect(await holders('gpt-5.5')).toEqual({ plans: ['pro', 'plus'], accounts: 3 })
    expect(await holders('only-a')).toEqual({ plans: ['plus'], accounts: 1 })
    expect(await holders('only-pro')).toEqual({ plans: ['pro'], accounts: 2 })
  })

  it('is there for public clients with what is known of each model, and nothing else', async () => {
    await start()
    const { object, data } = await jsonOf(await fetch(`${rig.url}/v1/models`))
    expect(object).toBe('list')
    expect(data).toContainEqual({
      id: 'gpt-5.5',
      object: 'model',
      created: 0,
      owned_by: 'codex-lb',
      name: 'GPT-5.5',
      context_length: 272_000,
      input_modalities: ['text', 'image'],
      supports_reasoning: true,
      supports_vision: true,
      capabilities: { reasoning: true, vision: true, parallel_tool_calls: true },
    })
    expect(await jsonOf(await fetch(`${rig.url}/v1/models/only-a`))).toMatchObject({ id: 'only-a' })
    expect((await fetch(`${rig.url}/v1/models/only-d`)).status).toBe(404)
    expect((await slugsAt('/v1/models?client_version=0.169.0')).toSorted()).toEqual(['gpt-5.5', 'only-a', 'only-pro'])
  })

  it.each([`${path}?client_version=0.169.0`, '/v1/models'])('has an ETag that stays: %s', async (url) => {
    await start()
    const first = await fetch(rig.url + url)
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/)
    expect(first.headers.get('content-type')).toContain('application/json')
    for (const known of [etag, `W/${etag}`, `"other", W/${etag}`, '*']) {
      const answer = await fetch(rig.url + url, { headers: { 'if-none-match': known } })
      expect([known, answer.status, await answer.text()]).toEqual([known, 304, ''])
      expect(answer.headers.get('etag')).toBe(etag)
    }
    for (const other of ['"other"', etag.slice(1, -1)]) {
      expect((await fetch(rig.url + url, { headers: { 'if-none-match': other } })).status).toBe(200)
    }
    await rig.restart()
    await eventually('all lists were there', allKnown)
    expect((await fetch(rig.url + url)).headers.get('etag')).toBe(etag)
  })

  it('holds back from an old client what it cannot use', async () => {
    await start({ accounts: mixed.map(({ email, plan }) => ({ email, plan })) })
    const all = ['gpt-6.1-sol', 'gpt-5.6-sol', 'gpt-5.5', 'gpt-5.4', 'gpt-5.4-mini', 'gpt-5.3-codex']
    expect(await slugsAt(path)).toEqual(all)
    expect(await slugsAt(`${path}?client_version=0.169.0`)).toEqual(all)
    expect(await slugsAt(`${path}?client_version=0.149.9`)).toEqual(all.slice(1))
    expect(await slugsAt(`${path}?client_version=0.98.0`)).toEqual(all.slice(3))
    expect(new Set(asked().map((one) => one.path))).toEqual(new Set([`${path}?client_version=0.169.0`]))
  })

  it('is only confirmed every five minutes, by account', async () => {
    const clock = createManualClock()
    await start({ app: { clock } })
    await eventually('all had answered', allAnswered)
    expect(asked().map(({ status }) => status)).toEqual([200, 200, 200])
    /** One round; its end sets the time of the next. */
    const again = async () => {
      const from = asked().length
      await eventually('all lists were asked for again', async () => {
        if (asked().length === from) clock.advance(60_000)
        return asked().length >= from + 3
      })
      await eventually('all had answered', allAnswered)
      return asked().slice(from)
    }
    const second = await again()
    expect(second.map(({ email, status }) => [email, status]).toSorted()).toEqual(
      [a, b, c].map((email) => [email, 304]),
    )
    expect(second.every(({ headers }) => /^W\//.test(headers['if-none-match'] ?? ''))).toBe(true)
    // One that fails keeps what it had, and the others do not notice.
    rig.simulator.script(a, { kind: 'status', status: 500, path: 'models' })
    const third = await again()
    expect(third.map(({ email, status }) => [email, status]).toSorted()).toEqual([
      [a, 500],
      [b, 304],
      [c, 304],
    ])
    expect(await holders('only-a')).toEqual({ plans: ['plus'], accounts: 1 })
    expect((await slugsAt(path)).toSorted()).toEqual(['gpt-5.5', 'only-a', 'only-pro'])
  })

  it('follows the newest Codex that was seen, also after a restart', async () => {
    await start()
    const seenWith = (version: string) => asked().filter((one) => one.path === `${path}?client_version=${version}`)
    await slugsAt(`${path}?client_version=0.175.0`, agent('0.175.0'))
    expect(
      seenWith('0.175.0')
        .map(({ email }) => email)
        .toSorted(),
    ).toEqual([a, b, c])
    expect(seenWith('0.175.0').map(({ status }) => status)).toEqual([200, 200, 200])
    await slugsAt(path, { 'user-agent': 'curl/99.0.0' })
    await slugsAt(path, agent('0.170.0'))
    expect(seenWith('0.170.0')).toEqual([])
    expect(seenWith('99.0.0')).toEqual([])
    const from = asked().length
    await rig.restart()
    await eventually('all lists were asked for again', async () => asked().length >= from + 3)
    expect(
      new Set(
        asked()
          .slice(from)
          .map((one) => one.path),
      ),
    ).toEqual(new Set([`${path}?client_version=0.175.0`]))
  })

  it('follows a newer Codex from its first turn on', async () => {
    await start()
    expect((await ask(rig, turnBody('hello'), { headers: agent('0.176.0') })).status).toBe(200)
    await eventually('the lists were asked for', async () => asked().some((one) => one.path.endsWith('=0.176.0')))
    await eventually('all had answered', allAnswered)
  })
})

describe('a model that only some plans have', { timeout: 30_000 }, () => {
  const turnOf = (model: string) => ask(rig, turnBody('hello', { model }))

  it('is served by their accounts only', async () => {
    await start()
    for (let i = 0; i < 4; i++) expect(await turnOf('only-a')).toMatchObject({ status: 200 })
    expect(askedOf(rig.simulator)).toBe('aaaa')
    for (let i = 0; i < 4; i++) expect(await turnOf('only-pro')).toMatchObject({ status: 200 })
    expect(askedOf(rig.simulator).slice(4)).toMatch(/^[bc]{4}$/)
  })

  it('is refused with the reason when its one account is out, and asks nobody else', async () => {
    await start()
    rig.simulator.setUsed(a, 'short', 100, 3_600)
    const spent = await turnOf('only-a')
    expect([spent.status, spent.error]).toMatchObject([429, { type: 'usage_limit_reached' }])
    expect(askedOf(rig.simulator)).toBe('a')
    expect((await turnOf('only-a')).status).toBe(429)
    expect(askedOf(rig.simulator)).toBe('a')
    expect((await turnOf('gpt-5.5')).status).toBe(200)
  })

  it('is still in the list while its account is paused, and the error says so', async () => {
    await start()
    const { accountId } = await rig.account(a)
    await fetch(`${rig.url}/api/accounts/${accountId}/pause`, { method: 'POST' })
    expect(await slugsAt(path)).toContain('only-a')
    const told = await turnOf('only-a')
    expect([told.status, told.error]).toMatchObject([503, { message: 'No account can serve: 1 paused.' }])
    expect(askedOf(rig.simulator)).toBe('')
  })
})

describe('when the upstream does not answer', { timeout: 30_000 }, () => {
  const down = () => {
    for (const email of [a, b, c]) rig.simulator.script(email, { kind: 'reset', path: 'models', times: 'always' })
  }

  it('a restart keeps the list, and who has what', async () => {
    await start()
    const before = await slugsAt(path)
    down()
    await rig.restart()
    expect(await slugsAt(path)).toEqual(before)
    expect(await holders('only-a')).toEqual({ plans: ['plus'], accounts: 1 })
    expect((await ask(rig, turnBody('hello', { model: 'only-a' }))).status).toBe(200)
    expect(askedOf(rig.simulator)).toBe('a')
  })

  it('and never has, a fixed list is shown and every account may be tried', async () => {
    await start({ importAll: false })
    expect(await slugsAt(`${path}?client_version=0.169.0`)).toContain('gpt-5.6-terra')
    expect(await slugsAt(`${path}?client_version=0.100.0`)).not.toContain('gpt-5.5')
    const { data } = await jsonOf(await fetch(`${rig.url}/v1/models`))
    expect(data.map(({ id }: { id: string }) => id)).not.toContain('codex-auto-review')
    down()
    await rig.importAccounts()
    expect(await slugsAt(path)).toContain('gpt-5.6-terra')
    expect(await holders('gpt-5.5')).toEqual({ plans: [], accounts: 0 })
    // Nobody has said so, but one account has it.
    expect((await ask(rig, turnBody('hello', { model: 'only-a' }))).status).toBe(200)
  })
})

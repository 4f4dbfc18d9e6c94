import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mostArrivals } from '../../src/accounts/what-if.ts'
import { openConfiguredStore } from '../../src/app-store.ts'
import { readConfig } from '../../src/config.ts'
import { hourMs, minuteMs } from '../../src/domain/quota.ts'
import type { RequestRecord } from '../../src/domain/request.ts'
import type { Store } from '../../src/store/store.ts'
import { seededRandom } from '../support/accounts.ts'
import { type RunningCommand, startCommand } from '../support/command.ts'
import { jsonOf } from '../support/simulator-client.ts'
import { type Rig, startRig } from '../support/start.ts'
import { requestRecord } from '../support/stores.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let rig: Rig
/** A second hand on the database of the server that runs. */
let store: Store
let program: RunningCommand | null = null
beforeEach(async () => {
  rig = await startRig({ accounts: ['a', 'b', 'c'].map((name) => ({ email: `${name}@example.com`, plan: 'plus' })) })
  store = await openConfiguredStore(readConfig({ CODEX_LB_DATA_DIR: rig.dataDir }, rig.dataDir).config, {
    warn: () => {},
  })
})
afterEach(async () => {
  program?.process.kill('SIGKILL')
  await program?.ended
  program = null
  await store.close()
  await rig.close()
})

/** Six threads that work side by side for so many turns, the last of them a minute ago. */
async function logTurns(count: number, apartMs: number): Promise<void> {
  const random = seededRandom(5)
  const [{ id: accountId } = { id: '' }] = await store.accounts.list()
  const grown = new Map<string, number>()
  const endMs = Date.now() - minuteMs
  let records: RequestRecord[] = []
  for (let at = 0; at < count; at++) {
    const threadId = `thread-${random.below(6)}`
    const known = grown.get(threadId) ?? 0
    const before = known > 15_000 ? 0 : known
    const input = before + 500 + random.below(1_000)
    grown.set(threadId, input + 200)
    const usage = { input, cached: Math.round(before * 0.5), output: 200, reasoning: 0 }
    const atMs = endMs - (count - 1 - at) * apartMs
    const what = { threadId, sessionId: null, affinityKey: threadId, accountId, totalMs: 3_000 }
    records.push(requestRecord(`logged-${String(at).padStart(6, '0')}`, { atMs, usage, ...what }))
    if (records.length === 2_000 || at === count - 1) {
      await store.requests.add(records)
      records = []
    }
  }
}

const post = (body: object) =>
  fetch(`${rig.url}/api/routing/what-if`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
const asked = async (body: object) => {
  const answer = await post(body)
  expect(answer.status).toBe(200)
  return jsonOf(answer)
}
const setSettings = async (change: object) => {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${rig.url}/api/settings`, { method: 'PATCH', headers, body: JSON.stringify(change) })
  expect(answer.status).toBe(200)
}

describe('POST /api/routing/what-if', () => {
  it('replays the log through the present settings first, and then through every other strategy', async () => {
    await logTurns(600, 20_000)
    const seen = await asked({})
    const strategies = seen.results.map(({ strategy }: { strategy: string }) => strategy)
    expect(strategies).toEqual([
      'cache_value',
      ...['capacity_weighted', 'relative_availability', 'usage_weighted', 'round_robin'],
      ...['fill_first', 'sequential_drain', 'reset_drain'],
    ])
    expect(seen.arrivals).toBe(600)
    expect(seen.results.map(({ isCurrent }: { isCurrent: boolean }) => isCurrent)).toEqual([
      true,
      ...Array(7).fill(false),
    ])
    for (const result of seen.results) {
      expect(result).toMatchObject({ turns: 600, refused: 0, windowsHit: 0 })
      // The log shows that half of what could be cached was.
      expect(result.cachedSharePercent).toBeGreaterThan(35)
      expect(result.cachedSharePercent).toBeLessThan(50)
    }
    expect(seen.assumptions.join(' ')).toMatch(/counts 50 % of it as cached/)
    expect(seen.assumptions.join(' ')).toContain('single_account is left out')
    const again = await asked({})
    expect(again.results).toEqual(seen.results)
  })

  it('shows windows that are used up and turns that are refused where the pool is too small', async () => {
    // Five credits come to 100,000 weighted tokens.
    await setSettings({ planCapacities: { plus: { short: 5, weekly: 200, monthly: null } } })
    await logTurns(600, 20_000)
    const { results } = await asked({ strategies: ['fill_first'], since: 12 })
    expect(results).toHaveLength(2)
    for (const { turns, refused, windowsHit, switches } of results) {
      expect(turns).toBe(600)
      expect(windowsHit).toBeGreaterThan(2)
      expect(refused).toBeGreaterThan(50)
      expect(refused).toBeLessThan(turns)
      expect(switches).toBeGreaterThan(0)
    }
  })

  it('begins with what was known of the windows then', async () => {
    await setSettings({ planCapacities: { plus: { short: 10, weekly: 400, monthly: null } } })
    await logTurns(60, 20_000)
    const before = (await asked({ strategies: ['round_robin'], since: 1 })).results[1]
    expect(before).toMatchObject({ refused: 0, windowsHit: 0 })
    const hour = Math.floor(Date.now() / hourMs) * hourMs
    const known = (accountId: string) => ({
      ...{ accountId, kind: 'short' as const, lastPercent: 99, minPercent: 90, maxPercent: 99, burnedPercent: 9 },
      ...{ atMs: hour - 2 * hourMs, resetAtMs: Date.now() + 3 * hourMs, samples: 12 },
    })
    await store.usage.saveHours((await store.accounts.list()).map(({ id }) => known(id)))
    const after = (await asked({ strategies: ['round_robin'], since: 1 })).results[1]
    expect(after.windowsHit).toBe(3)
    expect(after.refused).toBeGreaterThan(10)
  })

  it('takes null for the default of a setting, as a change of settings does', async () => {
    await logTurns(300, 20_000)
    await setSettings({ affinityMinutes: 0, planCapacities: { plus: { short: 1, weekly: 1, monthly: null } } })
    const ask = async (settings: object) => (await asked({ strategies: ['round_robin'], settings })).results[1]
    const asDefault = await ask({ affinityMinutes: 30, planCapacities: {} })
    expect(asDefault).not.toEqual(await ask({}))
    expect(await ask({ affinityMinutes: null, planCapacities: null })).toEqual(asDefault)
  })

  it('tries other settings beside the strategies', async () => {
    await logTurns(300, 20_000)
    const { results } = await asked({ strategies: ['round_robin'], settings: { affinityMinutes: 0 } })
    const [now, cold] = results
    expect(now).toMatchObject({ strategy: 'cache_value', isCurrent: true })
    expect(cold).toMatchObject({ strategy: 'round_robin', isCurrent: false })
    expect(cold.switches).toBeGreaterThan(now.switches + 100)
    expect(cold.paidAgainTokens).toBeGreaterThan(now.paidAgainTokens)
    const [{ id } = { id: '' }] = await store.accounts.list()
    const single = await asked({ strategies: ['single_account'], settings: { singleAccountId: id } })
    expect(single.results[1]).toMatchObject({ strategy: 'single_account', switches: 0, refused: 0 })
  })

  it('answers for an empty log', async () => {
    expect(await asked({ strategies: ['round_robin'] })).toMatchObject({
      arrivals: 0,
      results: [{ turns: 0, cachedSharePercent: 0 }, { turns: 0 }],
    })
  })

  it.each([
    ['a strategy that there is not', { strategies: ['fastest'] }, 'strategies'],
    ['no strategy', { strategies: [] }, 'strategies'],
    ['a time too long ago', { since: 721 }, 'since'],
    ['a moment too long ago', { since: '2020-01-01T00:00:00.000Z' }, 'since'],
    ['a moment to come', { since: '2090-01-01T00:00:00.000Z' }, 'since'],
    ['a setting that has nothing to do with it', { settings: { resetCreditRule: 'never' } }, 'settings'],
    ['a setting that there is not', { settings: { speed: 1 } }, 'settings'],
    ['a word that is not known', { until: 5 }, 'until'],
  ])('refuses %s', async (_what, body, field) => {
    const answer = await post(body)
    expect(answer.status).toBe(400)
    expect(JSON.stringify(await jsonOf(answer))).toContain(field)
  })

  it('takes the newest of very many turns, makes way for others meanwhile, and runs once at a time', async () => {
    await logTurns(mostArrivals + 300, 4_000)
    let isOver = false
    const running = asked({ since: 48 }).finally(() => {
      isOver = true
    })
    const second = await post({})
    expect(second.status).toBe(503)
    expect(second.headers.get('retry-after')).toBe('10')
    expect((await jsonOf(second)).error).toMatchObject({ code: 'overloaded' })
    let answered = 0
    while (!isOver) {
      expect((await fetch(`${rig.url}/api/settings`)).status).toBe(200)
      if (!isOver) answered++
    }
    expect(answered).toBeGreaterThan(5)
    const seen = await running
    expect(seen.arrivals).toBe(mostArrivals)
    expect(seen.assumptions.join(' ')).toContain('Only the newest turns')
    expect(seen.results.every(({ turns }: { turns: number }) => turns === mostArrivals)).toBe(true)
    expect((await post({ strategies: ['round_robin'], since: 1 })).status).toBe(200)
  })
})

describe('codex-lb what-if beside a running server', () => {
  const run = async (...args: string[]) => {
    program = startCommand(['what-if', ...args], { CODEX_LB_DATA_DIR: rig.dataDir }, rig.dataDir)
    const { code } = await program.ended
    return { code, stdout: program.stdout(), stderr: program.stderr() }
  }

  it('prints a table, and what it takes for granted', async () => {
    await logTurns(120, 20_000)
    const { code, stdout, stderr } = await run('--since', '2h', '--strategy', 'round_robin', '--strategy=fill_first')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^120 turns, /)
    expect(stdout).toMatch(/^strategy +windows hit +refused +waited +switches +cached % +tokens paid again$/m)
    expect(stdout).toMatch(/^cache_value \(now\) +0 +0 +0 /m)
    expect(stdout).toMatch(/^round_robin +0 /m)
    expect(stdout).toMatch(/^fill_first +0 /m)
    expect(stdout).not.toMatch(/^usage_weighted/m)
    expect(stdout).toContain('Taken for granted: ')
  })

  it('prints the answer of the API as JSON', async () => {
    await logTurns(120, 20_000)
    const { code, stdout } = await run('--json', '--strategy', 'round_robin', '--since', '24h')
    expect(code).toBe(0)
    const printed = JSON.parse(stdout)
    const { since: _since, until: _until, ...told } = await asked({ strategies: ['round_robin'], since: 24 })
    expect(printed).toMatchObject(told)
    expect(Object.keys(printed)).toEqual(['since', 'until', 'arrivals', 'assumptions', 'results'])
  })

  it.each([
    [['--since', 'soon'], /option "--since" takes days or hours.*not "soon"/],
    [['--since', '31d'], /option "--since" takes days or hours/],
    [['--since'], /option "--since" needs 7d/],
    [['--strategy', 'fill_frist'], /option "--strategy": there is no "fill_frist"; the nearest is "fill_first"/],
    [['--strategy', '--json'], /option "--strategy" needs NAME/],
    [['--json=yes'], /option "--json" takes no value/],
    [['--stratgy', 'x'], /unknown option "--stratgy"; the nearest is "--strategy"/],
    [['7d'], /"what-if" takes nothing after it, but got "7d"/],
  ])('refuses %j with a hint', async (args, hint) => {
    const { code, stdout, stderr } = await run(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(hint)
  })
})

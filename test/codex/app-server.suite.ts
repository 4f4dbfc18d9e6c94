import { afterEach, describe, expect, it, vi } from 'vitest'
import type { SimulatedAccountOptions } from '../../src/simulator/accounts.ts'
import { type AppServer, startAppServer } from './app-server.ts'
import { answersIn, clientVersions, createCodex, troubleIn } from './codex.ts'
import { type ConfigChanges, configToml } from './config.ts'
import { startOutside } from './outside.ts'
import { type Product, poolEmails, startProduct, visitorEmail } from './product.ts'
import { startTap, type Tap } from './tap.ts'

const [ann = '', ben = '', cleo = ''] = poolEmails
const spark = (shortUsedPercent: number) => ({
  meters: [{ name: 'gpt-5.5-spark', feature: 'codex_bengalfox', shortUsedPercent }],
})
/** Together 40 % of the short and 20 % of the weekly windows, and 30 % of the meter. */
const pool: Record<string, Partial<SimulatedAccountOptions>> = {
  [ann]: {
    ...{ shortUsedPercent: 90, weeklyUsedPercent: 50, creditsBalance: 9.5, resetCredits: 1, ...spark(20) },
    statistics: {
      ...{ lifetimeTokens: 1_000, peakDailyTokens: 90, longestTurnSeconds: 540 },
      ...{ currentStreakDays: 2, longestStreakDays: 14, days: { '2026-01-02': 30 } },
    },
  },
  [ben]: { shortUsedPercent: 30, weeklyUsedPercent: 10, resetCredits: 2, ...spark(40) },
  [cleo]: { statistics: { lifetimeTokens: 5, days: { '2026-01-02': 70, '2026-01-03': 1 } } },
  // The person at the client has figures of her own, which must not show.
  [visitorEmail]: { shortUsedPercent: 77, weeklyUsedPercent: 66, statistics: { lifetimeTokens: 999_999 } },
}

let closing: (() => Promise<void>)[] = []
afterEach(async () => {
  const last = closing.toReversed()
  closing = []
  const failures: unknown[] = []
  for (const close of last) await close().catch((error: unknown) => failures.push(error))
  expect(failures).toEqual([])
})

async function start(version: (typeof clientVersions)[number], changes: ConfigChanges = {}, accounts = pool) {
  const outside = await startOutside()
  closing.push(async () => {
    await outside.close()
    expect(outside.asked, 'went to the internet').toEqual([])
  })
  const product: Product = await startProduct(accounts)
  closing.push(product.close)
  await vi.waitFor(async () => expect(await windowsOf(product)).toEqual([2, 2, 2]), { timeout: 10_000 })
  const tap: Tap = await startTap(product.url)
  closing.push(tap.close)
  const config = configToml(tap.url, { provider: 'requires_openai_auth = true\n', ...changes })
  const login = product.simulator.authJson(visitorEmail)
  const codex = await createCodex({ version, config, outsideUrl: outside.url, login })
  closing.push(codex.remove)
  const appServer = async (): Promise<AppServer> => {
    const server = await startAppServer(codex)
    closing.push(server.close)
    return server
  }
  return { product, tap, codex, appServer }
}

/** How many windows are known of each account. */
async function windowsOf({ url }: Product): Promise<number[]> {
  const { accounts } = JSON.parse(await (await fetch(`${url}/api/accounts`)).text())
  return accounts.map(({ windows }: { windows: unknown[] }) => windows.length)
}

const key = '7f2f0b46-3f0d-4f6c-9d59-0a5c7c9d3c11'

describe.each(clientVersions)('the app-server of Codex %s', (version) => {
  it('reads the figures of the pool as its rate limits', async () => {
    const { appServer } = await start(version)
    const read = await (await appServer()).result('account/rateLimits/read')
    const figures = {
      primary: { usedPercent: 40, windowDurationMins: 300 },
      secondary: { usedPercent: 20, windowDurationMins: 10_080 },
      credits: { hasCredits: true, unlimited: false, balance: '9.5' },
      planType: 'plus',
      rateLimitReachedType: null,
    }
    expect(read).toMatchObject({
      rateLimits: figures,
      rateLimitsByLimitId: {
        codex: figures,
        codex_bengalfox: { limitName: 'gpt-5.5-spark', primary: { usedPercent: 30 }, secondary: null },
      },
      rateLimitResetCredits: { availableCount: 3 },
    })
    if (version === '0.142.2') return
    expect(read.ordinaryUsageAllowed).toBe(true)
    expect(read.rateLimitResetCredits.credits).toHaveLength(3)
  })

  it('learns that the pool is out, and by which limit', async () => {
    const out = Object.fromEntries(poolEmails.map((email) => [email, { weeklyUsedPercent: 100 }]))
    const { appServer } = await start(version, {}, out)
    const { rateLimits } = await (await appServer()).result('account/rateLimits/read')
    expect(rateLimits).toMatchObject({ secondary: { usedPercent: 100 }, rateLimitReachedType: 'rate_limit_reached' })
  })

  it('reads the statistics of the pool as its usage', async () => {
    const { appServer } = await start(version)
    expect(await (await appServer()).result('account/usage/read')).toMatchObject({
      summary: {
        ...{ lifetimeTokens: 1_005, peakDailyTokens: 100, longestRunningTurnSec: 540 },
        ...{ currentStreakDays: 2, longestStreakDays: 14 },
      },
      dailyUsageBuckets: [
        { startDate: '2026-01-02', tokens: 100 },
        { startDate: '2026-01-03', tokens: 1 },
      ],
    })
  })

  it('uses a reset credit of the pool, once for one request', async () => {
    const { appServer, product } = await start(version)
    const server = await appServer()
    const consume = (idempotencyKey: string) =>
      server.result('account/rateLimitResetCredit/consume', { idempotencyKey })
    expect(await consume(key)).toEqual({ outcome: 'reset' })
    expect(await consume(key)).toEqual({ outcome: 'reset' })
    const sent = product.simulator.requests.filter(({ path }) => path.endsWith('/consume'))
    expect(sent.map(({ email }) => email)).toEqual([ann])
    const { rateLimits, rateLimitResetCredits } = await server.result('account/rateLimits/read')
    expect(rateLimits).toMatchObject({ primary: { usedPercent: 10 }, secondary: { usedPercent: 3 } })
    expect(rateLimitResetCredits.availableCount).toBe(2)
  })

  it('reads its account, and stays with the pool', async () => {
    const { appServer, tap, codex } = await start(version)
    const server = await appServer()
    expect(await server.result('account/read')).toMatchObject({ account: { type: 'chatgpt', email: visitorEmail } })
    expect(await server.result('account/rateLimits/read')).toMatchObject({
      rateLimits: { primary: { usedPercent: 40 } },
    })
    await server.close()
    const run = await codex.turn('FAKE_TEXT: an answer')
    expect([troubleIn(run), answersIn(run)]).toEqual([[], ['an answer']])
    expect(tap.seen.filter(({ method }) => method === 'POST').map(({ path }) => path)).toEqual([
      '/backend-api/codex/responses',
    ])
  })
})

describe('Codex 0.169.0 with a provider named exactly "OpenAI" and its account calls at the same origin', () => {
  it('never goes past the pool: without https the turn fails in plain sight', async () => {
    const { appServer, product, codex } = await start('0.169.0', { name: 'OpenAI' })
    const server = await appServer()
    const { workspaceRouting } = await server.result('account/read')
    expect(new URL(workspaceRouting.backendOrigin).hostname).toBe('127.0.0.1')
    const { thread } = await server.result('thread/start', { cwd: codex.folder })
    const input = [{ type: 'text', text: 'FAKE_TEXT: never said' }]
    await server.result('turn/start', { threadId: thread.id, input })
    const { error } = await server.hears('error')
    expect(error.message).toMatch(/Reconnecting/)
    expect(product.upstreamTurns()).toEqual([])
  })
})

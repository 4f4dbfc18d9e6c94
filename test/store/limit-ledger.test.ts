import { beforeEach, describe, expect, it } from 'vitest'
import { dayMs, minuteMs } from '../../src/domain/quota.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { aLimit, heldBy, ledgerAsk, startLedger, tokens } from '../support/ledger.ts'
import { requestRecord } from '../support/stores.ts'
import { onEveryEngine } from './suite.ts'

const noonMs = Date.UTC(2026, 7, 20, 12)
const midnightMs = Date.UTC(2026, 7, 21)

onEveryEngine((context, engine) => {
  describe('the limits of a key', () => {
    let clock: ManualClock
    beforeEach(() => {
      clock = createManualClock(noonMs)
    })
    const start = async (flushLog?: () => Promise<void>) => {
      const ledger = startLedger(context.store.ledger, clock, flushLog)
      await ledger.load()
      return ledger
    }
    const used = (given: object) => expect.objectContaining(given)

    it('take what is declared at once, and what was used in the end', async () => {
      const ledger = await start()
      const limits = [aLimit(), aLimit({ id: 'lim_2', kind: 'requests', max: 3 })]
      const held = await heldBy(ledger.reserve(ledgerAsk(limits, { declared: tokens(20, 10) })))
      const stand = () => ledger.standing('key_1', limits)
      expect(await stand()).toEqual([used({ used: 0, reserved: 30, left: 70 }), used({ reserved: 1, left: 2 })])
      expect(ledger.settle(held, tokens(5, 40))).toBe(true)
      expect(ledger.settle(held, tokens(5, 40))).toBe(false)
      expect(ledger.release(held)).toBe(false)
      expect(await stand()).toEqual([used({ used: 45, reserved: 0, left: 55 }), used({ used: 1, left: 2 })])
    })

    it('get everything back from a request that came to nothing', async () => {
      const ledger = await start()
      const limits = [aLimit({ kind: 'requests', max: 1 })]
      const held = await heldBy(ledger.reserve(ledgerAsk(limits)))
      expect((await ledger.reserve(ledgerAsk(limits))).refusal).toMatchObject({ used: 0, reserved: 1 })
      expect(ledger.release(held)).toBe(true)
      expect((await ledger.reserve(ledgerAsk(limits))).held).not.toBeNull()
    })

    it('let in one of two requests that come at once for the last place', async () => {
      const ledger = await start()
      const limits = [aLimit({ kind: 'requests', max: 1 })]
      const both = await Promise.all([ledger.reserve(ledgerAsk(limits)), ledger.reserve(ledgerAsk(limits))])
      expect(both.map(({ held }) => held !== null)).toEqual([true, false])
      expect(both[1]?.refusal).toMatchObject({ limit: limits[0], resetAtMs: midnightMs, isHeld: false })
    })

    it('reserve nothing for a request that none of them counts', async () => {
      const ledger = await start()
      const limits = [aLimit({ model: 'gpt-5.4' })]
      expect(await ledger.reserve(ledgerAsk(limits))).toEqual({ held: null, refusal: null })
      expect(await ledger.reserve(ledgerAsk([]))).toEqual({ held: null, refusal: null })
      expect((await context.store.ledger.load(noonMs)).open).toEqual([])
    })

    it('begin anew with the next window, and a request counts in the one it began in', async () => {
      const ledger = await start()
      const limits = [aLimit({ max: 10 })]
      const held = await heldBy(ledger.reserve(ledgerAsk(limits)))
      expect((await ledger.reserve(ledgerAsk(limits))).refusal?.resetAtMs).toBe(midnightMs)
      clock.advance(dayMs / 2)
      expect(await ledger.standing('key_1', limits)).toEqual([used({ used: 0, reserved: 0 })])
      ledger.settle(held, tokens(10))
      expect(await ledger.standing('key_1', limits)).toEqual([used({ used: 0, reserved: 0 })])
      expect((await ledger.reserve(ledgerAsk(limits))).held).not.toBeNull()
    })

    it('survive a restart', async () => {
      const first = await start()
      const limits = [aLimit()]
      first.settle(await heldBy(first.reserve(ledgerAsk(limits))), tokens(33))
      await first.close()
      expect(await (await start()).standing('key_1', limits)).toEqual([used({ used: 33, reserved: 0 })])
    })

    it('count after a crash what the log knows, and the rest as declared', async () => {
      const first = await start()
      const limits = [aLimit({ max: 1_000 })]
      const reserve = (id: string) => heldBy(first.reserve(ledgerAsk(limits, { id, declared: tokens(60, 40) })))
      const logged = await reserve('req_logged')
      await reserve('req_lost')
      first.release(await reserve('req_refused'))
      await first.flush()
      const usage = { input: 3, cached: 0, output: 4, reasoning: 0 }
      await context.store.requests.add([requestRecord('req_logged', { keyId: 'key_1', usage })])
      first.settle(logged, tokens(3, 4))
      first.crash()
      // On a database that others may use a server is known to be dead when it has been silent for half a minute.
      const second = await start()
      const isShared = engine.name !== 'SQLite'
      if (isShared) {
        expect(await second.standing('key_1', limits)).toEqual([used({ used: 0, reserved: 200 })])
        clock.advance(31_000)
        await second.refresh()
      }
      expect(await second.standing('key_1', limits)).toEqual([used({ used: 107, reserved: 0 })])
      await second.close()
      expect((await context.store.ledger.load(noonMs)).open).toEqual([])
    })

    it.skipIf(engine.name === 'SQLite')('are counted together by the servers that share a database', async () => {
      const limits = [aLimit({ max: 1_000 })]
      const [first, second] = [await start(), await start()]
      first.settle(await heldBy(first.reserve(ledgerAsk(limits))), tokens(50))
      second.settle(await heldBy(second.reserve(ledgerAsk(limits))), tokens(7))
      await heldBy(first.reserve(ledgerAsk(limits, { declared: tokens(10) })))
      await Promise.all([first.flush(), second.flush()])
      await Promise.all([first.refresh(), second.refresh()])
      for (const server of [first, second])
        expect(await server.standing('key_1', limits)).toEqual([used({ used: 57, reserved: 10 })])
      first.crash()
      clock.advance(15_000)
      await second.refresh()
      expect(await second.standing('key_1', limits)).toEqual([used({ used: 57, reserved: 10 })])
      clock.advance(16_000)
      await second.refresh()
      expect(await second.standing('key_1', limits)).toEqual([used({ used: 67, reserved: 0 })])
    })

    it('keep their counts when only their size changes', async () => {
      const ledger = await start()
      ledger.settle(await heldBy(ledger.reserve(ledgerAsk([aLimit()]))), tokens(70))
      expect(await ledger.standing('key_1', [aLimit({ max: 75 })])).toEqual([used({ used: 70, left: 5 })])
      expect(await ledger.standing('key_1', [aLimit({ max: 50 })])).toEqual([used({ used: 70, left: 0 })])
    })

    it('are counted from the log when they are new or count something else', async () => {
      const { store } = context
      let unflushed = [
        requestRecord('req_a', { keyId: 'key_1', atMs: noonMs - 1, model: 'gpt-5.5' }),
        requestRecord('req_b', { keyId: 'key_1', atMs: noonMs - 2 * minuteMs, model: 'gpt-5.4' }),
        requestRecord('req_c', { keyId: 'key_1', atMs: noonMs - dayMs + 1, model: 'gpt-5.5' }),
        requestRecord('req_d', { keyId: 'key_1', atMs: noonMs - 3 * dayMs, model: 'gpt-5.5' }),
        requestRecord('req_e', { keyId: 'key_1', atMs: noonMs - 1, status: 'error', httpStatus: 503, usage: null }),
      ]
      const ledger = await start(async () => {
        await store.requests.add(unflushed)
        unflushed = []
      })
      const countedAs = async (given: object) =>
        (await ledger.standing('key_1', [aLimit({ kind: 'requests', ...given })]))[0]?.used
      expect(await countedAs({})).toBe(2)
      expect(await countedAs({ period: 'minute', isCalendar: false })).toBe(1)
      expect(await countedAs({ isCalendar: false })).toBe(3)
      expect(await countedAs({ period: 'week' })).toBe(4)
      expect(await countedAs({ period: 'month', isCalendar: false, model: 'gpt-5.5' })).toBe(3)
      expect(await countedAs({ kind: 'total_tokens' })).toBe(260)
      expect(await countedAs({ kind: 'cost_micro_usd' })).toBe(2_468)
    })

    it('that roll leave their window piece by piece', async () => {
      const ledger = await start()
      const limits = [aLimit({ period: 'minute', isCalendar: false, max: 20 })]
      ledger.settle(await heldBy(ledger.reserve(ledgerAsk(limits))), tokens(10))
      clock.advance(30_000)
      ledger.settle(await heldBy(ledger.reserve(ledgerAsk(limits))), tokens(10))
      const { refusal } = await ledger.reserve(ledgerAsk(limits))
      expect(refusal).toMatchObject({ used: 20, resetAtMs: noonMs + 61_000 })
      clock.advance(31_000)
      expect(await ledger.standing('key_1', limits)).toEqual([used({ used: 10, left: 10 })])
    })

    it('go with their key, and what is under way for it is counted nowhere', async () => {
      const ledger = await start()
      const limits = [aLimit()]
      const held = await heldBy(ledger.reserve(ledgerAsk(limits)))
      await ledger.forget('key_1')
      ledger.settle(held, tokens(50))
      await ledger.flush()
      expect(await context.store.ledger.load(noonMs)).toEqual({ counts: [], open: [] })
    })

    it('leave nothing behind when they are not asked for any more', async () => {
      const ledger = await start()
      const limits = [aLimit({ period: 'minute' })]
      ledger.settle(await heldBy(ledger.reserve(ledgerAsk(limits))), tokens(10))
      await ledger.flush()
      clock.advance(2 * dayMs)
      await ledger.prune()
      expect(await context.store.ledger.load(0)).toEqual({ counts: [], open: [] })
      expect(await ledger.standing('key_1', limits)).toEqual([used({ used: 0 })])
    })

    it('are kept by memory while the database is away', async () => {
      const { ledger: store } = context.store
      let isAway = false
      const broken = <T>(work: () => Promise<T>) => (isAway ? Promise.reject(new Error('away')) : work())
      const ledger = startLedger(
        {
          ...store,
          reserve: (rows) => broken(() => store.reserve(rows)),
          settle: (rows) => broken(() => store.settle(rows)),
        },
        clock,
      )
      await ledger.load()
      const limits = [aLimit({ max: 20 })]
      await ledger.standing('key_1', limits)
      isAway = true
      ledger.settle(await heldBy(ledger.reserve(ledgerAsk(limits))), tokens(15))
      await heldBy(ledger.reserve(ledgerAsk(limits)))
      expect((await ledger.reserve(ledgerAsk(limits))).refusal).toMatchObject({ used: 15, reserved: 10, isHeld: true })
      await expect(ledger.flush()).rejects.toThrow('away')
      expect(ledger.errors.length).toBeGreaterThan(0)
      isAway = false
      await ledger.flush()
      const stored = await store.load(noonMs)
      expect([stored.counts.map((one) => one.used), stored.open.length]).toEqual([[15], 1])
    })
  })
})

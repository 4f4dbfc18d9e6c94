import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import type { Fault } from '../../src/simulator/faults.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { turnBody } from '../support/simulator-client.ts'
import type { Rig } from '../support/start.ts'
import {
  a,
  ask,
  askedOf,
  b,
  c,
  closeClean,
  codexPath,
  expectNoHandles,
  hurry,
  publicPath,
  recordUpstream,
  startPool,
  triesOf,
} from '../support/turns.ts'

// Before the client has seen anything, whatever goes wrong at one account is another one's turn. Account a is asked
// first, then b, then c; a meets the fault.

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let rig: Rig
let clock: ManualClock
async function start() {
  clock = createManualClock()
  rig = await startPool({
    app: { clock, deadlines: { connectMs: 5_000, headersMs: 300, silenceMs: 300 } },
    env: { CODEX_LB_USAGE_REFRESH_SECONDS: '86400' },
  })
}
afterEach(() => closeClean(rig))
afterAll(expectNoHandles)

/** What a row of the failover table says. */
type Row = {
  name: string
  faults: Fault[]
  /** Who was asked, in order, by first letter. */
  asked: string
  /** The tries in the log, the last one (that served) left out. */
  tries: string[]
  /** Account a afterwards. */
  account: object
}

const untouched = { status: 'active', statusReason: null, blocked: null }
const blocked = (status: string, by: string, code: string, seconds: number, endIsKnown = true) => ({
  status,
  blocked: { by, code, endIsKnown, seconds: expect.closeTo(seconds, -1) },
})
const three = (fault: Fault) => [{ ...fault, times: 3 }]
/** A passing fault: three times the same account, then the next; one such request proves nothing about the account. */
const passing = (name: string, fault: Fault, code: string): Row => ({
  name,
  faults: three(fault),
  asked: 'aaab',
  tries: Array(3).fill(`a transient ${code}`),
  account: untouched,
})

const limits: Row[] = [
  {
    name: 'a usage limit with a reset time blocks the account until then',
    faults: [{ kind: 'usage_limit', resetsInSeconds: 3_600 }],
    asked: 'ab',
    tries: ['a limited usage_limit_reached'],
    account: blocked('rate_limited', 'window', 'usage_limit_reached', 3_600),
  },
  {
    name: 'a usage limit two days long is one of the week',
    faults: [{ kind: 'usage_limit', resetsInSeconds: 172_800 }],
    asked: 'ab',
    tries: ['a limited usage_limit_reached'],
    account: blocked('quota_exceeded', 'window', 'usage_limit_reached', 172_800),
  },
  {
    name: 'a usage limit without a reset time blocks the account for five minutes',
    faults: [{ kind: 'usage_limit', resetsInSeconds: null }],
    asked: 'ab',
    tries: ['a limited usage_limit_reached'],
    account: blocked('rate_limited', 'window', 'usage_limit_reached', 300, false),
  },
  {
    name: 'a rate limit blocks the account for the time of its retry-after header',
    faults: [{ kind: 'rate_limit', retryAfterSeconds: 600 }],
    asked: 'ab',
    tries: ['a limited rate_limit_exceeded'],
    account: blocked('rate_limited', 'burst', 'rate_limit_exceeded', 600),
  },
  {
    name: 'a rate limit blocks the account for the time that its message names',
    faults: [
      { kind: 'status', status: 429, code: 'rate_limit_exceeded', message: 'Slow down. Please try again in 6m0s.' },
    ],
    asked: 'ab',
    tries: ['a limited rate_limit_exceeded'],
    account: blocked('rate_limited', 'burst', 'rate_limit_exceeded', 360),
  },
  {
    name: 'a plan that does not include the usage blocks the account for an hour',
    faults: [{ kind: 'usage_not_included' }],
    asked: 'ab',
    tries: ['a limited usage_not_included'],
    account: blocked('quota_exceeded', 'plan', 'usage_not_included', 3_600, false),
  },
  {
    name: 'a usage limit as the first event of a stream counts like one with a status',
    faults: [{ kind: 'failed', code: 'usage_limit_reached', message: 'The usage limit has been reached' }],
    asked: 'ab',
    tries: ['a limited usage_limit_reached'],
    account: blocked('rate_limited', 'window', 'usage_limit_reached', 300, false),
  },
  {
    name: 'a rate limit as the first event of a stream names its wait in the message',
    faults: [{ kind: 'failed', code: 'rate_limit_exceeded', message: 'Please try again in 10m.' }],
    asked: 'ab',
    tries: ['a limited rate_limit_exceeded'],
    account: blocked('rate_limited', 'burst', 'rate_limit_exceeded', 600),
  },
]

const signIns: Row[] = [
  {
    name: 'a refused token is renewed and the same account asked again',
    faults: [{ kind: 'unauthorized' }],
    asked: 'aa',
    tries: ['a unauthorized token_expired'],
    account: untouched,
  },
  {
    name: 'a token refused again after its renewal ends the sign-in',
    faults: [{ kind: 'unauthorized', code: 'invalid_api_key', times: 2 }],
    asked: 'aab',
    tries: ['a unauthorized invalid_api_key', 'a unauthorized invalid_api_key'],
    account: { status: 'reauth_required', statusReason: 'account_auth_invalidated' },
  },
  {
    name: 'an account that the upstream has closed is out',
    faults: [{ kind: 'account_deactivated' }],
    asked: 'ab',
    tries: ['a sign_in_lost account_deactivated'],
    account: { status: 'deactivated', statusReason: 'account_deactivated' },
  },
  {
    name: 'a session that has ended asks for a new sign-in without a renewal',
    faults: [{ kind: 'status', status: 401, code: 'x', message: 'Your session has ended. Please log in again.' }],
    asked: 'ab',
    tries: ['a sign_in_lost x'],
    account: { status: 'reauth_required', statusReason: 'x' },
  },
]

const troubles: Row[] = [
  passing('a 500', { kind: 'status', status: 500, code: 'server_error' }, 'server_error'),
  passing('a 502 page', { kind: 'status', status: 502, body: 'html' }, 'upstream_error'),
  passing('a 503', { kind: 'status', status: 503, body: 'detail' }, 'upstream_error'),
  passing('a 529', { kind: 'status', status: 529, code: 'overloaded_error' }, 'overloaded_error'),
  passing('an overload', { kind: 'overloaded' }, 'server_is_overloaded'),
  passing('a slow_down', { kind: 'slow_down' }, 'slow_down'),
  passing('a connection reset before the headers', { kind: 'reset' }, 'stream_incomplete'),
  passing('a stream cut before output', { kind: 'cut_before_output' }, 'stream_incomplete'),
  passing('a stream that ends early', { kind: 'end_early' }, 'stream_incomplete'),
  passing('an empty stream', { kind: 'empty' }, 'stream_incomplete'),
  passing('a stream whose first event is malformed', { kind: 'malformed' }, 'stream_incomplete'),
  passing('a page with status 200', { kind: 'html200' }, 'stream_incomplete'),
  passing('a server_error as the first event', { kind: 'failed' }, 'server_error'),
  passing('a server_error as the very first event', { kind: 'failed', bare: true }, 'server_error'),
  passing('an overload as the first event', { kind: 'failed', code: 'server_is_overloaded' }, 'server_is_overloaded'),
  passing('an error event', { kind: 'error_event' }, 'server_error'),
  {
    name: 'one passing fault, which the same account makes good',
    faults: [{ kind: 'overloaded' }],
    asked: 'aa',
    tries: ['a transient server_is_overloaded'],
    account: untouched,
  },
  {
    name: 'two different passing faults, which the same account makes good',
    faults: [{ kind: 'reset' }, { kind: 'cut_before_output' }],
    asked: 'aaa',
    tries: ['a transient stream_incomplete', 'a transient stream_incomplete'],
    account: untouched,
  },
  {
    name: 'no answer at all, which is not waited for twice',
    faults: [{ kind: 'hang' }],
    asked: 'ab',
    tries: ['a try_another upstream_timeout'],
    account: untouched,
  },
  {
    name: 'a stream that falls silent before output, which is not waited for twice',
    faults: [{ kind: 'stall_before_output' }],
    asked: 'ab',
    tries: ['a try_another upstream_timeout'],
    account: untouched,
  },
  {
    name: 'a page of the edge with status 403',
    faults: [{ kind: 'status', status: 403, body: 'html' }],
    asked: 'ab',
    tries: ['a try_another upstream_error'],
    account: untouched,
  },
  {
    name: 'a model that the account has not got',
    faults: [{ kind: 'model_not_supported' }],
    asked: 'ab',
    tries: ['a model_unavailable upstream_error'],
    account: untouched,
  },
  {
    name: 'encrypted content that the account cannot read',
    faults: [{ kind: 'invalid_encrypted_content' }],
    asked: 'ab',
    tries: ['a unreadable invalid_encrypted_content'],
    account: untouched,
  },
]

/** Account a as a row describes it: the end of a block as seconds from now. */
async function accountNow() {
  const { status, statusReason, blocked: block } = await rig.account(a)
  const seconds = block === null ? 0 : (Date.parse(block.until) - clock.now()) / 1_000
  return { status, statusReason, blocked: block === null ? null : { ...block, seconds } }
}

async function check({ faults, asked, tries, account }: Row, path: string) {
  await start()
  const recorded = recordUpstream(rig)
  try {
    rig.simulator.script(a, ...faults)
    const told = await hurry(clock, ask(rig, turnBody('FAKE_EVENTS: 30'), { path }))
    expect(told).toMatchObject({ status: 200, broken: false })
    expect(askedOf(rig.simulator)).toBe(asked)
    expect(await triesOf(rig)).toEqual([...tries, `${asked.at(-1)} relay`])
    if (path === codexPath) expect(told.text).toBe(recorded.answers().at(-1))
    expect(told.events.map(({ sequence_number }) => sequence_number)).toEqual([...told.events.keys()])
    expect(told.events.filter(({ type }) => type === 'response.output_text.delta')).toHaveLength(30)
    expect(told.events.at(-1)?.type).toBe('response.completed')
    expect(await accountNow()).toMatchObject(account)
    for (const email of [b, c]) expect(await rig.account(email)).toMatchObject(untouched)
    expect((await rig.requests())[0]).toMatchObject({ status: 'success', httpStatus: 200, errorCode: null })
  } finally {
    recorded.stop()
  }
}

describe('a limit moves a Codex turn to the next account at once', () => {
  it.each(limits)('$name', (row) => check(row, codexPath))
})

describe('a lost sign-in costs the client nothing', () => {
  it.each(signIns)('$name', (row) => check(row, codexPath))
})

describe('passing trouble is hidden from a Codex client', () => {
  it.each(troubles)('$name', (row) => check(row, codexPath))
})

describe('a public client is spared the same', () => {
  const all = [...limits, ...signIns, ...troubles]
  it.each(all.filter((_, index) => index % 3 === 0))('$name', (row) => check(row, publicPath))
})

describe('an account that has recovered', () => {
  const recovering: [what: string, fault: Fault, seconds: number][] = [
    ['a usage window', { kind: 'usage_limit', resetsInSeconds: 1_800 }, 1_800],
    ['a burst', { kind: 'rate_limit', retryAfterSeconds: 90 }, 90],
  ]
  it.each(recovering)('serves again when the end of %s has passed, and not before', async (_, fault, seconds) => {
    await start()
    rig.simulator.script(a, fault)
    const thread = { headers: { 'thread-id': 'one' } }
    await ask(rig, turnBody('1'), thread)
    for (const email of [b, c]) {
      const { accountId } = await rig.account(email)
      await fetch(`${rig.url}/api/accounts/${accountId}/pause`, { method: 'POST' })
    }
    // Longer than a request would wait for it.
    clock.advance((seconds - 20) * 1_000)
    expect((await ask(rig, turnBody('2'), thread)).status).not.toBe(200)
    clock.advance(20_000)
    expect(await ask(rig, turnBody('3'), thread)).toMatchObject({ status: 200 })
    expect(askedOf(rig.simulator)).toBe('aba')
    expect(await rig.account(a)).toMatchObject(untouched)
  })

  it('of a model is asked for it again after an hour', async () => {
    await start()
    rig.simulator.script(a, { kind: 'model_not_supported' })
    await ask(rig, turnBody('1'))
    await ask(rig, turnBody('2'))
    expect(askedOf(rig.simulator)).toBe('abb')
    clock.advance(3_600_000)
    await ask(rig, turnBody('3'))
    expect(askedOf(rig.simulator)).toBe('abba')
  })
})

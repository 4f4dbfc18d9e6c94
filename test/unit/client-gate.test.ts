import { describe, expect, it } from 'vitest'
import { createClientGate } from '../../src/client-gate.ts'
import type { ApiKey, Guest } from '../../src/domain/api-key.ts'
import { defaultSettings } from '../../src/domain/settings.ts'
import { AppError } from '../../src/errors.ts'
import type { Visitor } from '../../src/gate.ts'
import { parseRange } from '../../src/lib/address-ranges.ts'
import { fingerprint } from '../../src/lib/secrets.ts'
import { createManualClock } from '../support/clock.ts'
import { anApiKey } from '../support/keys.ts'

function gateWith(keys: ApiKey[], { requireApiKeys = false, trusted = [] as string[] } = {}) {
  const clock = createManualClock()
  const used: string[] = []
  const settings = { ...defaultSettings, requireApiKeys }
  const gate = createClientGate({
    rules: {
      trustedProxies: trusted.map(parseRange).filter((range) => range !== null),
      hosts: new Set(),
      origins: new Set(),
    },
    keys: {
      isEmpty: () => keys.length === 0,
      find: (secret) => keys.find(({ secretHash }) => secretHash === fingerprint(secret)) ?? null,
      get: (id) => keys.find((key) => key.id === id) ?? null,
      used: (id) => void used.push(id),
    },
    settings: () => settings,
    clock,
  })
  const told = (work: () => Guest): string | Guest => {
    try {
      return work()
    } catch (error) {
      if (error instanceof AppError) return `${error.code}: ${error.message}`
      throw error
    }
  }
  const enter = (headers: Visitor['headers'], peer = '127.0.0.1') =>
    told(() => gate.enter({ peer, headers: { host: 'localhost', ...headers } }))
  return { clock, used, settings, enter, stays: (guest: Guest) => told(() => gate.stays(guest)) }
}

const secret = 'sk-clb-key_1'
const elsewhere = '192.0.2.1'

describe('a key', () => {
  it.each<[string, Visitor['headers']]>([
    ['as a bearer', { authorization: `Bearer ${secret}` }],
    ['as a bearer, spelt otherwise', { authorization: `bearer  ${secret} ` }],
    ['as Anthropic’s clients send it', { 'x-api-key': secret }],
    ['beside a bearer that is none', { authorization: 'Bearer eyJhbGciOi', 'x-api-key': secret }],
    [
      'among the protocols of a socket',
      { 'sec-websocket-protocol': `realtime, openai-insecure-api-key.${secret}, openai-beta.realtime-v1` },
    ],
  ])('lets in %s, from wherever', (_how, headers) => {
    const key = anApiKey()
    const { enter, used } = gateWith([key])
    expect(enter(headers, elsewhere)).toEqual({ key, address: elsewhere })
    expect(enter(headers)).toEqual({ key, address: '127.0.0.1' })
    expect(used).toEqual(['key_1', 'key_1'])
  })

  it('is looked at on this machine, too: a wrong one is never taken for none', () => {
    const { enter, used } = gateWith([anApiKey()])
    expect(enter({ authorization: 'Bearer sk-clb-wrong' })).toMatch(/^invalid_api_key: /)
    expect(enter({ 'x-api-key': 'sk-clb-' })).toMatch(/^invalid_api_key: /)
    expect(gateWith([]).enter({ authorization: 'Bearer sk-clb-wrong' })).toMatch(/^invalid_api_key: /)
    expect(used).toEqual([])
  })

  it('that is switched off, over, or used from the wrong place is told so', () => {
    const bearer = { authorization: `Bearer ${secret}` }
    expect(gateWith([anApiKey({ isActive: false })]).enter(bearer)).toMatch(/^api_key_inactive: .*switch it on/)
    const ending = gateWith([anApiKey({ expiresAtMs: createManualClock().now() + 1_000 })])
    expect(ending.enter(bearer)).toMatchObject({ address: '127.0.0.1' })
    ending.clock.advance(1_000)
    expect(ending.enter(bearer)).toMatch(/^api_key_expired: .*later end/)
    const placed = gateWith([anApiKey({ allowedAddresses: ['10.0.0.0/8', '2001:db8::/32', '::ffff:172.16.0.0/108'] })])
    for (const peer of ['10.9.9.9', '::ffff:10.0.0.1', '2001:db8::7', '172.16.0.3']) {
      expect(placed.enter(bearer, peer), peer).toMatchObject({ key: { id: 'key_1' } })
    }
    for (const peer of ['11.0.0.1', '2001:db9::1', '127.0.0.1', '172.32.0.1']) {
      expect(placed.enter(bearer, peer), peer).toMatch(/^address_not_allowed: .*may not be used from/)
    }
    expect(placed.used).toHaveLength(4)
  })

  it('is held to the address behind a trusted proxy, and to no other’s word for it', () => {
    const bearer = { authorization: `Bearer ${secret}` }
    const keys = [anApiKey({ allowedAddresses: ['203.0.113.0/24'] })]
    const behind = gateWith(keys, { trusted: ['10.0.0.1'] })
    expect(behind.enter({ ...bearer, 'x-forwarded-for': '203.0.113.9' }, '10.0.0.1')).toMatchObject({
      address: '203.0.113.9',
    })
    expect(behind.enter({ ...bearer, 'x-forwarded-for': '203.0.113.9' }, '10.0.0.2')).toMatch(/^address_not_allowed/)
  })

  it('that is wrong too often is turned away for a while; a right one is not', () => {
    const { enter, clock } = gateWith([anApiKey()])
    const guess = (peer = elsewhere) => enter({ authorization: 'Bearer sk-clb-wrong' }, peer)
    for (let n = 0; n < 30; n++) expect(guess()).toMatch(/^invalid_api_key/)
    expect(guess()).toMatch(/^too_many_attempts: .*again in 60 s/)
    expect(enter({ authorization: `Bearer ${secret}` }, elsewhere)).toMatchObject({ key: { id: 'key_1' } })
    expect(guess('192.0.2.2')).toMatch(/^invalid_api_key/)
    clock.advance(60_000)
    expect(guess()).toMatch(/^invalid_api_key/)
  })
})

describe('without a key', () => {
  const texts: Visitor['headers'][] = [
    ...[{}, { authorization: 'Bearer eyJ.codex.token' }, { authorization: 'Bearer any' }],
    ...[{ 'x-api-key': 'not-needed' }, { authorization: 'Basic YTpi' }, { authorization: '' }],
  ]

  it('this machine is let in, whatever text it sends, until it is asked for one', () => {
    for (const headers of texts) {
      expect(gateWith([anApiKey()]).enter(headers)).toEqual({ key: null, address: '127.0.0.1' })
      expect(gateWith([anApiKey()], { requireApiKeys: true }).enter(headers)).toMatch(/_api_key:|_required:/)
    }
  })

  it('nobody else is, and each is told what to do', () => {
    const { enter } = gateWith([anApiKey()])
    expect(enter({}, elsewhere)).toMatch(/^authentication_required: .*"Authorization: Bearer sk-clb-…"/)
    expect(enter({ authorization: 'Bearer eyJ.codex.token' }, elsewhere)).toMatch(/^invalid_api_key: /)
    expect(enter({ 'x-api-key': 'sk-ant-other' }, elsewhere)).toMatch(/^invalid_api_key: /)
    const empty = gateWith([])
    for (const headers of texts) {
      expect(empty.enter(headers, elsewhere)).toMatch(/^authentication_required: Only this machine .* create one/)
    }
    expect(gateWith([], { requireApiKeys: true }).enter({})).toMatch(/^authentication_required: .*requireApiKeys/)
  })
})

describe('whoever has opened a socket', () => {
  it('is asked for again: by its key as it is now', () => {
    const keys = [anApiKey()]
    const { enter, stays, clock } = gateWith(keys)
    const guest = enter({ authorization: `Bearer ${secret}` }, elsewhere) as Guest
    keys[0] = anApiKey({ name: 'Renamed', revision: 2 })
    expect(stays(guest)).toMatchObject({ key: { name: 'Renamed' }, address: elsewhere })
    keys[0] = anApiKey({ allowedAddresses: ['10.0.0.0/8'] })
    expect(stays(guest)).toMatch(/^address_not_allowed/)
    keys[0] = anApiKey({ expiresAtMs: clock.now() })
    expect(stays(guest)).toMatch(/^api_key_expired/)
    keys[0] = anApiKey({ secretHash: 'renewed' })
    expect(stays(guest)).toMatch(/^invalid_api_key/)
    keys.pop()
    expect(stays(guest)).toMatch(/^invalid_api_key/)
  })

  it('without a key stays until keys are asked for', () => {
    const { enter, stays, settings } = gateWith([anApiKey()])
    const guest = enter({}) as Guest
    expect(stays(guest)).toEqual(guest)
    settings.requireApiKeys = true
    expect(stays(guest)).toMatch(/^authentication_required/)
  })
})

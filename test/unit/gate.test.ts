import ipaddr from 'ipaddr.js'
import { describe, expect, it } from 'vitest'
import { createClientGate } from '../../src/client-gate.ts'
import type { Access } from '../../src/domain/access.ts'
import { defaultSettings } from '../../src/domain/settings.ts'
import { AppError } from '../../src/errors.ts'
import { admit, type GateRules, type Visitor } from '../../src/gate.ts'
import { createManualClock } from '../support/clock.ts'

const rules = (changes: Partial<GateRules> = {}): GateRules => ({
  trustedProxies: [],
  hosts: new Set(['127.0.0.1', 'lb.example']),
  origins: new Set(['lb.example']),
  ...changes,
})
const trusting = (...ranges: string[]) =>
  rules({
    trustedProxies: ranges.map((range) => {
      const [address = '', bits] = range.split('/')
      const parsed = ipaddr.parse(address)
      return [parsed, Number(bits ?? (parsed.kind() === 'ipv4' ? 32 : 128))]
    }),
  })

/** Where no API key has been made. */
const withoutKeys = (given: GateRules) =>
  createClientGate({
    rules: given,
    keys: { isEmpty: () => true, find: () => null, get: () => null, used() {} },
    settings: () => defaultSettings,
    clock: createManualClock(),
  })

/** The code of the refusal, or null when the visitor is let in. */
function refusal(visitor: Partial<Visitor>, given = rules(), access: Access = 'client'): string | null {
  try {
    const whole = { peer: '127.0.0.1', ...visitor, headers: { host: 'localhost:2455', ...visitor.headers } }
    admit(whole, access, given)
    if (access === 'client') withoutKeys(given).enter(whole)
    return null
  } catch (error) {
    if (error instanceof AppError) return error.code
    throw error
  }
}

describe('a Host name', () => {
  const judge = (host: string | undefined, access: Access = 'door') =>
    refusal({ headers: { host } as Visitor['headers'] }, rules(), access)

  it.each([
    'localhost',
    'localhost:2455',
    'LOCALHOST:2455',
    'localhost.',
    'lb.localhost:1',
    '127.0.0.1',
    '127.0.0.1:65535',
    '127.8.8.8:80',
    '192.0.2.7:2455',
    '[::1]',
    '[::1]:2455',
    '[2001:DB8::1]:80',
    '[::ffff:127.0.0.1]:2455',
    'lb.example',
    'lb.example:8443',
    'LB.Example.:8443',
  ])('%s is served', (host) => {
    expect(judge(host)).toBeNull()
    expect(judge(host, 'public')).toBeNull()
  })

  it.each([
    undefined,
    '',
    ':2455',
    'evil.example',
    'evil.example:2455',
    'lb.example.evil.example',
    'evil-lb.example',
    'sub.lb.example',
    'localhost.evil.example',
    'notlocalhost',
    '127.0.0.1.evil.example',
    'lb.example@evil.example',
    '[::1',
    '::1',
    'localhost:port',
    'localhost:99999',
    'lb example',
    'evil.example/localhost',
    'evil.example#localhost',
    'evil.example?localhost',
    'lb.example..',
    '%6c%6f',
    'xn--a.example',
    'localhost, evil.example',
  ])('%s is refused on every route', (host) => {
    expect(judge(host)).toBe('forbidden_host')
    expect(judge(host, 'public')).toBe('forbidden_host')
  })
})

describe('a web page', () => {
  const judge = (headers: Visitor['headers'], access: Access = 'door') => refusal({ headers }, rules(), access)

  it.each<[string, Visitor['headers']]>([
    ['of this server', { origin: 'http://localhost:2455', 'sec-fetch-site': 'same-origin' }],
    ['of this server on an old browser', { origin: 'http://localhost:2455' }],
    ['of this server in capitals', { host: 'LocalHost:2455', origin: 'http://localhost:2455' }],
    ['of this server by IPv6', { host: '[::1]:2455', origin: 'http://[::1]:2455' }],
    ['behind TLS of a reverse proxy that keeps the Host', { host: 'lb.example', origin: 'https://lb.example' }],
    ['behind a reverse proxy that changes the Host', { host: '127.0.0.1:2455', origin: 'https://lb.example' }],
    ['that a person opened by hand', { 'sec-fetch-site': 'none' }],
  ])('%s is let in', (_what, headers) => {
    expect(judge(headers)).toBeNull()
  })

  it.each<[string, Visitor['headers']]>([
    ['of another site', { origin: 'https://evil.example' }],
    ['of another site that says so', { 'sec-fetch-site': 'cross-site' }],
    ['of the same site on another host', { 'sec-fetch-site': 'same-site' }],
    ['with a fetch site that nobody knows', { 'sec-fetch-site': 'SAME-ORIGIN, none' }],
    ['with an empty fetch site', { 'sec-fetch-site': '' }],
    ['in a sandbox', { origin: 'null' }],
    ['with an empty origin', { origin: '' }],
    ['of another port of this machine', { origin: 'http://localhost:3000' }],
    ['of another port of the bind address', { host: '127.0.0.1:2455', origin: 'http://127.0.0.1:3000' }],
    ['of the same port by another name', { host: '127.0.0.1:2455', origin: 'http://localhost:2455' }],
    ['whose name ends alike', { origin: 'http://evil-localhost:2455' }],
    ['with this server as user name', { origin: 'http://localhost:2455@evil.example' }],
    ['of a browser extension', { origin: 'chrome-extension://abcdef' }],
    ['from a file', { origin: 'file://' }],
    ['whose origin is a path', { origin: '/api' }],
    ['with two origins', { origin: 'http://localhost:2455, https://evil.example' }],
    [
      'of another site by way of a same-origin claim',
      { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
    ],
  ])('%s is refused, but may see what is public', (_what, headers) => {
    expect(judge(headers)).toBe('forbidden_origin')
    expect(judge(headers, 'public')).toBeNull()
  })
})

describe('a peer', () => {
  it.each(['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1'])('%s is this machine', (peer) => {
    expect(refusal({ peer })).toBeNull()
  })

  it.each([
    '192.0.2.1',
    '10.0.0.1',
    '0.0.0.0',
    '::',
    'fe80::1',
    'fe80::1%eth0',
    '2001:db8::1',
    '::ffff:192.0.2.1',
    '128.0.0.1',
    '',
    'localhost',
    undefined,
  ])('%s is not', (peer) => {
    expect(refusal({ peer: peer as string })).toBe('authentication_required')
    expect(refusal({ peer: peer as string }, rules(), 'public')).toBeNull()
  })

  it.each(['localhost', 'localhost.:1', 'lb.localhost', '127.0.0.1:2455', '127.9.9.9', '[::1]:2455', '0.0.0.0:2455'])(
    'of this machine is local when it asks for %s',
    (host) => {
      expect(refusal({ headers: { host } })).toBeNull()
    },
  )

  it.each(['lb.example', '192.0.2.1:2455', '[2001:db8::1]:2455', '10.0.0.1'])(
    'of this machine that asks for %s may be a proxy that says nothing, and is not',
    (host) => {
      expect(refusal({ headers: { host } })).toBe('authentication_required')
    },
  )

  it('that is refused is told what to do', () => {
    const enter = () => withoutKeys(rules()).enter({ peer: '192.0.2.1', headers: { host: 'lb.example' } })
    expect(enter).toThrow(/create one in the dashboard under Keys/)
  })
})

describe('a forwarded header', () => {
  const judge = (peer: string, headers: Visitor['headers'], given?: GateRules) => refusal({ peer, headers }, given)

  it.each<[string, Visitor['headers']]>([
    ['that claims this machine', { 'x-forwarded-for': '127.0.0.1' }],
    ['that is empty', { 'x-forwarded-for': '' }],
    ['in the standard form', { forwarded: 'for=127.0.0.1' }],
    ['of nginx', { 'x-real-ip': '127.0.0.1' }],
  ])('%s makes a local request remote when nobody is trusted', (_what, headers) => {
    expect(judge('127.0.0.1', headers)).toBe('authentication_required')
  })

  it.each<[string, string, string, string[]]>([
    ['its client is this machine', '127.0.0.1', '127.0.0.1', ['127.0.0.1']],
    ['its client is this machine by IPv6', '::1', '::1', ['::1']],
    ['the proxy shows up as IPv4 in IPv6', '::ffff:127.0.0.1', '::ffff:127.0.0.1', ['127.0.0.0/8']],
    ['two proxies of this machine are in between', '::1', '127.0.0.1, 127.0.0.1', ['127.0.0.1', '::1']],
    ['the list has odd spaces', '127.0.0.1', ' 127.0.0.1 ,127.0.0.2', ['127.0.0.0/8']],
  ])('of a trusted proxy on this machine lets in when %s', (_what, peer, hops, trusted) => {
    expect(judge(peer, { 'x-forwarded-for': hops }, trusting(...trusted))).toBeNull()
  })

  it.each<[string, string, string, string[]]>([
    ['its client is remote', '127.0.0.1', '203.0.113.5', ['127.0.0.1']],
    ['a remote client claims to be this machine', '127.0.0.1', '127.0.0.1, 203.0.113.5', ['127.0.0.1']],
    [
      'a remote client came through another trusted proxy',
      '127.0.0.1',
      '203.0.113.5, 10.0.0.1',
      ['127.0.0.1', '10.0.0.0/8'],
    ],
    ['all hops are trusted but remote', '127.0.0.1', '10.0.0.7', ['127.0.0.1', '10.0.0.0/8']],
    ['a hop is unreadable', '127.0.0.1', 'unknown', ['127.0.0.1']],
    ['a hop carries a port', '127.0.0.1', '127.0.0.1:4000', ['127.0.0.1']],
    ['a hop is missing', '127.0.0.1', '127.0.0.1,', ['127.0.0.1']],
    ['the list is empty', '127.0.0.1', '', ['127.0.0.1']],
    ['the proxy is another machine, whose loopback is not ours', '10.0.0.1', '127.0.0.1', ['10.0.0.0/8']],
    ['the peer is not the trusted one', '127.0.0.2', '127.0.0.1', ['127.0.0.1']],
    ['a range of IPv6 trusts everything', '127.0.0.1', '127.0.0.1', ['::/0']],
  ])('of a proxy keeps out when %s', (_what, peer, hops, trusted) => {
    expect(judge(peer, { 'x-forwarded-for': hops }, trusting(...trusted))).toBe('authentication_required')
  })

  it('of a trusted proxy counts only as X-Forwarded-For', () => {
    const given = trusting('127.0.0.1')
    expect(judge('127.0.0.1', { forwarded: 'for=127.0.0.1' }, given)).toBe('authentication_required')
    expect(judge('127.0.0.1', { 'x-real-ip': '127.0.0.1' }, given)).toBe('authentication_required')
  })
})

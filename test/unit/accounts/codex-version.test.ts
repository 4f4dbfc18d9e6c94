import { describe, expect, it } from 'vitest'
import { createCodexVersion } from '../../../src/accounts/codex-version.ts'
import { createManualClock } from '../../support/clock.ts'

const agent = (version: string) => ({
  'user-agent': `codex_exec/${version} (Debian 12.0.0; x86_64) xterm (codex_exec; ${version})`,
})

describe('the newest Codex that was met', () => {
  it.each([
    ['the agent of a native client', agent('0.170.0'), '0.170.0'],
    ['a bare agent', { 'user-agent': 'codex_cli_rs/0.171.2' }, '0.171.2'],
    ['the desktop app', { 'user-agent': 'Codex Desktop/0.172.0 (Mac OS 26.1; arm64)' }, '0.172.0'],
    ['a version header', { 'user-agent': 'codex_cli_rs', version: '0.173.0' }, '0.173.0'],
    ['an originator with a version header', { originator: 'codex_vscode', version: '0.174.0' }, '0.174.0'],
    ['an older one', agent('0.142.2'), '0.169.0'],
    ['a trial build', agent('0.180.0-alpha.1'), '0.169.0'],
    ['a build from source', agent('0.0.0'), '0.169.0'],
    ['another client', { 'user-agent': 'python-requests/2.31.0' }, '0.169.0'],
    ['another client that claims an originator', { 'user-agent': 'node/24.0.0', originator: 'codex_exec' }, '0.169.0'],
    ['a version header of another client', { 'user-agent': 'curl/8.1.0', version: '9.9.9' }, '0.169.0'],
    ['a number that is too long', agent('0.16900000.0'), '0.169.0'],
    ['nothing', {}, '0.169.0'],
  ])('goes by %s', (_, headers, expected) => {
    const version = createCodexVersion(createManualClock())
    expect(version.seen(headers)).toBe(expected !== '0.169.0')
    expect(version.newest()).toBe(expected)
  })

  it('is news once', () => {
    const clock = createManualClock()
    const version = createCodexVersion(clock)
    expect(version.seen(agent('0.170.0'))).toBe(true)
    clock.advance(120_000)
    expect(version.seen(agent('0.170.0'))).toBe(false)
    expect(version.seen(agent('0.169.5'))).toBe(false)
    expect(version.seen(agent('0.170.0'))).toBe(false)
    expect(version.newest()).toBe('0.170.0')
  })

  it('rises once a minute at most, and takes what it left out when it comes again', () => {
    const clock = createManualClock()
    const version = createCodexVersion(clock)
    expect(version.seen(agent('0.170.0'))).toBe(true)
    clock.advance(59_000)
    expect(version.seen(agent('0.171.0'))).toBe(false)
    expect(version.newest()).toBe('0.170.0')
    clock.advance(1_000)
    expect(version.seen(agent('0.171.0'))).toBe(true)
  })

  it('never falls behind what was remembered', () => {
    const version = createCodexVersion(createManualClock())
    version.remember('0.175.0')
    version.remember('0.170.0')
    version.remember('nonsense')
    expect(version.newest()).toBe('0.175.0')
    expect(version.seen(agent('0.174.0'))).toBe(false)
  })
})

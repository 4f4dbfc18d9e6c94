import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { startApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { createManualClock } from '../support/clock.ts'
import { addTotp, codeOf, password, refusal, withPassword } from '../support/sign-in.ts'
import { type Rig, type RigOptions, startRig } from '../support/start.ts'
import { type Asked, createVisitor, listen, sessionCookie } from '../support/visitor.ts'

const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

let rig: Rig | null = null
const start = async (options: RigOptions = {}) => {
  rig = await startRig({ importAll: false, ...options })
  return rig
}
afterEach(async () => {
  await rig?.close()
  rig = null
})

describe('where a request comes from', { timeout: 30_000 }, () => {
  const tricks: Record<string, string>[] = [
    { 'x-forwarded-for': '203.0.113.5' },
    { 'x-forwarded-for': '127.0.0.1' },
    { 'x-forwarded-for': '' },
    { 'x-forwarded-for': '::1, 203.0.113.5' },
    { forwarded: 'for=127.0.0.1' },
    { 'x-real-ip': '127.0.0.1' },
    { 'cf-connecting-ip': '127.0.0.1' },
    { 'true-client-ip': '127.0.0.1' },
    { host: 'lb.example' },
    { host: '203.0.113.80' },
  ]

  it('an untrusted proxy on this machine makes nobody local', async () => {
    const rig = await start({ env: { CODEX_LB_ALLOWED_HOSTS: 'lb.example' } })
    expect((await createVisitor(rig).ask('GET', '/api/accounts')).status).toBe(200)
    for (const headers of tricks) {
      const stranger = createVisitor(rig, headers)
      expect(refusal(await stranger.ask('GET', '/api/accounts')), JSON.stringify(headers)).toBe(
        '401 bootstrap_required',
      )
      expect((await stranger.door('GET', '/session')).body).toMatchObject({
        authenticated: false,
        bootstrapRequired: true,
      })
      expect(refusal(await stranger.ask('GET', '/v1/models'))).toBe('401 authentication_required')
    }
    const setup = await createVisitor(rig, tricks[0]).door('POST', '/password/setup', { password })
    expect(refusal(setup)).toBe('401 invalid_bootstrap_token')
  })

  it('a trusted proxy is believed about who is remote, and only a pure chain of this machine is local', async () => {
    const rig = await start({ env: { CODEX_LB_TRUSTED_PROXIES: '127.0.0.1' } })
    const statusFor = async (headers: Record<string, string>) =>
      (await createVisitor(rig, headers).ask('GET', '/api/accounts')).status
    for (const hops of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '127.0.0.1, ::1']) {
      expect(await statusFor({ 'x-forwarded-for': hops }), hops).toBe(200)
    }
    for (const hops of [
      '203.0.113.5',
      '127.0.0.1, 203.0.113.5',
      '::ffff:203.0.113.5',
      '127.0.0.1,',
      'localhost',
      '0.0.0.0',
    ]) {
      expect(await statusFor({ 'x-forwarded-for': hops }), hops).toBe(401)
    }
    // A proxy that sets one header and passes another on as the client sent it.
    for (const contradiction of ['x-real-ip', 'forwarded', 'cf-connecting-ip', 'true-client-ip']) {
      const headers = { 'x-forwarded-for': '127.0.0.1', [contradiction]: '203.0.113.5' }
      expect(await statusFor(headers), contradiction).toBe(401)
    }
  })

  it('who is remote sets the first password with the token, and signs in from then on', async () => {
    const rig = await start({
      env: { CODEX_LB_TRUSTED_PROXIES: '127.0.0.1', CODEX_LB_DASHBOARD_BOOTSTRAP_TOKEN: 'boot-token-for-tests' },
    })
    const far = createVisitor(rig, { 'x-forwarded-for': '203.0.113.5' })
    expect(refusal(await far.ask('GET', '/api/accounts'))).toBe('401 bootstrap_required')
    for (const bootstrapToken of [undefined, '', 'boot-token-for-test']) {
      const answer = await far.door('POST', '/password/setup', { password, bootstrapToken })
      expect(refusal(answer)).toBe('401 invalid_bootstrap_token')
    }
    const set = await far.door('POST', '/password/setup', { password, bootstrapToken: 'boot-token-for-tests' })
    expect(set.body).toMatchObject({ authenticated: true, passwordRequired: true, bootstrapRequired: false })
    expect((await far.ask('GET', '/api/accounts')).status).toBe(200)
    expect((await far.door('GET', '/sessions')).body.items[0]).toMatchObject({ address: '203.0.113.5', current: true })
    expect(refusal(await createVisitor(rig).ask('GET', '/api/accounts'))).toBe('401 authentication_required')
  })

  it('removing the password makes a new token known where others can reach the server', async () => {
    const rig = await start({
      env: { CODEX_LB_TRUSTED_PROXIES: '127.0.0.1', CODEX_LB_DASHBOARD_BOOTSTRAP_TOKEN: 'boot-token-for-tests' },
    })
    const far = createVisitor(rig, { 'x-forwarded-for': '203.0.113.5' })
    const setup = { password, bootstrapToken: 'boot-token-for-tests' }
    await far.door('POST', '/password/setup', setup)
    expect((await far.door('DELETE', '/password', { password })).body).toEqual({ status: 'ok' })
    expect(refusal(await far.ask('GET', '/api/accounts'))).toBe('401 bootstrap_required')
    expect((await far.door('POST', '/password/setup', setup)).status).toBe(200)
  })
})

describe('guessing', { timeout: 30_000 }, () => {
  const behindProxy = {
    CODEX_LB_TRUSTED_PROXIES: '127.0.0.1',
    CODEX_LB_DASHBOARD_BOOTSTRAP_TOKEN: 'boot-token-for-tests',
  }
  const from = (rig: Rig, address: string) => createVisitor(rig, { 'x-forwarded-for': address })

  it('at the password ends after eight tries from one address, and in time goes on', async () => {
    const clock = createManualClock(Date.now())
    const rig = await start({ env: behindProxy, app: { clock } })
    await withPassword(rig)
    const guesser = from(rig, '203.0.113.5')
    for (let n = 0; n < 8; n++) {
      expect(refusal(await guesser.door('POST', '/password/login', { password: `wrong ${n}` }))).toBe(
        '401 invalid_credentials',
      )
    }
    const stopped = await guesser.door('POST', '/password/login', { password })
    expect(refusal(stopped)).toBe('429 too_many_attempts')
    expect(Number(stopped.headers['retry-after'])).toBe(60)
    // Claiming another address in front of the one that the proxy saw changes nothing.
    const spoofed = from(rig, '198.51.100.1, 203.0.113.5')
    expect(refusal(await spoofed.door('POST', '/password/login', { password }))).toBe('429 too_many_attempts')
    expect((await from(rig, '203.0.113.6').door('POST', '/password/login', { password })).status).toBe(200)
    clock.advance(60_000)
    expect((await guesser.door('POST', '/password/login', { password })).status).toBe(200)
  })

  it('at the code, knowing the password, ends after eight tries however often one signs in', async () => {
    const rig = await start({ env: behindProxy })
    const me = await withPassword(rig)
    const { secret } = await addTotp(me)
    const guesser = from(rig, '203.0.113.5')
    const told: string[] = []
    for (let n = 0; n < 9; n++) {
      if (n % 3 === 0) expect((await guesser.door('POST', '/password/login', { password })).status).toBe(200)
      told.push(refusal(await guesser.door('POST', '/totp/verify', { code: '000000' })))
    }
    expect(told).toEqual([...Array(8).fill('400 invalid_totp_code'), '429 too_many_attempts'])
    const code = await codeOf(secret, Date.now() + 30_000)
    expect(refusal(await guesser.door('POST', '/totp/verify', { code }))).toBe('429 too_many_attempts')
  })

  it('at the bootstrap token ends after eight tries', async () => {
    const rig = await start({ env: behindProxy })
    const guesser = from(rig, '203.0.113.5')
    for (let n = 0; n < 8; n++)
      await guesser.door('POST', '/password/setup', { password, bootstrapToken: `wrong ${n}` })
    const stopped = await guesser.door('POST', '/password/setup', { password, bootstrapToken: 'boot-token-for-tests' })
    expect(refusal(stopped)).toBe('429 too_many_attempts')
    expect(stopped.headers['retry-after']).toMatch(/^\d+$/)
  })

  it('from many addresses ends after sixty tries altogether', async () => {
    const rig = await start({ env: behindProxy })
    const told = new Map<string, number>()
    for (let n = 0; n < 70; n++) {
      const answer = await from(rig, `203.0.113.${n}`).door('POST', '/password/setup', {
        password,
        bootstrapToken: 'x',
      })
      told.set(refusal(answer), (told.get(refusal(answer)) ?? 0) + 1)
    }
    expect(Object.fromEntries(told)).toEqual({ '401 invalid_bootstrap_token': 60, '429 too_many_attempts': 10 })
  })
})

describe('a change of the password', { timeout: 30_000 }, () => {
  it('ends the other sessions and what they watch', async () => {
    const clock = createManualClock(Date.now())
    const rig = await start({ app: { clock } })
    const me = await withPassword(rig)
    const other = createVisitor(rig)
    await other.door('POST', '/password/login', { password })
    const watching = await listen(rig.url, { cookie: `${sessionCookie}=${other.cookie}` })
    await watching.hears('hello')
    const wrong = { currentPassword: 'wrong horse', newPassword: 'a new horse' }
    expect(refusal(await me.door('POST', '/password/change', wrong))).toBe('401 invalid_credentials')
    const short = await me.door('POST', '/password/change', { currentPassword: password, newPassword: 'short' })
    expect(short.body.error).toMatchObject({ code: 'invalid_request', details: [{ path: 'newPassword' }] })
    const change = { currentPassword: password, newPassword: 'a new horse' }
    expect((await me.door('POST', '/password/change', change)).body).toEqual({ status: 'ok' })
    expect((await me.ask('GET', '/api/accounts')).status).toBe(200)
    expect(refusal(await other.ask('GET', '/api/accounts'))).toBe('401 authentication_required')
    clock.advance(5_000)
    await expect.poll(() => watching.ended, { timeout: 10_000 }).toBe(true)
  })
})

describe('codex-lb reset-password', { timeout: 30_000 }, () => {
  it('takes password, second factor and sessions away while the server runs', async () => {
    const rig = await start()
    const me = await withPassword(rig)
    await addTotp(me)
    const env = { HOME: rig.dataDir, CODEX_LB_DATA_DIR: rig.dataDir }
    const child = spawn(process.execPath, [program, 'reset-password'], { cwd: rig.dataDir, env, timeout: 20_000 })
    let said = ''
    child.stdout.on('data', (chunk) => {
      said += chunk
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining('The password is gone.') })
    const other = createVisitor(rig)
    expect((await other.door('GET', '/session')).body).toMatchObject({ authenticated: true, passwordRequired: false })
    expect((await other.door('POST', '/password/setup', { password: 'a new horse' })).status).toBe(200)
    expect(refusal(await me.ask('GET', '/api/accounts'))).toBe('401 authentication_required')
    expect((await createVisitor(rig).door('POST', '/password/login', { password: 'a new horse' })).body).toMatchObject({
      authenticated: true,
      totpRequiredOnLogin: false,
    })
  })
})

describe('secrets', { timeout: 30_000 }, () => {
  it('stand neither in the log nor in any answer that does not have to carry them', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'codex-lb-log-'))
    const lines: string[] = []
    const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
    const env = { CODEX_LB_PORT: '0', CODEX_LB_DATA_DIR: dataDir, CODEX_LB_UPSTREAM_BASE_URL: 'http://127.0.0.1:9/x' }
    const app = await startApp(readConfig(env, dataDir).config, log)
    try {
      const me = createVisitor(app)
      const answers: Asked[] = [await me.door('POST', '/password/setup', { password })]
      const cookies = [me.cookie]
      const started = await me.door('POST', '/totp/setup/start')
      const { secret, qrSvgDataUri, otpauthUri } = started.body
      const confirmed = await me.door('POST', '/totp/setup/confirm', { code: await codeOf(secret) })
      answers.push(await me.door('POST', '/password/login', { password }))
      cookies.push(me.cookie)
      answers.push(await me.door('POST', '/totp/verify', { code: confirmed.body.recoveryCodes[0] }))
      cookies.push(me.cookie)
      answers.push(await me.door('POST', '/totp/verify', { code: 'wrong-guess' }))
      answers.push(
        await me.door('POST', '/password/change', { currentPassword: 'wrong-guess', newPassword: 'x'.repeat(9) }),
      )
      for (const path of ['/session', '/sessions']) answers.push(await me.door('GET', path))
      const secrets = [password, 'wrong-guess', secret, ...confirmed.body.recoveryCodes, ...cookies]
      const shown = answers.map(({ text }) => text).join('\n')
      for (const one of secrets) {
        expect(lines.join()).not.toContain(one)
        expect(shown).not.toContain(one)
      }
      const [, svg = ''] = /^data:image\/svg\+xml;base64,([A-Za-z0-9+/]+=*)$/.exec(qrSvgDataUri) ?? []
      expect(Buffer.from(svg, 'base64').toString()).toMatch(/^<svg [^>]*viewBox[\s\S]*<path [\s\S]*<\/svg>\s*$/)
      expect(otpauthUri).toContain(secret)
    } finally {
      await app.close()
      await rm(dataDir, { recursive: true, force: true })
    }
  })

  it('a bootstrap token that was made up stands in the log, where its reader finds it', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'codex-lb-log-'))
    const lines: string[] = []
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
    const env = { CODEX_LB_PORT: '0', CODEX_LB_DATA_DIR: dataDir, CODEX_LB_TRUSTED_PROXIES: '127.0.0.1' }
    const app = await startApp(readConfig(env, dataDir).config, log)
    try {
      const far = createVisitor(app, { 'x-forwarded-for': '203.0.113.5' })
      const [, bootstrapToken] = /with this token: (\S+?)"/.exec(lines.join()) ?? []
      expect(bootstrapToken).toMatch(/^boot_[0-9a-f]{32}$/)
      expect((await far.door('POST', '/password/setup', { password, bootstrapToken })).status).toBe(200)
    } finally {
      await app.close()
      await rm(dataDir, { recursive: true, force: true })
    }
  })
})

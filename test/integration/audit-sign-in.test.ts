import { afterEach, describe, expect, it } from 'vitest'
import { createAuthenticator } from '../support/authenticator.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { startCommand } from '../support/command.ts'
import { addTotp, codeOf, password, withPassword } from '../support/sign-in.ts'
import { type Rig, type RigOptions, startRig } from '../support/start.ts'
import type { Untyped } from '../support/untyped.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

let rig: Rig
const start = async (options: RigOptions = {}) => {
  rig = await startRig({ importAll: false, ...options })
  return rig
}
afterEach(() => rig.close())

const entries = async (who: Visitor, query = ''): Promise<Untyped[]> =>
  (await who.ask('GET', `/api/audit-logs?limit=200${query}`)).body.items
/** Oldest first, in short. */
const told = async (who: Visitor, query = '') =>
  (await entries(who, query))
    .toReversed()
    .map(({ action, actor, outcome, after }) => [action, actor.kind, outcome, after?.method ?? null].join(' '))

describe('the audit log', { timeout: 30_000 }, () => {
  it('has every way in and out', async () => {
    await start()
    const me = await withPassword(rig)
    const { secret, recoveryCodes } = await addTotp(me)
    const other = createVisitor(rig)
    await other.door('POST', '/password/login', { password })
    await other.door('POST', '/totp/verify', { code: await codeOf(secret, Date.now() + 30_000) })
    await other.door('POST', '/logout')
    await other.door('POST', '/logout')
    const third = createVisitor(rig)
    await third.door('POST', '/password/login', { password })
    await third.door('POST', '/totp/verify', { code: recoveryCodes[0] })
    await me.door('POST', '/logout-others')
    await me.door('PUT', '/viewer-password', { password: 'only looking' })
    const viewer = createVisitor(rig)
    await viewer.door('POST', '/password/login', { password: 'only looking' })
    const [guest] = (await me.door('GET', '/sessions')).body.items.filter(({ role }: Untyped) => role === 'viewer')
    await me.door('DELETE', `/sessions/${guest.id}`)
    await me.door('POST', '/password/change', { currentPassword: password, newPassword: 'another horse' })
    expect(await told(me)).toEqual([
      'password.set session success this_machine',
      'second_factor.enable session success ',
      'session.sign_in session success password',
      'session.sign_in session success code',
      'session.sign_out session success ',
      'session.sign_in session success password',
      'session.sign_in session success recovery_code',
      'session.end_others session success ',
      'viewer_password.set session success ',
      'session.sign_in session success password',
      'session.end session success ',
      'password.change session success ',
    ])
    const [signedIn] = await entries(me, '&action=session.sign_in')
    expect(signedIn).toMatchObject({
      actor: { kind: 'session', name: guest.id, address: '127.0.0.1' },
      after: { method: 'password', role: 'viewer' },
    })
    expect(JSON.stringify(await entries(me))).not.toMatch(/horse|only looking|scrypt/)
  })

  it('has passkeys by name: added, used, renamed, removed', async () => {
    await start()
    const host = `localhost:${new URL(rig.url).port}`
    const me = createVisitor(rig, { host, origin: `http://${host}` })
    await me.door('POST', '/password/setup', { password })
    const device = createAuthenticator({ origin: `http://${host}` })
    const { body: options } = await me.door('POST', '/passkeys/start', { password })
    const { id } = (await me.door('POST', '/passkeys', { name: 'Phone', passkey: device.make(options) })).body
    const { body: asked } = await me.door('POST', '/passkeys/challenge')
    await me.door('POST', '/passkeys/login', { passkey: device.sign(asked) })
    const stranger = createVisitor(rig, { host, origin: `http://${host}` })
    const { body: other } = await stranger.door('POST', '/passkeys/challenge')
    expect((await stranger.door('POST', '/passkeys/login', { passkey: device.sign(other) })).status).toBe(200)
    await me.door('PATCH', `/passkeys/${id}`, { name: 'Old phone' })
    await me.door('DELETE', `/passkeys/${id}`)
    expect(
      (await entries(me, '&action=passkey')).map(({ action, target, before, after }) => [
        action,
        target.id,
        before,
        after,
      ]),
    ).toEqual([
      ['passkey.remove', id, { name: 'Old phone', host: 'localhost' }, null],
      ['passkey.rename', id, { name: 'Phone' }, { name: 'Old phone' }],
      ['passkey.add', id, null, { name: 'Phone', host: 'localhost' }],
    ])
    expect(await entries(me, '&action=session&outcome=success')).toMatchObject([{ target: { kind: 'passkey', id } }])
    // A challenge that was given to show who is there does not sign in, and that is told, too.
    expect(await entries(me, '&action=session&outcome=failure')).toMatchObject([
      { after: { method: 'passkey', code: 'invalid_passkey', attempts: 1 } },
    ])
  })

  it('has what was refused, once for each address and minute, with the count', async () => {
    const clock: ManualClock = createManualClock(Date.now())
    await start({ app: { clock }, env: { CODEX_LB_TRUSTED_PROXIES: '127.0.0.1' } })
    const me = await withPassword(rig)
    const guesser = createVisitor(rig, { 'x-forwarded-for': '203.0.113.9' })
    for (let turn = 0; turn < 30; turn++) await guesser.door('POST', '/password/login', { password: `wrong ${turn}` })
    clock.advance(60_000)
    await expect.poll(async () => (await entries(me, '&outcome=failure')).length).toBe(4)
    const refused = await entries(me, '&outcome=failure')
    const ofGuesser = { kind: 'stranger', name: null, address: '203.0.113.9' }
    expect(refused.every(({ actor }) => JSON.stringify(actor) === JSON.stringify(ofGuesser))).toBe(true)
    const counts = (code: string) =>
      refused.filter(({ after }) => after.code === code).map(({ after }) => after.attempts as number)
    expect(counts('invalid_credentials').toSorted((a, b) => a - b)).toEqual([1, 7])
    expect(counts('too_many_attempts').toSorted((a, b) => a - b)).toEqual([1, 21])
  })

  it('is not filled by strangers with ever new addresses', async () => {
    const clock: ManualClock = createManualClock(Date.now())
    await start({ app: { clock }, env: { CODEX_LB_TRUSTED_PROXIES: '127.0.0.1' } })
    const me = await withPassword(rig)
    const guess = (at: number) =>
      createVisitor(rig, {
        'x-forwarded-for': `203.0.113.${at % 250}, 198.51.${Math.floor(at / 250)}.${at % 250}`,
      }).door('POST', '/password/login', { password: 'wrong' })
    for (let at = 0; at < 160; at++) await guess(at)
    clock.advance(60_000)
    await expect
      .poll(async () => (await entries(me, '&outcome=failure')).some(({ after }) => after.attempts > 1))
      .toBe(true)
    const refused = await entries(me, '&outcome=failure')
    expect(refused.length).toBeLessThan(110)
    expect(refused.reduce((sum, { after }) => sum + after.attempts, 0)).toBe(160)
  })

  it('has wrong passwords of those who are in, and no entry where nothing was changed', async () => {
    await start()
    const me = await withPassword(rig)
    await me.door('POST', '/password/change', { currentPassword: 'wrong', newPassword: 'another horse' })
    await me.door('DELETE', '/password', { password: 'wrong' })
    await me.door('POST', '/totp/setup/start')
    expect(await told(me, '&outcome=failure')).toEqual([
      'password.change session failure ',
      'password.remove session failure ',
    ])
    expect(await told(me, '&outcome=success')).toEqual(['password.set session success this_machine'])
  })

  it('has the first password that came from elsewhere, and wrong tokens', async () => {
    await start({
      env: {
        CODEX_LB_TRUSTED_PROXIES: '127.0.0.1',
        CODEX_LB_DASHBOARD_BOOTSTRAP_TOKEN: 'token-from-the-log-0123456789',
      },
    })
    const me = createVisitor(rig, { 'x-forwarded-for': '203.0.113.9' })
    await me.door('POST', '/password/setup', { password, bootstrapToken: 'wrong' })
    await me.door('POST', '/password/setup', { password, bootstrapToken: 'token-from-the-log-0123456789' })
    expect(await told(me)).toEqual([
      'password.set stranger failure bootstrap_token',
      'password.set session success bootstrap_token',
    ])
  })

  it('has what was done at the command line', async () => {
    await start()
    const me = await withPassword(rig)
    await me.door('PUT', '/viewer-password', { password: 'only looking' })
    const env = { CODEX_LB_DATA_DIR: rig.dataDir }
    expect((await startCommand(['reset-password'], env, rig.dataDir).ended).code).toBe(0)
    const [entry] = await entries(createVisitor(rig))
    expect(entry).toMatchObject({
      action: 'password.reset',
      actor: { kind: 'command_line', name: null, address: null },
      requestId: null,
      before: { password: true, secondFactor: false, viewers: true, passkeys: 0 },
    })
  })
})

describe('a change of an account', () => {
  it('says what was there and what is there now', async () => {
    await start({ importAll: true })
    const me = createVisitor(rig)
    const { accountId } = await rig.account('a@example.com')
    await me.ask('POST', `/api/accounts/${accountId}/pause`)
    await me.ask('PATCH', `/api/accounts/${accountId}`, { priority: 5, tags: ['work'] })
    await me.ask('POST', `/api/accounts/${accountId}/reactivate`)
    await me.ask('DELETE', `/api/accounts/${accountId}`)
    const [removed, reactivated, changed, paused, imported] = await entries(me, '&action=account')
    expect(paused).toMatchObject({ before: { status: 'active' }, after: { status: 'paused' } })
    expect(changed).toMatchObject({ before: { priority: 0, tags: [] }, after: { priority: 5, tags: ['work'] } })
    expect(reactivated).toMatchObject({ before: { status: 'paused' }, after: { status: 'active' } })
    expect(removed).toMatchObject({ before: { email: 'a@example.com', plan: 'plus' }, after: null })
    expect(imported).toMatchObject({ action: 'account.import', after: { imported: 3, updated: 0, rejected: 0 } })
    expect(imported.after.accounts).toHaveLength(3)
  })
})

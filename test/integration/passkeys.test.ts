import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAuthenticator } from '../support/authenticator.ts'
import { createManualClock, type ManualClock } from '../support/clock.ts'
import { addTotp, password, refusal } from '../support/sign-in.ts'
import { type Rig, startRig } from '../support/start.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

let rig: Rig
let clock: ManualClock
let me: Visitor
let page: { origin: string; host: string }

beforeEach(async () => {
  clock = createManualClock(Date.now())
  rig = await startRig({ importAll: false, app: { clock }, env: { CODEX_LB_ALLOWED_HOSTS: 'lb.example.org' } })
  const host = `localhost:${new URL(rig.url).port}`
  page = { origin: `http://${host}`, host }
  me = browser()
  expect((await me.door('POST', '/password/setup', { password })).status).toBe(200)
})
afterEach(() => rig.close())

/** Somebody whose browser has opened the page by its name, as passkeys want it. */
const browser = (where = page) => createVisitor(rig, where)
const authenticator = (given = {}) => createAuthenticator({ origin: page.origin, ...given })
const add = async (device = authenticator(), proof: object = { password }, who = me) => {
  const { body: options } = await who.door('POST', '/passkeys/start', proof)
  return who.door('POST', '/passkeys', { name: 'My laptop', passkey: device.make(options) })
}
const challenge = async (who: Visitor) => (await who.door('POST', '/passkeys/challenge')).body
const signIn = async (device: ReturnType<typeof authenticator>, who = browser()) => {
  const answer = await who.door('POST', '/passkeys/login', { passkey: device.sign(await challenge(who)) })
  return { who, answer }
}

describe('a passkey', { timeout: 30_000 }, () => {
  it('is added by one who gives the password again, and signs in without it', async () => {
    expect((await me.door('GET', '/session')).body.passkeysOffered).toBe(false)
    const device = authenticator()
    const added = await add(device)
    expect(added.status).toBe(201)
    expect(added.body).toEqual({
      id: expect.stringMatching(/^pk_/),
      ...{ name: 'My laptop', host: 'localhost', worksHere: true, backedUp: false, lastUsedAt: null },
      createdAt: expect.any(String),
    })
    expect(added.text).not.toContain(device.id)
    const { who, answer } = await signIn(device)
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ authenticated: true, role: 'admin' })
    expect((await who.ask('GET', '/api/accounts')).status).toBe(200)
    const { items } = (await who.door('GET', '/sessions')).body
    expect(items.find(({ current }: { current: boolean }) => current)).toMatchObject({
      method: 'passkey',
      role: 'admin',
    })
    const [listed] = (await who.door('GET', '/passkeys')).body.items
    expect(listed.lastUsedAt).not.toBeNull()
  })

  it('is offered to strangers without saying which there are', async () => {
    const device = authenticator()
    await add(device)
    const stranger = browser()
    expect((await stranger.door('GET', '/session')).body.passkeysOffered).toBe(true)
    const options = await challenge(stranger)
    expect(options).toMatchObject({ rpId: 'localhost', userVerification: 'required' })
    expect(JSON.stringify(options)).not.toContain(device.id)
  })

  it('takes the place of the code where one is owed', async () => {
    const device = authenticator({ verifies: true })
    await add(device)
    await addTotp(me)
    const half = browser()
    await half.door('POST', '/password/login', { password })
    // The password was given: having the device is enough.
    device.verifies = false
    const options = await challenge(half)
    expect(options.allowCredentials).toMatchObject([{ id: device.id }])
    const answer = await half.door('POST', '/passkeys/login', { passkey: device.sign(options) })
    expect(answer.body).toMatchObject({ authenticated: true, totpConfigured: true })
    expect(refusal((await signIn(device)).answer)).toBe('401 invalid_passkey')
  })

  it('that was a second step is worth nothing to another browser', async () => {
    const device = authenticator()
    await add(device)
    await addTotp(me)
    const half = browser()
    await half.door('POST', '/password/login', { password })
    const passkey = device.sign(await challenge(half))
    expect(refusal(await browser().door('POST', '/passkeys/login', { passkey }))).toBe('401 invalid_passkey')
    expect(refusal(await half.door('POST', '/passkeys/login', { passkey }))).toBe('401 invalid_passkey')
  })

  it('answers each challenge once, and within five minutes', async () => {
    const device = authenticator()
    await add(device)
    const who = browser()
    const passkey = device.sign(await challenge(who))
    expect((await who.door('POST', '/passkeys/login', { passkey })).status).toBe(200)
    expect(refusal(await browser().door('POST', '/passkeys/login', { passkey }))).toBe('401 invalid_passkey')
    const late = device.sign(await challenge(browser()))
    clock.advance(5 * 60_000)
    expect(refusal(await browser().door('POST', '/passkeys/login', { passkey: late }))).toBe('401 invalid_passkey')
    const invented = device.sign({ challenge: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' })
    expect(refusal(await browser().door('POST', '/passkeys/login', { passkey: invented }))).toBe('401 invalid_passkey')
  })

  it('whose counter goes back was copied, and is refused', async () => {
    const device = authenticator()
    device.counter = 5
    await add(device)
    device.counter = 6
    expect((await signIn(device)).answer.status).toBe(200)
    for (const counter of [6, 5, 0]) {
      device.counter = counter
      expect(refusal((await signIn(device)).answer)).toBe('401 invalid_passkey')
    }
    device.counter = 7
    expect((await signIn(device)).answer.status).toBe(200)
  })

  it('of another page, another key, or one that did not ask its owner is refused', async () => {
    const device = authenticator()
    await add(device)
    device.origin = 'https://evil.example'
    expect(refusal((await signIn(device)).answer)).toBe('401 invalid_passkey')
    device.origin = page.origin
    expect(refusal((await signIn(authenticator())).answer)).toBe('401 invalid_passkey')
    const who = browser()
    const signed = device.sign(await challenge(who))
    const other = authenticator().sign(await challenge(who))
    const mixed = { ...signed, response: { ...signed.response, signature: other.response.signature } }
    expect(refusal(await who.door('POST', '/passkeys/login', { passkey: mixed }))).toBe('401 invalid_passkey')
    device.verifies = false
    expect(refusal((await signIn(device)).answer)).toBe('401 invalid_passkey')
  })

  it('can be guessed at eight times a minute', async () => {
    const device = authenticator()
    await add(device)
    for (let turn = 0; turn < 8; turn++) {
      expect(refusal((await signIn(authenticator())).answer)).toBe('401 invalid_passkey')
    }
    expect(refusal((await signIn(device)).answer)).toBe('429 too_many_attempts')
    clock.advance(60_000)
    expect((await signIn(device)).answer.status).toBe(200)
  })

  it('is not added without showing again who is there, nor by another session', async () => {
    expect(refusal(await me.door('POST', '/passkeys/start', { password: 'wrong' }))).toBe('401 invalid_credentials')
    expect(refusal(await me.door('POST', '/passkeys/start', {}))).toBe('400 invalid_request')
    const { body: options } = await me.door('POST', '/passkeys/start', { password })
    const other = browser()
    await other.door('POST', '/password/login', { password })
    const made = { name: 'x', passkey: authenticator().make(options) }
    expect(refusal(await other.door('POST', '/passkeys', made))).toBe('401 invalid_passkey')
    expect((await me.door('GET', '/passkeys')).body.items).toEqual([])
  })

  it('that is known lets its owner add another one', async () => {
    const device = authenticator()
    await add(device)
    const second = authenticator()
    const passkey = device.sign(await challenge(me))
    expect((await add(second, { passkey })).status).toBe(201)
    // What signed in is no proof for this.
    const stranger = browser()
    const signedIn = device.sign(await challenge(stranger))
    expect(refusal(await me.door('POST', '/passkeys/start', { passkey: signedIn }))).toBe('401 invalid_passkey')
    expect(refusal(await add(second))).toBe('409 passkey_exists')
  })

  it('is renamed and removed; the password stays', async () => {
    const device = authenticator()
    const { id } = (await add(device)).body
    expect((await me.door('PATCH', `/passkeys/${id}`, { name: '  Old phone ' })).body.name).toBe('Old phone')
    expect(refusal(await me.door('PATCH', `/passkeys/${id}`, { name: ' ' }))).toBe('400 invalid_request')
    expect((await me.door('DELETE', `/passkeys/${id}`)).status).toBe(204)
    expect(refusal(await me.door('DELETE', `/passkeys/${id}`))).toBe('404 passkey_not_found')
    expect(refusal(await me.door('PATCH', `/passkeys/${id}`, { name: 'x' }))).toBe('404 passkey_not_found')
    expect(refusal((await signIn(device)).answer)).toBe('401 invalid_passkey')
    expect((await browser().door('POST', '/password/login', { password })).status).toBe(200)
  })

  it('goes with the password', async () => {
    const device = authenticator()
    await add(device)
    expect((await me.door('DELETE', '/password', { password })).status).toBe(200)
    expect((await browser().door('GET', '/session')).body).toMatchObject({ passkeysOffered: false })
    expect(refusal((await signIn(device)).answer)).toBe('401 invalid_passkey')
    expect(refusal(await browser().door('POST', '/passkeys/start', { password }))).toBe('401 authentication_required')
  })

  it('survives a restart', async () => {
    const device = authenticator()
    await add(device)
    await rig.restart()
    const host = `localhost:${new URL(rig.url).port}`
    page = { origin: `http://${host}`, host }
    device.origin = page.origin
    expect((await signIn(device)).answer.status).toBe(200)
  })
})

describe('where passkeys cannot work, the reason is told:', () => {
  it.each([
    ['an address', () => ({ host: new URL(rig.url).host, origin: rig.url }), /host name/],
    ['plain http at a name', () => ({ host: 'lb.example.org', origin: 'http://lb.example.org' }), /https only/],
  ])('%s', async (_name, where, reason) => {
    const who = browser(where())
    await who.door('POST', '/password/login', { password })
    expect((await who.door('GET', '/passkeys')).body).toMatchObject({
      items: [],
      unavailable: expect.stringMatching(reason),
    })
    const answer = await who.door('POST', '/passkeys/start', { password })
    expect(refusal(answer)).toBe('400 passkeys_unavailable')
    expect(answer.body.error.message).toMatch(reason)
  })

  it('not where a browser comes to a name with https', async () => {
    const where = { host: 'lb.example.org', origin: 'https://lb.example.org' }
    const who = browser(where)
    await who.door('POST', '/password/login', { password })
    const device = createAuthenticator({ origin: where.origin, rpId: 'lb.example.org' })
    expect((await add(device, { password }, who)).body.host).toBe('lb.example.org')
    expect((await signIn(device, browser(where))).answer.status).toBe(200)
    // It was made for that name: elsewhere it is neither offered nor taken.
    expect((await browser().door('GET', '/session')).body.passkeysOffered).toBe(false)
    expect((await me.door('GET', '/passkeys')).body.items).toMatchObject([{ worksHere: false }])
  })
})

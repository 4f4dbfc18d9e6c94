import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeInBrowser, flawsOf, holdBack, overflowOf, phone, picture } from '../support/browser.ts'
import { addTotp, password, withPassword } from '../support/sign-in.ts'
import { type Rig, startRig } from '../support/start.ts'
import { createVisitor } from '../support/visitor.ts'

const viewerPassword = 'only looking'

/** An authenticator of Chromium's own, which says yes as its owner would. */
async function withAuthenticator(page: Page) {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      ...{ protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true },
      ...{ isUserVerified: true, automaticPresenceSimulation: true },
    },
  })
  return {
    setUserVerified: (isUserVerified: boolean) =>
      cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
    credentials: async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
  }
}

describeInBrowser('the security settings', (visit) => {
  let rig: Rig
  /** Passkeys want a name. */
  let here: string
  beforeEach(async () => {
    rig = await startRig()
    here = rig.url.replace('127.0.0.1', 'localhost')
  })
  afterEach(() => rig.close())

  const section = (page: Page, name: string) => page.getByRole('region', { name, exact: true })
  const givePassword = async (page: Page, text = password) => {
    await page.getByLabel('Password', { exact: true }).fill(text)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  }
  const isIn = (page: Page) => page.getByRole('navigation', { name: 'Pages' }).waitFor()
  const signOut = async (page: Page) => {
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  }
  const addPasskey = async (page: Page, name: string) => {
    const passkeys = section(page, 'Passkeys')
    await passkeys.getByRole('button', { name: 'Add a passkey' }).click()
    await passkeys.getByLabel('Name').fill(name)
    await passkeys.getByLabel('Your password, to confirm').fill(password)
    await passkeys.getByRole('button', { name: 'Add passkey' }).click()
    await page.getByText('The passkey is added').waitFor()
  }

  it('a passkey is added, signs in without a password, is renamed and removed', async () => {
    await withPassword(rig)
    const page = await visit(`${here}/settings/security`, { refusals: [401] })
    const device = await withAuthenticator(page)
    expect(await page.getByRole('button', { name: 'Sign in with a passkey' }).count()).toBe(0)
    await givePassword(page)
    await section(page, 'Passkeys').getByText('There is no passkey yet.').waitFor()
    await addPasskey(page, 'My laptop')
    expect(await device.credentials()).toMatchObject([{ rpId: 'localhost', isResidentCredential: true }])
    await section(page, 'Passkeys').getByRole('cell', { name: 'My laptop', exact: true }).waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'security')

    await signOut(page)
    await page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'sign-in-passkey')
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await isIn(page)
    await section(page, 'Signed-in browsers').getByText('This one:').waitFor()
    expect((await device.credentials())[0]?.signCount).toBeGreaterThan(1)

    const passkeys = section(page, 'Passkeys')
    await passkeys.getByRole('button', { name: 'Rename My laptop' }).click()
    await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill('Old laptop')
    await page.getByRole('button', { name: 'Save name' }).click()
    await passkeys.getByRole('button', { name: 'Remove Old laptop' }).click()
    await page.getByRole('button', { name: 'Remove passkey' }).click()
    await passkeys.getByText('There is no passkey yet.').waitFor()
    await signOut(page)
    expect(await page.getByRole('button', { name: 'Sign in with a passkey' }).count()).toBe(0)
  })

  it('a passkey stands in for the code, and a person who says no can try again', async () => {
    const me = await withPassword(rig)
    const page = await visit(`${here}/settings/security`, { refusals: [401] })
    const device = await withAuthenticator(page)
    await givePassword(page)
    await addPasskey(page, 'Key')
    await section(page, 'Passkeys').getByRole('button', { name: 'Add a passkey' }).click()
    await section(page, 'Passkeys').getByRole('button', { name: 'Confirm with a passkey instead' }).click()
    await page.getByText('This device has a passkey for this server already.').waitFor()
    await addTotp(me)
    await page.reload()
    await givePassword(page)
    await page.getByRole('heading', { name: 'Enter your code' }).waitFor()
    expect(await flawsOf(page)).toEqual([])
    await page.getByRole('button', { name: 'Use a passkey instead' }).click()
    await isIn(page)
    await signOut(page)
    // Without a password before it, the authenticator has to know its owner.
    await device.setUserVerified(false)
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await page.getByText('The browser gave no passkey').waitFor()
    await device.setUserVerified(true)
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await isIn(page)
  })

  it('says why there are no passkeys where the page was opened at an address', async () => {
    await withPassword(rig)
    const page = await visit(`${rig.url}/settings/security`)
    await givePassword(page)
    await section(page, 'Passkeys').getByText('Browsers tie passkeys to a host name').waitFor()
    expect(await page.getByRole('button', { name: 'Add a passkey' }).count()).toBe(0)
  })

  it('a viewer gets in with another password, and finds nothing to change', async () => {
    await withPassword(rig)
    const admin = await visit(`${rig.url}/settings/security`, { refusals: [400] })
    await givePassword(admin)
    const viewers = section(admin, 'Viewers')
    await viewers.getByText('No viewers get in.').waitFor()
    await viewers.getByLabel('Password for viewers').fill(password)
    await viewers.getByRole('button', { name: 'Let viewers in' }).click()
    await viewers.getByRole('alert').waitFor()
    await viewers.getByLabel('Password for viewers').fill(viewerPassword)
    await viewers.getByRole('button', { name: 'Let viewers in' }).click()
    await viewers.getByText('Viewers get in with a password of their own.').waitFor()

    const page = await visit(`${rig.url}/accounts`)
    await givePassword(page, viewerPassword)
    await page
      .getByRole('listitem', { name: /^Account [0-9a-f]{4}$/ })
      .first()
      .waitFor()
    expect(await page.getByText('@example.com').count()).toBe(0)
    expect(await page.getByRole('button', { name: /Pause|Delete/ }).count()).toBe(0)
    expect(await page.getByRole('link', { name: 'Keys' }).count()).toBe(0)
    expect(await page.getByRole('button', { name: /^Add/ }).count()).toBe(0)
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'viewer-accounts')
    await page
      .getByRole('link', { name: /^Account [0-9a-f]{4}$/ })
      .first()
      .click()
    await page.getByRole('heading', { name: /^Account [0-9a-f]{4}$/ }).waitFor()
    await page.getByRole('link', { name: 'Requests', exact: true }).click()
    await page.getByRole('search').waitFor()
    expect(await page.getByRole('searchbox').count()).toBe(0)
    await page.getByRole('link', { name: 'Settings' }).click()
    await page.getByText('Only an admin sees and changes this.').waitFor()
    await page.getByRole('link', { name: 'Appearance' }).click()
    await page.getByText('Theme').first().waitFor()
    await page.getByRole('link', { name: 'API', exact: true }).click()
    await page.getByText('Only an admin sees and changes this.').waitFor({ state: 'detached' })
    await page.setViewportSize(phone)
    expect(await overflowOf(page)).toBe(0)
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'viewer-phone')
    await page.getByRole('main').getByRole('button', { name: 'Sign out' }).waitFor()

    await admin.reload()
    await section(admin, 'Signed-in browsers').getByRole('cell', { name: 'Viewer' }).waitFor()
    const row = section(admin, 'Signed-in browsers').getByRole('row', { name: /Viewer/ })
    await row.getByRole('button', { name: /^End/ }).click()
    await admin.getByText('The session is ended').waitFor()
    await viewers.getByRole('button', { name: 'Let no viewers in' }).click()
    await viewers.getByText('No viewers get in.').waitFor()
  })

  it('the list of addresses asks before it shuts its owner out', async () => {
    await withPassword(rig)
    const page = await visit(`${rig.url}/settings/security`, { refusals: [400, 409] })
    await givePassword(page)
    const firewall = section(page, 'Allowed addresses')
    await firewall.getByText('The list is empty.').waitFor()
    await firewall.getByLabel('Clients may come from').selectOption('allowlist')
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Your own address, 127.0.0.1, would not get in any more.').waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'firewall-lock-out')
    await dialog.getByRole('button', { name: 'Keep it' }).click()
    // Nothing behind a dialog takes the focus, and the dialog goes a moment after the click.
    await dialog.waitFor({ state: 'detached' })
    expect(await firewall.getByLabel('Clients may come from').inputValue()).toBe('allow_all')
    await firewall.getByLabel('Address or range').fill('nowhere')
    await firewall.getByRole('button', { name: 'Add to the list' }).click()
    await firewall.getByRole('alert').waitFor()
    await firewall.getByLabel('Address or range').fill('192.0.2.9/24')
    await firewall.getByLabel('Note').fill('office')
    await firewall.getByRole('button', { name: 'Add to the list' }).click()
    await firewall.getByRole('cell', { name: '192.0.2.0/24', exact: true }).waitFor()
    await firewall.getByRole('button', { name: 'Include mine (127.0.0.1)' }).click()
    await firewall.getByText('(you)').waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'firewall')
    const changes = await holdBack(page, '**/api/firewall')
    await firewall.getByLabel('Clients may come from').selectOption('allowlist')
    const chosen = await firewall.getByLabel('Clients may come from').inputValue()
    expect(chosen, 'before the server has answered').toBe('allowlist')
    changes.letGo()
    await page.getByText('Saved').first().waitFor()
    await firewall.getByRole('button', { name: 'Remove 127.0.0.1/32' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Do it anyway' }).click()
    await firewall.getByRole('button', { name: 'Remove 127.0.0.1/32' }).waitFor({ state: 'detached' })
    expect(await firewall.getByLabel('Clients may come from').inputValue()).toBe('allowlist')
  })

  it('the audit log shows what happened, page by page, and what was refused', async () => {
    const me = await withPassword(rig)
    for (let turn = 0; turn < 25; turn++) await me.ask('PATCH', '/api/settings', { maxStreams: 5 + turn })
    await createVisitor(rig).door('POST', '/password/login', { password: 'wrong' })
    for (const look of [
      { name: 'light', colorScheme: 'light' as const },
      { name: 'dark', colorScheme: 'dark' as const },
      { name: 'phone', colorScheme: 'dark' as const, viewport: phone, hasTouch: true, isMobile: true },
    ]) {
      const { name, ...options } = look
      const page = await visit(`${rig.url}/settings/security`, options)
      await givePassword(page)
      const log = section(page, 'Audit log')
      await log.getByRole('cell', { name: 'settings.change' }).first().waitFor()
      expect(await overflowOf(page)).toBe(0)
      expect(await flawsOf(page)).toEqual([])
      await picture(page, `security-${name}`)
      await log.getByRole('button', { name: 'Older entries' }).click()
      await log.getByRole('cell', { name: 'password.set' }).waitFor()
      await log.getByLabel('Show').selectOption('failures')
      await log.getByText('refused', { exact: true }).waitFor()
      expect(await log.getByRole('cell', { name: 'session.sign_in' }).count()).toBe(1)
    }
  })
})

describeInBrowser('other ways of signing in', (visit) => {
  it('where nobody signs in, every page says so', async () => {
    const rig = await startRig({ env: { CODEX_LB_DASHBOARD_AUTH_MODE: 'disabled' } })
    try {
      const page = await visit(`${rig.url}/settings/security`)
      await page.getByText('Nobody signs in here').waitFor()
      await page.getByText('Sign-in is switched off').waitFor()
      await page.getByRole('heading', { name: 'Audit log' }).waitFor()
      expect(await flawsOf(page)).toEqual([])
      await picture(page, 'security-disabled')
    } finally {
      await rig.close()
    }
  })

  it('where a reverse proxy signs in, who came past it is told, and who came through is in', async () => {
    const env = { CODEX_LB_DASHBOARD_AUTH_MODE: 'trusted_header', CODEX_LB_TRUSTED_PROXIES: '127.0.0.1' }
    const rig = await startRig({ env, importAll: false })
    try {
      const page = await visit(rig.url)
      await page.getByRole('heading', { name: 'Sign in through the reverse proxy' }).waitFor()
      expect(await flawsOf(page)).toEqual([])
      const through = await visit(`${rig.url}/settings/security`, { extraHTTPHeaders: { 'remote-user': 'ada' } })
      await through.getByText('A reverse proxy signs in here.').waitFor()
      await through.getByText('ada, by the reverse proxy').first().waitFor()
    } finally {
      await rig.close()
    }
  })
})

import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeInBrowser, flawsOf, overflowOf, phone, picture } from '../support/browser.ts'
import { addTotp, codeOf, password, withPassword } from '../support/sign-in.ts'
import { type Rig, startRig } from '../support/start.ts'

const one = [{ email: 'a@example.com', plan: 'plus' }]
/** A code of the next step: none works twice, and the one of this step was used to set up. */
const nextCode = (secret: string) => codeOf(secret, Date.now() + 30_000)

describeInBrowser('the door', (visit) => {
  let rig: Rig
  beforeEach(async () => {
    rig = await startRig({ accounts: one })
  })
  afterEach(() => rig.close())

  const isIn = (page: Page) => page.getByRole('navigation', { name: 'Pages' }).waitFor()
  const isAtDoor = (page: Page) => page.getByRole('heading', { name: 'Sign in' }).waitFor()
  const alert = (page: Page, text: string | RegExp) => page.getByRole('alert').filter({ hasText: text }).waitFor()
  const givePassword = async (page: Page, text = password) => {
    await page.getByLabel('Password').fill(text)
    await page.getByRole('button', { name: 'Sign in' }).click()
  }
  const giveCode = async (page: Page, code: string, label = 'Code') => {
    await page.getByLabel(label, { exact: true }).fill(code)
    await page.getByRole('button', { name: 'Confirm' }).click()
  }
  const signIn = async (page: Page) => {
    await givePassword(page)
    await isIn(page)
  }
  const security = () => `${rig.url}/settings/security`

  it('is open on this machine until a password is set; whoever set it stays in, others sign in', async () => {
    const page = await visit(security(), { refusals: [400] })
    await page.getByText('No password is set').waitFor()
    await page.getByLabel('New password').fill('short')
    await page.getByRole('button', { name: 'Set password' }).click()
    await alert(page, 'New password:')
    await page.getByLabel('New password').fill(password)
    await page.getByRole('button', { name: 'Set password' }).click()
    await page.getByText('The password is set').waitFor()
    await page.getByRole('heading', { name: 'Signed-in browsers' }).waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'security-password')

    const other = await visit(`${rig.url}/accounts`)
    await isAtDoor(other)
    expect(await other.getByText(one[0]?.email ?? '').count()).toBe(0)
    expect(await flawsOf(other)).toEqual([])
    await picture(other, 'sign-in')
    await signIn(other)
    expect(other.url()).toBe(`${rig.url}/accounts`)
    await other.getByRole('listitem', { name: one[0]?.email ?? '' }).waitFor()
  })

  it('lets nobody in with a wrong password, and after many tries nobody for some seconds', async () => {
    await withPassword(rig)
    const page = await visit(rig.url, { refusals: [401, 429] })
    for (let turn = 0; turn < 8; turn++) {
      const answer = page.waitForResponse('**/password/login')
      await givePassword(page, `wrong ${turn}`)
      expect((await answer).status()).toBe(401)
      await alert(page, /password/i)
      await page.getByRole('button', { name: 'Sign in' }).waitFor()
    }
    await givePassword(page)
    await alert(page, /^Too many attempts\. Try again in \d+ s\.$/)
    const button = page.getByRole('button', { name: 'Sign in' })
    expect(await button.isDisabled()).toBe(true)
    const seconds = async () => Number(/in (\d+) s/.exec((await page.getByRole('alert').textContent()) ?? '')?.[1])
    const first = await seconds()
    expect(first).toBeGreaterThan(5)
    await expect.poll(seconds, { timeout: 10_000 }).toBeLessThan(first)
    await picture(page, 'sign-in-locked')
  })

  it('asks for a code as well once two-factor sign-in was set up, and shows the recovery codes once', async () => {
    const page = await visit(security(), {
      permissions: ['clipboard-read', 'clipboard-write'],
      refusals: [400, 401, 422],
    })
    await page.getByLabel('New password').fill(password)
    await page.getByRole('button', { name: 'Set password' }).click()
    await page.getByRole('button', { name: 'Set up two-factor sign-in' }).click()
    await page.getByRole('img', { name: 'QR code for the authenticator app' }).waitFor()
    await page.getByRole('button', { name: 'Copy: Secret' }).click()
    await page.getByText('Copied: Secret').waitFor()
    const secret = await page.evaluate<string>('navigator.clipboard.readText()')
    expect(await page.getByText(secret).count()).toBe(1)
    await picture(page, 'security-totp')
    await page.getByLabel('Code').fill('000000')
    await page.getByRole('button', { name: 'Switch on' }).click()
    await alert(page, /code/i)
    const used = await codeOf(secret)
    await page.getByLabel('Code').fill(used)
    await page.getByRole('button', { name: 'Switch on' }).click()
    await page.getByText('Keep these recovery codes').waitFor()
    const shown = await page.locator('pre', { hasText: /\w{5}-\w{5}/ }).textContent()
    const codes = (shown ?? '').split('\n')
    expect(codes).toHaveLength(10)
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'security-recovery-codes')
    await page.getByRole('button', { name: 'I have kept them' }).click()
    await page.getByText('10 recovery codes are left.').waitFor()
    await page.reload()
    await page.getByText('10 recovery codes are left.').waitFor()
    expect(await page.getByText(codes[0] ?? '').count()).toBe(0)

    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await isAtDoor(page)
    await givePassword(page)
    await page.getByRole('heading', { name: 'Enter your code' }).waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'sign-in-code')
    await giveCode(page, used)
    await alert(page, /code/i)
    await giveCode(page, await nextCode(secret))
    await isIn(page)
  })

  it('takes a recovery code in place of the app, once', async () => {
    const { recoveryCodes } = await addTotp(await withPassword(rig))
    const [code = ''] = recoveryCodes
    const giveRecoveryCode = async (page: Page) => {
      await givePassword(page)
      await page.getByRole('button', { name: 'Use a recovery code' }).click()
      await giveCode(page, code, 'Recovery code')
    }
    const page = await visit(security(), { refusals: [400] })
    await giveRecoveryCode(page)
    await page.getByText('9 recovery codes are left.').waitFor()
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await isAtDoor(page)
    await giveRecoveryCode(page)
    await alert(page, /code/i)
    await page.getByRole('button', { name: 'Start over' }).click()
    await isAtDoor(page)
  })

  it('asks for a code to switch two-factor sign-in off', async () => {
    const { secret } = await addTotp(await withPassword(rig))
    const page = await visit(security(), { refusals: [400, 401, 422] })
    await givePassword(page)
    await giveCode(page, await nextCode(secret))
    await page.getByRole('button', { name: 'Switch off' }).waitFor()
    await page.getByLabel('Code').fill('000000')
    await page.getByRole('button', { name: 'Switch off' }).click()
    await alert(page, /code/i)
  })

  it('ends the other browsers when asked to, and when the password changes', async () => {
    await withPassword(rig)
    const [mine, other] = [await visit(security()), await visit(security(), { refusals: [401] })]
    await signIn(mine)
    await signIn(other)
    await mine.reload()
    await mine.getByRole('button', { name: 'Sign out the others' }).click()
    await mine.getByText('2 browsers were signed out').waitFor()
    await isAtDoor(other)
    await signIn(other)
    await mine.getByLabel('Current password').fill(password)
    await mine.getByLabel('New password').fill('another horse')
    await mine.getByRole('button', { name: 'Change password' }).click()
    await mine.getByText('The password is changed').waitFor()
    await other.getByRole('link', { name: 'Requests' }).click()
    await isAtDoor(other)
    await givePassword(other)
    await alert(other, /password/i)
    await givePassword(other, 'another horse')
    await isIn(other)
  })

  it('is open again once the password is removed', async () => {
    await withPassword(rig)
    const page = await visit(security())
    await signIn(page)
    await page.getByLabel('Your password, to confirm').fill(password)
    await page.getByRole('button', { name: 'Remove password' }).click()
    await page.getByText('No password is set').waitFor()
  })

  it('fits a telephone, with and without a code', async () => {
    await addTotp(await withPassword(rig))
    const page = await visit(rig.url, { viewport: phone, hasTouch: true, isMobile: true, colorScheme: 'dark' })
    await isAtDoor(page)
    expect(await overflowOf(page)).toBe(0)
    await picture(page, 'sign-in-phone')
    await givePassword(page)
    await page.getByRole('heading', { name: 'Enter your code' }).waitFor()
    expect(await overflowOf(page)).toBe(0)
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'sign-in-code-phone')
  })
})

describeInBrowser('the door for somebody elsewhere', (visit) => {
  it('opens the first time to whoever has the token from the log', async () => {
    const rig = await startRig({
      accounts: one,
      importAll: false,
      env: {
        CODEX_LB_TRUSTED_PROXIES: '127.0.0.1',
        CODEX_LB_DASHBOARD_BOOTSTRAP_TOKEN: 'token-from-the-log-0123456789',
      },
    })
    const remote = { extraHTTPHeaders: { 'x-forwarded-for': '203.0.113.9' }, refusals: [400, 401, 403] }
    try {
      const page = await visit(rig.url, remote)
      await page.getByRole('heading', { name: 'Set the first password' }).waitFor()
      expect(await flawsOf(page)).toEqual([])
      await picture(page, 'first-password')
      const send = async (token: string) => {
        await page.getByLabel('Token from the log').fill(token)
        await page.getByLabel('New password').fill(password)
        await page.getByRole('button', { name: 'Set password' }).click()
      }
      await send('not the token at all')
      await page.getByRole('alert').waitFor()
      await send('token-from-the-log-0123456789')
      await page.getByRole('heading', { name: 'Three steps to the first answer.' }).waitFor()
      const other = await visit(rig.url, remote)
      await other.getByRole('heading', { name: 'Sign in' }).waitFor()
    } finally {
      await rig.close()
    }
  })
})

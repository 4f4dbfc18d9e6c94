import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeInBrowser, flawsOf, overflowOf, phone, picture } from '../support/browser.ts'
import { eventually } from '../support/import-client.ts'
import { password } from '../support/sign-in.ts'
import { freePort } from '../support/sign-ins.ts'
import { type Rig, startRig } from '../support/start.ts'
import { a, b, c } from '../support/turns.ts'
import { ask } from '../support/visitor.ts'

describeInBrowser('signing in with ChatGPT', (visit) => {
  let rig: Rig
  beforeEach(async () => {
    const env = { CODEX_LB_OAUTH_CALLBACK_PORT: String(await freePort()) }
    rig = await startRig({ importAll: false, env, simulator: { interactiveSignIn: true } })
  })
  afterEach(() => rig.close())

  const dialog = (page: Page, name = 'Add an account') => page.getByRole('dialog', { name })
  /** Clicks what opens a tab, and gives the tab. */
  const tabOf = async (page: Page, click: () => Promise<void>): Promise<Page> => {
    const [tab] = await Promise.all([page.waitForEvent('popup'), click()])
    return tab
  }
  const theFlow = async () => (await ask(rig.url, 'GET', '/api/sign-ins')).body.items[0]

  it('adds the first account by clicking, and the page goes on by itself', async () => {
    const page = await visit(`${rig.url}/welcome`)
    await page.getByRole('button', { name: 'Use a code' }).waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'add-account-welcome')
    const tab = await tabOf(page, () => page.getByRole('button', { name: 'Sign in with ChatGPT' }).click())
    await page.getByText('Waiting for you to sign in, until').waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'sign-in-waiting')
    await tab.getByRole('link', { name: b }).click()
    await tab.getByRole('heading', { name: 'Signed in' }).waitFor()
    expect(await flawsOf(tab)).toEqual([])
    await picture(tab, 'sign-in-callback')
    await page.getByText(`${b} (Plus) was added.`).waitFor()
    await page.getByText('1 account is here.').waitFor()
    await picture(page, 'sign-in-succeeded')
    await page.getByRole('button', { name: 'Add another' }).click()
    await page.getByRole('button', { name: 'Use a code' }).waitFor()
    expect((await rig.account(b)).status).toBe('active')
  })

  it('takes the pasted address where the browser cannot get back, and says what is wrong with it', async () => {
    await rig.importAccounts(a)
    const page = await visit(`${rig.url}/accounts?add=true`, { refusals: [400] })
    const tab = await tabOf(page, () => dialog(page).getByRole('button', { name: 'Sign in with ChatGPT' }).click())
    await tab.getByRole('link', { name: c }).waitFor()
    const flow = await theFlow()
    const answer = await fetch(`${flow.authorizationUrl}&login_hint=${c}`, { redirect: 'manual' })
    await page.getByText('Does the tab end on a page that cannot be opened?').click()
    const field = page.getByLabel('Address of the page that the tab ended on').last()
    await field.fill('http://localhost:1455/auth/callback')
    await page.getByRole('button', { name: 'Finish' }).click()
    await page.getByText(/has no "state" in it/).waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'sign-in-paste')
    await field.fill(answer.headers.get('location') ?? '')
    await page.getByRole('button', { name: 'Finish' }).click()
    await page.getByText(`${c} (Plus) was added.`).waitFor()
    await dialog(page).getByRole('button', { name: 'Done' }).click()
    await dialog(page).waitFor({ state: 'detached' })
    expect(page.url()).toBe(`${rig.url}/accounts`)
    await page.getByRole('listitem', { name: c }).getByText('Ready').waitFor()
  })

  it('shows a code, and goes on when it was typed in elsewhere', async () => {
    await rig.importAccounts(a)
    const page = await visit(rig.url, { colorScheme: 'dark' })
    await page.getByRole('link', { name: 'Add account' }).click()
    await dialog(page).getByRole('button', { name: 'Use a code' }).waitFor()
    await picture(page, 'add-account-dialog-dark')
    await dialog(page).getByRole('button', { name: 'Use a code' }).click()
    await page.getByText('Type it in only if you have begun this yourself').waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'sign-in-code-dark')
    const { userCode } = await theFlow()
    expect(await dialog(page).locator('pre').textContent()).toBe(userCode)
    const tab = await tabOf(page, () => page.getByRole('link', { name: 'Open the page for codes' }).click())
    await tab.getByLabel('Code').fill(userCode)
    await tab.getByLabel('Account').selectOption(b)
    await tab.getByRole('button', { name: 'Continue' }).click()
    await tab.getByRole('heading', { name: 'Allowed.' }).waitFor()
    await page.getByText(`${b} (Plus) was added.`).waitFor()
  })

  it('says why it failed, and what comes next', async () => {
    await rig.importAccounts(a)
    const page = await visit(`${rig.url}/accounts`)
    await page.getByRole('button', { name: 'Add account' }).click()
    const tab = await tabOf(page, () => dialog(page).getByRole('button', { name: 'Sign in with ChatGPT' }).click())
    await tab.getByRole('link', { name: 'Refuse' }).click()
    await tab.getByRole('heading', { name: 'Not signed in' }).waitFor()
    await page.getByText('The sign-in was refused in the browser. Start again and allow it.').waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'sign-in-failed')
    await dialog(page).getByRole('button', { name: 'Choose another way' }).click()
    await dialog(page).getByRole('button', { name: 'Use a code' }).click()
    await page.getByRole('button', { name: 'Give up' }).click()
    await dialog(page).getByRole('button', { name: 'Use a code' }).waitFor()
    expect((await theFlow()).status).toBe('cancelled')
  })

  it('is seen and gone on with in another tab', async () => {
    await rig.importAccounts(a)
    const { body: flow } = await ask(rig.url, 'POST', '/api/sign-ins', { method: 'device' })
    const page = await visit(`${rig.url}/accounts?add=true`)
    await page.getByText('A sign-in is under way').waitFor()
    await page.getByRole('button', { name: 'Go on with it' }).click()
    expect(await dialog(page).locator('pre').textContent()).toBe(flow.userCode)
    await ask(rig.url, 'DELETE', `/api/sign-ins/${flow.id}`)
    await page.getByText('The sign-in was given up.').waitFor()
  })

  it('renews the login of an account in its place, and refuses another one', async () => {
    await rig.importAccounts(a, b)
    const { accountId } = await rig.account(a)
    rig.simulator.script(
      a,
      { kind: 'unauthorized', path: 'reset_credits' },
      { kind: 'token_error', code: 'refresh_token_reused' },
    )
    await ask(rig.url, 'GET', `/api/accounts/${accountId}/reset-credits`)
    const page = await visit(`${rig.url}/accounts`)
    await page.getByRole('button', { name: `Sign in again: ${a}` }).click()
    const again = dialog(page, `Sign ${a} in again`)
    await again.getByText('any other one is refused').waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'sign-in-again')
    const wrong = await tabOf(page, () => again.getByRole('button', { name: 'Sign in with ChatGPT' }).click())
    await wrong.getByRole('link', { name: b }).click()
    await again.getByText('You signed in with another account').waitFor()
    const right = await tabOf(page, () => again.getByRole('button', { name: 'Start again' }).click())
    await right.getByRole('link', { name: a }).click()
    await again.getByText(`The login of ${a} (Plus) is renewed.`).waitFor()
    await again.getByRole('button', { name: 'Done' }).click()
    await page.getByRole('listitem', { name: a }).getByText('Ready').waitFor()
  })

  it('fits a telephone', async () => {
    await rig.importAccounts(a)
    const page = await visit(`${rig.url}/accounts?add=true`, { viewport: phone, hasTouch: true, isMobile: true })
    await dialog(page).getByRole('button', { name: 'Use a code' }).waitFor()
    expect(await overflowOf(page)).toBe(0)
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'add-account-phone')
    await dialog(page).getByRole('button', { name: 'Use a code' }).click()
    await page.getByText('Type it in only if you have begun this yourself').waitFor()
    expect(await overflowOf(page)).toBe(0)
    await picture(page, 'sign-in-code-phone')
  })

  it('names an account, and the name stands everywhere', async () => {
    await rig.importAccounts(a)
    const page = await visit(`${rig.url}/accounts/${(await rig.account(a)).accountId}`)
    await page.getByLabel('Name').fill('Work')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'Work', level: 1 }).waitFor()
    await page.goto(`${rig.url}/accounts`)
    await page.getByRole('listitem', { name: 'Work' }).waitFor()
    await page.getByRole('link', { name: 'Work' }).click()
    await page.getByLabel('Name').fill('')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: a, level: 1 }).waitFor()
  })

  it('tries an account out, and says how that went', async () => {
    await rig.importAccounts(a)
    const { accountId } = await rig.account(a)
    await eventually('its figures are here', async () => (await rig.account(a)).windows.length > 0)
    const page = await visit(`${rig.url}/accounts/${accountId}`)
    await page.getByRole('button', { name: 'Try it out' }).click()
    await page.getByText(/^gpt-5\.4-mini answered in /).waitFor()
    await picture(page, 'probe')
    rig.simulator.script(a, { kind: 'status', status: 500, message: 'Out of order.' })
    await page.getByRole('button', { name: 'Try it out' }).click()
    await page.getByText(/did not answer: Out of order\. .*status 500/).waitFor()
    expect(await flawsOf(page)).toEqual([])
  })

  it('warms accounts up after asking', async () => {
    await rig.importAccounts(a, b)
    await eventually('the figures are here', async () => (await rig.account(b)).windows.length > 0)
    const page = await visit(`${rig.url}/accounts`)
    await page.getByRole('button', { name: 'Warm up' }).click()
    await dialog(page, 'Begin the windows that nobody has begun?').getByRole('button', { name: 'Warm up' }).click()
    await page.getByText('2 warmed up, 0 failed, 0 left alone').waitFor()
  })

  it('exports a login after the password was given once more', async () => {
    await rig.importAccounts(a)
    const { accountId } = await rig.account(a)
    const page = await visit(`${rig.url}/settings/security`, { refusals: [401], colorScheme: 'dark' })
    await page.getByLabel('New password').fill(password)
    await page.getByRole('button', { name: 'Set password' }).click()
    await page.getByText('The password is set').waitFor()
    await page.goto(`${rig.url}/accounts/${accountId}`)
    await page.getByRole('button', { name: 'Export the login' }).click()
    const ask_ = dialog(page, `Export the login of ${a}?`)
    await ask_.getByText('Two programs that use one login end it').waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'export-dark')
    await ask_.getByLabel('Your password, to confirm').fill('wrong password')
    await ask_.getByRole('button', { name: 'Download the file' }).click()
    await ask_.getByText('The password is wrong.').waitFor()
    await ask_.getByRole('radio', { name: 'OpenCode' }).check()
    await ask_.getByLabel('Your password, to confirm').fill(password)
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      ask_.getByRole('button', { name: 'Download the file' }).click(),
    ])
    expect(file.suggestedFilename()).toBe('opencode-auth-a-example.com.json')
    const { openai } = JSON.parse(await readFile(await file.path(), 'utf8'))
    expect(openai.type).toBe('oauth')
    await page.getByText('Exported: opencode-auth-a-example.com.json').waitFor()
  })
})

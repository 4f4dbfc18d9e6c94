import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeInBrowser } from '../support/browser.ts'
import { type Rig, startRig } from '../support/start.ts'
import { a, ask } from '../support/turns.ts'

describeInBrowser('without a mouse', (visit) => {
  let rig: Rig
  beforeAll(async () => {
    rig = await startRig()
    await ask(rig)
  })
  afterAll(() => rig.close())

  /** What has the focus: its accessible name as far as a person would call it. */
  const focused = (page: Page) =>
    page.evaluate<string>(`(() => {
      const { activeElement: element } = document
      const label = element.labels?.[0]?.textContent ?? element.getAttribute('aria-label') ?? element.textContent
      return label.trim()
    })()`)
  /** The names of what Tab reaches, in order, until it comes to one of them. */
  const tabTo = async (page: Page, last: string): Promise<string[]> => {
    const passed: string[] = []
    while (passed.at(-1) !== last && passed.length < 60) {
      await page.keyboard.press('Tab')
      passed.push(await focused(page))
    }
    expect(passed.at(-1), passed.join(', ')).toBe(last)
    return passed
  }

  it('the content can be reached at once, and every page by its name', async () => {
    const page = await visit(rig.url)
    await page.getByRole('link', { name: 'Settings' }).waitFor()
    expect(await tabTo(page, 'Settings')).toEqual([
      'Skip to the content',
      'Overview',
      'Accounts',
      'Requests',
      'Keys',
      'Connect',
      'Settings',
    ])
    await page.keyboard.press('Enter')
    await page.waitForURL('**/settings/routing')
    await page.goto(rig.url)
    await page.getByRole('link', { name: 'Add account' }).waitFor()
    await tabTo(page, 'Skip to the content')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    await tabTo(page, 'Add account')
  })

  it('a question holds the focus, and Escape leaves everything as it is', async () => {
    const page = await visit(`${rig.url}/accounts`)
    await page.getByRole('listitem', { name: a }).waitFor()
    await tabTo(page, `Delete ${a}`)
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: `Delete ${a}?` })
    await dialog.waitFor()
    expect(await focused(page)).toBe('Keep it')
    const reached = new Set<string>()
    for (let press = 0; press < 8; press++) {
      await page.keyboard.press('Tab')
      // Beyond its last control the focus is with the browser for a moment, never on the page behind.
      expect(await page.evaluate('document.activeElement.matches("body, dialog *")')).toBe(true)
      reached.add(await focused(page))
    }
    expect([...reached]).toEqual(expect.arrayContaining(['Keep it', 'Delete the account']))
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    expect(await focused(page)).toBe(`Delete ${a}`)
    expect((await rig.account(a)).status).toBe('active')
  })

  it('a request opens beside the list and closes again, and the row keeps its place', async () => {
    const page = await visit(`${rig.url}/requests`)
    const row = page.getByRole('region', { name: 'Requests, newest first' }).locator('tbody a').first()
    await row.focus()
    await page.keyboard.press('Enter')
    const detail = page.getByRole('dialog', { name: 'Request' })
    await detail.getByText('What happened').waitFor()
    expect(await focused(page)).toBe('Close')
    await page.keyboard.press('Escape')
    await detail.waitFor({ state: 'detached' })
    expect(page.url()).toBe(`${rig.url}/requests`)
    expect(await page.locator('tbody a:focus').count()).toBe(1)
  })

  it('a choice is made with the arrows', async () => {
    const page = await visit(`${rig.url}/settings/appearance`)
    await page.getByRole('main').getByRole('radio', { name: 'System' }).focus()
    await page.keyboard.press('ArrowRight')
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('light')
    await page.keyboard.press('ArrowRight')
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark')
    await page.reload()
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark')
  })
})

import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeInBrowser, flawsOf, overflowOf, phone, picture } from '../support/browser.ts'
import { jsonOf } from '../support/simulator-client.ts'
import { type Rig, startRig } from '../support/start.ts'

describeInBrowser('the settings by group', (visit) => {
  let rig: Rig
  beforeEach(async () => {
    rig = await startRig({ accounts: [], importAll: false })
  })
  afterEach(() => rig.close())

  const open = (path: string, options?: Parameters<typeof visit>[1]) => visit(rig.url + path, options)
  const settings = async () => jsonOf(await fetch(`${rig.url}/api/settings`))
  const change = (changes: object) =>
    fetch(`${rig.url}/api/settings`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(changes),
    })
  const save = async (page: Page) => {
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved', { exact: true }).last().waitFor()
    await page.getByText('Not saved yet.').waitFor({ state: 'detached' })
  }
  const streams = (page: Page) => page.getByLabel('Most open answers of one account')
  const wait = (page: Page) => page.getByLabel('A request waits for a place at most (seconds)')

  it('show what is not the default, and put that back', async () => {
    const page = await open('/settings/limits')
    await streams(page).fill('7')
    await page.getByText('Default: 24').waitFor()
    await page.getByRole('radio', { name: 'Before it expires unused' }).check()
    await page.getByText('Default: Never').waitFor()
    await save(page)
    expect(await settings()).toMatchObject({ maxStreams: 7, resetCreditRule: 'expiring' })
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'settings-limits')
    await page.getByRole('button', { name: /Put back the default of .Most open answers/ }).click()
    expect(await streams(page).inputValue()).toBe('24')
    await save(page)
    expect(await settings()).toMatchObject({ maxStreams: 24, resetCreditRule: 'expiring' })
  })

  it('keep what somebody else has changed meanwhile, where it is another setting', async () => {
    const page = await open('/settings/limits', { refusals: [409] })
    await streams(page).fill('7')
    await change({ waitSeconds: 20 })
    await save(page)
    expect(await settings()).toMatchObject({ maxStreams: 7, waitSeconds: 20 })
    await expect.poll(() => wait(page).inputValue()).toBe('20')
  })

  it('show both values where somebody else has changed the same, and let the person choose', async () => {
    const page = await open('/settings/limits', { refusals: [409] })
    await streams(page).fill('7')
    await wait(page).fill('33')
    await change({ maxStreams: 9, waitSeconds: 44 })
    await page.getByText('“Most open answers of one account” is 9 now; you have 7. Saving keeps yours.').waitFor()
    await page.getByText(/is 44 now; you have 33/).waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'settings-conflict')
    await page.getByRole('button', { name: 'Take 44' }).click()
    expect(await wait(page).inputValue()).toBe('44')
    await save(page)
    expect(await settings()).toMatchObject({ maxStreams: 7, waitSeconds: 44 })
    expect(await page.getByText('Changed elsewhere').count()).toBe(0)
  })

  it('show both values also when the page has not heard of it before it saved', async () => {
    const page = await open('/settings/limits', { refusals: [409] })
    await streams(page).fill('7')
    // No live event and no reading anew: the server's refusal is the first that tells.
    await page.route('**/api/events', (route) => route.abort())
    await page.route('**/api/settings/groups/limits', async (route) => {
      if (route.request().method() === 'PATCH') await change({ maxStreams: 9 })
      await page.unroute('**/api/settings/groups/limits')
      await route.continue()
    })
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('is 9 now; you have 7. Saving keeps yours.').waitFor()
    expect(await settings()).toMatchObject({ maxStreams: 9 })
    await save(page)
    expect(await settings()).toMatchObject({ maxStreams: 7 })
  })

  it('keep what is kept, survive a reload, and show at once in another tab', async () => {
    const page = await open('/settings/data', { refusals: [400] })
    const other = await open('/settings/data')
    const days = (where: Page) => where.getByLabel('A response is kept for (days)')
    await other.getByText('Live', { exact: true }).waitFor()
    await page.getByRole('radio', { name: 'None' }).check()
    await days(page).fill('366')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('A response is kept for (days): must be at most 365.').waitFor()
    expect(await page.locator(':focus').getAttribute('name')).toBe('keepResponseDays')
    await days(page).fill('7')
    await page.getByLabel('The request log is kept for (days)').fill('0')
    await save(page)
    expect(await settings()).toMatchObject({ keepResponses: 'never', keepResponseDays: 7, requestLogDays: 0 })
    await expect.poll(() => days(other).inputValue(), { timeout: 10_000 }).toBe('7')
    await page.reload()
    await days(page).waitFor()
    expect(await page.getByRole('radio', { name: 'None' }).isChecked()).toBe(true)
  })

  it('put rows back with the default, and take those of somebody else', async () => {
    await change({ claudeModels: { 'claude-a': 'gpt-5.5' } })
    const page = await open('/settings/clients')
    const names = page.getByLabel('Claude’s name', { exact: true })
    await names.waitFor()
    await page.getByText('Default: nothing').waitFor()
    await page.getByRole('button', { name: /Put back the default of .Models for Claude/ }).click()
    expect(await names.count()).toBe(0)
    await page.getByRole('button', { name: 'Discard' }).click()
    expect(await names.inputValue()).toBe('claude-a')
    await page.getByLabel('Model for claude-a').fill('gpt-mine')
    await change({ claudeModels: { 'claude-a': 'gpt-theirs' } })
    await page.getByText(/“Models for Claude’s names” is another list now/).waitFor()
    await page.getByRole('button', { name: 'Take another list' }).click()
    expect(await page.getByLabel('Model for claude-a').inputValue()).toBe('gpt-theirs')
  })

  it('are found by their words, on whichever page they are', async () => {
    const page = await open('/settings/routing')
    await page.getByRole('searchbox', { name: 'Find a setting' }).fill('response kept days')
    const found = page.getByRole('list', { name: 'Settings that were found' }).getByRole('link')
    await found.first().waitFor()
    expect(await found.allInnerTexts()).toEqual(['A response is kept for (days)'])
    await found.first().click()
    await page.getByRole('radio', { name: 'Those whose client asks for it' }).waitFor()
    await expect.poll(() => page.locator(':focus').getAttribute('name')).toBe('keepResponseDays')
    await page.getByRole('searchbox', { name: 'Find a setting' }).fill('zzz')
    await page.getByText('No setting has a name like that.').last().waitFor()
    expect(await flawsOf(page)).toEqual([])
  })

  it('look right in the dark and on a phone', async () => {
    for (const path of ['limits', 'data', 'clients']) {
      for (const [name, options] of [
        ['light', {}],
        ['dark', { colorScheme: 'dark' as const }],
        ['phone', { viewport: phone }],
      ] as const) {
        const page = await open(`/settings/${path}`, options)
        await page.getByRole('button', { name: 'Save' }).waitFor()
        expect(await overflowOf(page)).toBe(0)
        if (name !== 'light') expect(await flawsOf(page)).toEqual([])
        if (path !== 'clients') await picture(page, `settings-${path}-${name}`)
        await page.close()
      }
    }
    const page = await open('/settings/limits', { viewport: phone })
    await page.getByRole('searchbox', { name: 'Find a setting' }).fill('account')
    await page.getByRole('list', { name: 'Settings that were found' }).waitFor()
    expect(await overflowOf(page)).toBe(0)
    await page.screenshot({ path: 'test-results/screenshots/settings-find-phone.png' })
  })
})

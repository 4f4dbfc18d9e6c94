import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { defaultModelMap } from '../../src/translate/anthropic/models.ts'
import { describeInBrowser, flawsOf, overflowOf, phone, picture } from '../support/browser.ts'
import { eventually } from '../support/import-client.ts'
import { jsonOf } from '../support/simulator-client.ts'
import { type Rig, startRig } from '../support/start.ts'

describeInBrowser('the settings about clients', (visit) => {
  let rig: Rig
  beforeEach(async () => {
    rig = await startRig()
  })
  afterEach(() => rig.close())

  const open = (options?: Parameters<typeof visit>[1]) => visit(`${rig.url}/settings/clients`, options)
  const settings = async () => jsonOf(await fetch(`${rig.url}/api/settings`))
  const save = async (page: Page) => {
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved', { exact: true }).waitFor()
  }
  const sockets = (page: Page) => page.getByRole('switch', { name: 'Clients may use WebSockets' })
  const add = (page: Page) => page.getByRole('button', { name: 'Add a name' }).click()
  const names = (page: Page) => page.getByLabel('Claude’s name', { exact: true })

  it('are kept, survive a reload, and show at once in another tab', async () => {
    const page = await open()
    const other = await open()
    await other.getByText('Live', { exact: true }).waitFor()
    await sockets(page).waitFor()
    expect(await sockets(page).isChecked()).toBe(true)
    await sockets(page).uncheck()
    await save(page)
    expect(await settings()).toMatchObject({ webSockets: false })
    await expect.poll(() => sockets(other).isChecked(), { timeout: 10_000 }).toBe(false)
    await page.reload()
    await sockets(page).waitFor()
    expect(await sockets(page).isChecked()).toBe(false)
  })

  it('are found from the other settings', async () => {
    const page = await visit(`${rig.url}/settings/routing`)
    await page.getByRole('navigation', { name: 'Sections' }).getByRole('link', { name: 'Clients' }).click()
    await sockets(page).press('Space')
    expect(await sockets(page).isChecked()).toBe(false)
  })

  it('name the models that are built in', async () => {
    const page = await open()
    const words = await page.getByText(/As built in: /).textContent()
    for (const [pattern, model] of Object.entries(defaultModelMap)) {
      const family = /opus|sonnet|haiku/.exec(pattern)?.[0] ?? 'names that are not known'
      expect(words).toMatch(new RegExp(`${model} for [^,]*${family}`, 'i'))
    }
    await add(page)
    const hint = await page.getByText(/^\* stands for anything\./).textContent()
    for (const pattern of Object.keys(defaultModelMap)) expect(hint).toContain(pattern)
  })

  it('give a name of Claude’s to a model of the pool, a row for each', async () => {
    const page = await open()
    await add(page)
    await names(page).fill('claude-*opus*')
    const model = page.getByLabel('Model for claude-*opus*')
    const offered = (await jsonOf(await fetch(`${rig.url}/api/models`))).models.map(({ id }: { id: string }) => id)
    expect(offered.length).toBeGreaterThan(0)
    const listed = `[...document.getElementById('${await model.getAttribute('list')}').options].map(({ value }) => value)`
    await expect.poll(() => page.evaluate(listed), { timeout: 10_000 }).toEqual(offered)
    await model.fill(offered[0])
    await add(page)
    await names(page).nth(1).fill('claude-haiku-4-5')
    await page.getByLabel('Model for claude-haiku-4-5').fill('gpt-nobody-has')
    expect(await flawsOf(page)).toEqual([])
    await save(page)
    expect((await settings()).claudeModels).toEqual({
      'claude-*opus*': offered[0],
      'claude-haiku-4-5': 'gpt-nobody-has',
    })
    await page.getByText('No account is known to offer gpt-nobody-has.').waitFor()
    await page.reload()
    await names(page).nth(1).waitFor()
    expect(await names(page).nth(1).inputValue()).toBe('claude-haiku-4-5')
    await page.getByRole('button', { name: 'Remove claude-haiku-4-5' }).click()
    await save(page)
    await eventually('the row is gone', async () => Object.keys((await settings()).claudeModels).length === 1)
    expect(await page.getByText('No account is known to offer').count()).toBe(0)
  })

  it('say at the field what the server would not take, and lead there', async () => {
    const page = await open({ refusals: [400] })
    await add(page)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('new: give the name, or a pattern such as claude-*opus*.').waitFor()
    expect(await names(page).getAttribute('aria-invalid')).toBe('true')
    await names(page).fill('claude-3.5-sonnet')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('claude-3.5-sonnet: choose a model.').waitFor()
    expect(await page.getByLabel('Model for claude-3.5-sonnet').getAttribute('aria-invalid')).toBe('true')
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'clients-fault')
    await add(page)
    await names(page).nth(1).fill('claude-3.5-sonnet')
    await page.getByText('claude-3.5-sonnet: this name comes again below, and that row counts.').waitFor()
    await page.getByRole('button', { name: 'Discard' }).click()
    expect(await names(page).count()).toBe(0)
  })

  it('fit a telephone, with rows and all', async () => {
    const page = await open({ viewport: { ...phone, width: 390 }, hasTouch: true, isMobile: true })
    await sockets(page).waitFor()
    await add(page)
    await names(page).fill('claude-*sonnet*')
    await page.getByLabel('Model for claude-*sonnet*').fill('gpt-5.5')
    expect(await overflowOf(page)).toBe(0)
    expect(await flawsOf(page, ['target-size'])).toEqual([])
    await picture(page, 'clients-phone')
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await flawsOf(page, ['color-contrast'])).toEqual([])
    await picture(page, 'clients-phone-dark')
  })
})

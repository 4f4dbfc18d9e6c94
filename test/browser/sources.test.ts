import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeInBrowser, flawsOf, holdBack, overflowOf, phone, picture } from '../support/browser.ts'
import { providerKey } from '../support/provider.ts'
import { turnBody } from '../support/simulator-client.ts'
import { type SourceRig, startSourceRig } from '../support/source-rig.ts'
import { ask } from '../support/turns.ts'

describeInBrowser('the settings about model sources', (visit) => {
  let stage: SourceRig
  beforeEach(async () => {
    stage = await startSourceRig(true)
  })
  afterEach(() => stage.close())

  const open = (options?: Parameters<typeof visit>[1]) => visit(`${stage.rig.url}/settings/sources`, options)
  const sources = async () => (await stage.api('GET', '/api/model-sources')).body.items
  const fill = async (page: Page) => {
    await page.getByRole('button', { name: 'Add a source' }).click()
    await page.getByLabel('Name', { exact: true }).fill('Spare')
    await page.getByLabel('Base URL').fill(stage.provider.baseUrl)
    await page.getByLabel('API key', { exact: true }).fill(providerKey)
    await page.getByLabel('As a last resort').check()
    await page.getByLabel('Clients ask for').fill('gpt-5.5')
    await page.getByLabel('Input $').fill('1')
    await page.getByLabel('Cached $').fill('0.5')
    await page.getByLabel('Output $').fill('10')
    await page.getByLabel('USD a day').fill('5')
  }
  const save = (page: Page) => page.getByRole('button', { name: 'Save' }).click()

  it('make a source that is tested, serves, and stands out in the log', async () => {
    const page = await open()
    await page.getByText('There is no model source.').waitFor()
    await fill(page)
    await page.getByText('This costs real money').waitFor()
    await page.getByRole('switch', { name: 'May be in your own network' }).check()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'sources-form')
    await save(page)
    await page.getByText('The model source is saved.').waitFor()
    expect(await sources()).toMatchObject([
      {
        ...{ name: 'Spare', use: ['last_resort'], hasApiKey: true, allowPrivateAddress: true },
        supports: { responses: true, chat: false, embeddings: false },
        models: [{ model: 'gpt-5.5', upstreamModel: null, inputUsdPerMillion: 1, cachedUsdPerMillion: 0.5 }],
        budget: { usdPerDay: 5, usdPerMonth: null },
      },
    ])
    await page.getByRole('button', { name: 'Test Spare' }).click()
    await page.getByText('The source answers and lists 2 models.').waitFor()
    expect((await ask(stage.rig, turnBody('hello', { model: 'gpt-5.5' }))).status).toBe(200)
    await page.reload()
    await page.getByText('Answers', { exact: true }).waitFor()
    expect(await page.getByText(/of \$5/).count()).toBe(1)
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'sources')
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await flawsOf(page, ['color-contrast'])).toEqual([])
    await picture(page, 'sources-dark')
    await page.goto(`${stage.rig.url}/requests`)
    await page.getByText('Source: Spare').first().waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'sources-requests')
    await page.getByRole('row').filter({ hasText: 'Source: Spare' }).getByRole('link').click()
    await page.getByText('The model source Spare answered, and no account of the pool').waitFor()
    await page.getByText('It cost $0.0028.').waitFor()
    await page.getByText('No account was chosen; the model source Spare was asked').waitFor()
    await picture(page, 'sources-request')
  })

  it('say at the field what the server would not take', async () => {
    const page = await open({ refusals: [400] })
    await fill(page)
    await page.getByLabel('As a last resort').uncheck()
    await save(page)
    await page.getByText(/^When is it asked\?: /).waitFor()
    await page.getByLabel('As a last resort').check()
    await save(page)
    await page.getByText(/^Base URL: 127\.0\.0\.1 is this machine\. Allow private addresses/).waitFor()
    await page.getByLabel('Clients ask for').fill('a*b')
    await save(page)
    await page.getByText(/^Clients ask for: /).waitFor()
    expect(await page.getByLabel('Clients ask for').getAttribute('aria-invalid')).toBe('true')
    expect(await sources()).toEqual([])
  })

  it('change a source whose key stays, put sources in order, and remove one', async () => {
    await stage.add()
    await stage.add({ name: 'Second', supports: { chat: true } })
    const page = await open()
    await page.getByRole('button', { name: 'Edit Spare' }).click()
    await page.getByRole('button', { name: 'List what the source has' }).click()
    await page.getByText('2 models to pick from.').waitFor()
    await page.getByRole('button', { name: 'Add a model' }).click()
    await page.getByLabel('Clients ask for').nth(1).fill('gpt-5*')
    await page.getByLabel('Its name there').nth(1).fill('local-1')
    await page.getByLabel('Input $').nth(1).fill('0')
    await page.getByLabel('Output $').nth(1).fill('0')
    await page.getByRole('button', { name: 'Remove model 1' }).click()
    await save(page)
    await page.getByText('The model source is saved.').waitFor()
    expect((await sources())[0]).toMatchObject({
      hasApiKey: true,
      models: [{ model: 'gpt-5*', upstreamModel: 'local-1', inputUsdPerMillion: 0, cachedUsdPerMillion: null }],
    })
    const orders = await holdBack(page, '**/api/model-sources/order')
    const first = page.getByRole('list', { name: 'Order' }).getByRole('listitem').first()
    for (const [way, name] of [
      ['up', 'Second'],
      ['down', 'Spare'],
      ['up', 'Second'],
    ]) {
      await page.getByRole('button', { name: `Move Second ${way}` }).click()
      expect(await first.getAttribute('aria-label'), 'before the server has answered').toBe(name)
    }
    orders.letGo()
    await expect.poll(orders.answered, { timeout: 10_000 }).toBe(3)
    expect((await sources())[0].name).toBe('Second')
    await page.getByRole('button', { name: 'Delete Second' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('The model source is deleted.').waitFor()
    expect(await sources()).toHaveLength(1)
  })

  it('fit a telephone', async () => {
    await stage.add({ budget: { usdPerDay: 1 } })
    await stage.add({ name: 'A-local-server-with-a-long-name', use: ['missing_models', 'last_resort'] })
    await stage.api('POST', `/api/model-sources/${(await sources())[1].id}/test`)
    const page = await open({ viewport: phone, hasTouch: true, isMobile: true })
    await page.getByText('As a last resort without a budget').waitFor()
    expect(await overflowOf(page)).toBe(0)
    expect(await flawsOf(page, ['target-size'])).toEqual([])
    await picture(page, 'sources-phone')
    await page.getByRole('button', { name: 'Edit Spare' }).click()
    await page.getByLabel('Base URL').waitFor()
    expect(await flawsOf(page, ['target-size'])).toEqual([])
    await picture(page, 'sources-form-phone')
  })
})

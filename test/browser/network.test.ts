import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeInBrowser, flawsOf, overflowOf, phone, picture } from '../support/browser.ts'
import { startHttpProxy, type TestProxy } from '../support/proxies.ts'
import { jsonOf } from '../support/simulator-client.ts'
import { type Rig, startRig } from '../support/start.ts'
import { a, ask } from '../support/turns.ts'
import type { Untyped } from '../support/untyped.ts'

describeInBrowser('the settings of the network', (visit) => {
  let rig: Rig
  let proxy: TestProxy
  beforeEach(async () => {
    rig = await startRig()
    proxy = await startHttpProxy({ login: { username: 'ada', password: 'right' } })
  })
  afterEach(async () => {
    await rig.close()
    await proxy.close()
  })

  const open = (options?: Parameters<typeof visit>[1], path = '/settings/network') => visit(rig.url + path, options)
  const proxies = async () => ((await jsonOf(await fetch(`${rig.url}/api/egress-proxies`))) as Untyped).items
  const send = async (method: string, path: string, body: object): Promise<Untyped> => {
    const headers = { 'content-type': 'application/json' }
    return jsonOf(await fetch(rig.url + path, { method, headers, body: JSON.stringify(body) }))
  }
  const add = (name: string, more: object = {}) =>
    send('POST', '/api/egress-proxies', { name, scheme: 'http', host: '127.0.0.1', port: proxy.port, ...more })
  const saved = (page: Page) => page.getByText('Saved', { exact: true }).first().waitFor()

  it('add a proxy, show why it fails, and that it works when that is mended', async () => {
    const page = await open({ refusals: [400] })
    await page.getByText('No proxy is known.').waitFor()
    await page.getByRole('button', { name: 'Add a proxy' }).click()
    const form = page.getByRole('form', { name: 'New proxy' })
    await form.getByLabel('Name', { exact: true }).fill('office')
    expect(await form.getByLabel('Port').inputValue()).toBe('3128')
    await form.getByLabel('Kind').selectOption('socks5')
    expect(await form.getByLabel('Port').inputValue()).toBe('1080')
    await form.getByLabel('Kind').selectOption('http')
    await form.getByLabel('Host').fill('http://127.0.0.1')
    await form.getByLabel('Port').fill(String(proxy.port))
    await form.getByLabel('User name').fill('ada')
    await form.getByLabel('Password').fill('wrong')
    await form.getByRole('button', { name: 'Save' }).click()
    await form.getByText('must be a host name or an address, without scheme and port.').waitFor()
    await form.getByLabel('Host').fill('127.0.0.1')
    await form.getByRole('button', { name: 'Save' }).click()
    await saved(page)
    expect(await proxies()).toMatchObject([{ name: 'office', username: 'ada', hasPassword: true }])
    await page.getByText('Not tried yet').waitFor()
    await page.getByRole('button', { name: 'Test office' }).click()
    await page.getByText('The proxy office refused the user name or password (407).').first().waitFor()
    await page.getByText('Down', { exact: true }).waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'network-down')
    await page.getByRole('button', { name: 'Edit office' }).click()
    const edit = page.getByRole('form', { name: 'Proxy office' })
    await edit.getByText('A password is set. Leave this empty to keep it.').waitFor()
    expect(await edit.getByLabel('Password', { exact: true }).inputValue()).toBe('')
    await edit.getByLabel('Password', { exact: true }).fill('right')
    await edit.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Not tried yet').waitFor()
    await page.getByRole('button', { name: 'Test office' }).click()
    await page.getByText(/ChatGPT was reached in/).waitFor()
    await page.getByText(/^Works, last/).waitFor()
  })

  it('bring all accounts on a way, and one on another, and the request tells which it took', async () => {
    const { id } = await add('office', { username: 'ada', password: 'right' })
    const page = await open()
    await page.getByLabel('Accounts go to ChatGPT').selectOption({ label: 'Through the proxy office' })
    await page.getByRole('button', { name: 'Save' }).click()
    await saved(page)
    await page.getByText(/ · the way of all$/).waitFor()
    await page.getByText('Default: Directly').waitFor()
    expect((await ask(rig)).status).toBe(200)
    expect(proxy.tunnels).toBeGreaterThan(0)
    await page.goto(`${rig.url}/requests`)
    await page.getByRole('table').getByRole('link').first().click()
    await page.getByText(/through office/).waitFor()
    const { accountId } = await rig.account(a)
    await page.goto(`${rig.url}/accounts/${accountId}`)
    const way = page.getByLabel('Way to ChatGPT')
    await way.waitFor()
    expect(await way.locator('option:checked').textContent()).toBe('As all do (Through the proxy office)')
    await way.selectOption({ label: 'Directly' })
    await page.getByRole('form', { name: 'How it is used' }).getByRole('button', { name: 'Save' }).click()
    await expect.poll(async () => (await rig.account(a)).egress).toEqual({ kind: 'direct' })
    await way.selectOption({ label: 'Through the proxy office' })
    await page.getByRole('form', { name: 'How it is used' }).getByRole('button', { name: 'Save' }).click()
    await expect.poll(async () => (await rig.account(a)).egress).toEqual({ kind: 'proxy', id })
    await send('PATCH', `/api/egress-proxies/${id}`, { isActive: false })
    await page.getByText('No way out').waitFor()
    await page.getByText('Its way out, the proxy office, is switched off').waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'account-way')
  })

  it('put proxies into a pool in an order, and say why something in use stays', async () => {
    await add('first')
    await add('second')
    const page = await open({ refusals: [409] })
    await page.getByRole('button', { name: 'Add a pool' }).click()
    const form = page.getByRole('form', { name: 'New pool' })
    await form.getByLabel('Name', { exact: true }).fill('all')
    await form.getByLabel('Add to the pool').selectOption({ label: 'second' })
    await form.getByLabel('Add to the pool').selectOption({ label: 'first' })
    await form.getByRole('button', { name: 'Move first up' }).click()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'network-pool-form')
    await form.getByRole('button', { name: 'Save' }).click()
    await page.getByText('first → second').waitFor()
    await page.getByRole('button', { name: 'Delete first' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('"first" is the way out of the pool all.').waitFor()
    await page.getByRole('button', { name: 'Keep it' }).click()
    await page.getByRole('button', { name: 'Delete all' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('A pool holds several proxies').waitFor()
    await page.getByRole('button', { name: 'Delete first' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await expect.poll(async () => (await proxies()).length).toBe(1)
  })

  it('look right in the dark and on a phone', async () => {
    const { id } = await add('office', { username: 'ada', password: 'right' })
    const { id: second } = await add('a proxy with quite a long name at home', { isActive: false })
    await send('POST', '/api/egress-pools', { name: 'both', memberIds: [id, second] })
    await send('POST', `/api/egress-proxies/${id}/test`, {})
    for (const [name, options] of [
      ['network-light', {}],
      ['network-dark', { colorScheme: 'dark' as const }],
      ['network-phone', { viewport: phone }],
    ] as const) {
      const page = await open(options)
      await page.getByText('office → a proxy').waitFor()
      expect(await overflowOf(page)).toBe(0)
      expect(await flawsOf(page)).toEqual([])
      await picture(page, name)
    }
    const page = await open({ viewport: phone })
    await page.getByRole('button', { name: 'Edit office' }).click()
    await page.getByRole('form', { name: 'Proxy office' }).waitFor()
    expect(await overflowOf(page)).toBe(0)
    await picture(page, 'network-form-phone')
  })
})

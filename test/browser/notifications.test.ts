import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { apiOf } from '../support/api.ts'
import { describeInBrowser, flawsOf, overflowOf, phone, picture } from '../support/browser.ts'
import { answering, type Receiver, startReceiver } from '../support/receiver.ts'
import { type Rig, startRig } from '../support/start.ts'
import type { Untyped } from '../support/untyped.ts'

describeInBrowser('the settings about notifications', (visit) => {
  let rig: Rig
  let receiver: Receiver
  beforeEach(async () => {
    rig = await startRig({ accounts: [{ email: 'a@example.com', plan: 'plus', weeklyUsedPercent: 90 }] })
    receiver = await startReceiver()
  })
  afterEach(async () => {
    await rig.close()
    await receiver.close()
  })

  const open = (options?: Parameters<typeof visit>[1]) => visit(`${rig.url}/settings/notifications`, options)
  const items = async (what: string): Promise<Untyped[]> => (await apiOf(rig)('GET', `/api/${what}`)).body.items
  const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true })
  const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true })
  const channel = (name = 'Hook') =>
    apiOf(rig)('POST', '/api/notification-channels', {
      ...{ kind: 'webhook', name, url: `${receiver.url}/hook`, secret: 'long enough', allowPrivateAddress: true },
    })

  it('begin with nothing, and say what comes first', async () => {
    const page = await open()
    await page.getByText('There is no channel yet.', { exact: false }).waitFor()
    await page
      .getByText('There is no rule yet, so nothing is watched and nothing is sent. Add a channel first.')
      .waitFor()
    expect(await button(page, 'Add a rule').isDisabled()).toBe(true)
    await page.getByText('Nothing yet.').waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'notifications-empty')
  })

  it('take a channel, try it, and tell what the other side says', async () => {
    const page = await open()
    await button(page, 'Add a channel').click()
    const form = page.getByRole('dialog', { name: 'New channel' })
    await form.getByLabel('Name', { exact: true }).fill('Telephone')
    await form.getByLabel('Server').fill(receiver.url)
    await form.getByLabel('Topic').fill('my-pool')
    await form.getByLabel('Access token').fill('tk_secret')
    await form.getByRole('switch', { name: 'It may be in your own network' }).check()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'notifications-channel')
    await form.getByRole('button', { name: 'Save' }).click()
    await form.waitFor({ state: 'detached' })
    await button(page, 'Send a test to Telephone').click()
    await page.getByText(/^Taken: 200, after \d+ ms\.$/).waitFor()
    expect(receiver.received).toMatchObject([{ headers: { authorization: 'Bearer tk_secret' } }])
    receiver.script.push(answering(403, JSON.stringify({ error: 'forbidden' })))
    await button(page, 'Send a test to Telephone').click()
    await page.getByText('Not taken: It answered 403: forbidden').waitFor()
    expect(await items('notification-channels')).toMatchObject([{ kind: 'ntfy', topic: 'my-pool', hasToken: true }])
  })

  it('keep what is secret when a channel is changed, unless it is removed', async () => {
    await channel()
    const page = await open()
    await button(page, 'Edit Hook').click()
    const form = page.getByRole('dialog', { name: 'Channel Hook' })
    expect(await form.getByLabel('URL').inputValue()).toBe('')
    await form.getByLabel('Name', { exact: true }).fill('Hook two')
    await form.getByRole('button', { name: 'Save' }).click()
    await form.waitFor({ state: 'detached' })
    expect(await items('notification-channels')).toMatchObject([{ name: 'Hook two', hasSecret: true }])
    await button(page, 'Edit Hook two').click()
    await page.getByLabel('Remove what is set: Secret for the signature').check()
    await button(page, 'Save').click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(await items('notification-channels')).toMatchObject([{ name: 'Hook two', hasSecret: false }])
    await button(page, 'Send a test to Hook two').click()
    await page.getByText(/^Taken: 200/).waitFor()
    expect(receiver.received).toMatchObject([{ path: '/hook' }])
  })

  it('say at the field what the server would not take', async () => {
    const page = await open({ refusals: [400] })
    await button(page, 'Add a channel').click()
    const form = page.getByRole('dialog', { name: 'New channel' })
    await form.getByLabel('Kind').selectOption('email')
    await form.getByLabel('Name', { exact: true }).fill('Mail')
    await form.getByLabel('Mail server').fill('not a server')
    await form.getByLabel('From').fill('pool@example.com')
    await form.getByLabel('To', { exact: true }).fill('ann@example.com, ben')
    await form.getByRole('button', { name: 'Save' }).click()
    await form.getByText('Mail server: must be the name or the address of a server.').waitFor()
    await form.getByText('To: must be an email address.').waitFor()
    expect(await flawsOf(page)).toEqual([])
    await form.getByLabel('Mail server').fill('mail.example.com')
    await form.getByLabel('To', { exact: true }).fill('ann@example.com, ben@example.com')
    await form.getByRole('button', { name: 'Save' }).click()
    await form.waitFor({ state: 'detached' })
    expect(await items('notification-channels')).toMatchObject([
      { host: 'mail.example.com', port: 587, security: 'starttls', to: ['ann@example.com', 'ben@example.com'] },
    ])
  })

  it('take a suggested rule, and show it in words', async () => {
    const { body } = await channel()
    const page = await open()
    await button(page, 'When less than 15 % of the pool’s weekly window is left').click()
    const form = page.getByRole('dialog', { name: 'New rule' })
    await form.getByLabel('Less than so much is left (%)').fill('25')
    await form.getByRole('switch', { name: 'Quiet hours' }).check()
    await form.getByLabel('Time zone').fill('Europe/Berlin')
    expect(await form.getByRole('checkbox', { name: 'Hook' }).isChecked()).toBe(true)
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'notifications-rule')
    await form.getByRole('button', { name: 'Save' }).click()
    await form.waitFor({ state: 'detached' })
    const rules = region(page, 'When you are told')
    await rules.getByText('When less than 25 % of the pool’s weekly window is left').waitFor()
    await rules
      .getByText('to Hook · at most every 60 min · also when it is over · not from 22:00 to 07:00 (Europe/Berlin)')
      .waitFor()
    expect(await items('notification-rules')).toMatchObject([
      {
        ...{ kind: 'pool_below', parameters: { window: 'weekly', percent: 25 }, channelIds: [body.id], tellEnd: true },
        quietHours: { from: '22:00', to: '07:00', timeZone: 'Europe/Berlin' },
      },
    ])
    await button(page, 'Edit: When less than 25 % of the pool’s weekly window is left').click()
    await page.getByRole('switch', { name: 'Quiet hours' }).uncheck()
    await page.getByRole('switch', { name: 'The rule is on' }).uncheck()
    await button(page, 'Save').click()
    await rules.getByText('switched off').waitFor()
    expect(await items('notification-rules')).toMatchObject([{ isActive: false, quietHours: null }])
    await button(page, /^Delete: /).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('There is no rule yet').waitFor()
    expect(await items('notification-rules')).toEqual([])
  })

  it('say where a fault is in the quiet hours and the channels', async () => {
    await channel()
    const page = await open({ refusals: [400] })
    await button(page, 'Add a rule').click()
    const form = page.getByRole('dialog', { name: 'New rule' })
    await form.getByLabel('What is watched?').selectOption('error_rate')
    await form.getByRole('switch', { name: 'Quiet hours' }).check()
    await form.getByLabel('Time zone').fill('Mars/Olympus')
    await form.getByRole('button', { name: 'Save' }).click()
    await form.getByText('Time zone: must be a time zone such as Europe/Berlin.').waitFor()
    await form.getByLabel('Time zone').fill('UTC')
    await form.getByRole('button', { name: 'Save' }).click()
    await page.getByText('When more than 20 % of at least 20 requests within 10 min fail', { exact: true }).waitFor()
  })

  it('do not lose a channel that a rule uses', async () => {
    const { body } = await channel()
    await apiOf(rig)('POST', '/api/notification-rules', { kind: 'pool_out', name: 'Alarm', channelIds: [body.id] })
    const page = await open({ refusals: [409] })
    await button(page, 'Delete Hook').click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('Rules send to this channel: Alarm.').waitFor()
    await button(page, 'Keep it').click()
    expect(await items('notification-channels')).toHaveLength(1)
  })

  it('show what was sent, and fit a telephone, light and dark', { timeout: 60_000 }, async () => {
    const { body } = await channel('A webhook with quite a long name that has to be broken somewhere')
    receiver.script.push(answering(500, 'busy'))
    await apiOf(rig)('POST', '/api/notification-rules', {
      ...{ kind: 'pool_below', parameters: { window: 'weekly', percent: 15 }, channelIds: [body.id] },
    })
    await apiOf(rig)('POST', '/api/notification-rules', { kind: 'pool_out', channelIds: [body.id], isActive: false })
    await expect.poll(async () => (await items('notifications'))[0]?.attempts.length, { timeout: 40_000 }).toBe(1)
    const page = await open()
    const sent = region(page, 'What was sent')
    await sent.getByText("The pool's weekly window is below 15 %").waitFor()
    await sent.getByText('It answered 500: busy').waitFor()
    await sent.getByText(/^Next try /).waitFor()
    await page.getByText(/^It is so since /).waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'notifications')
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await flawsOf(page, ['color-contrast'])).toEqual([])
    await picture(page, 'notifications-dark')
    await page.setViewportSize(phone)
    expect(await overflowOf(page)).toBe(0)
    await picture(page, 'notifications-phone-dark')
    await page.emulateMedia({ colorScheme: 'light' })
    await picture(page, 'notifications-phone')
    await button(page, 'Add a rule').click()
    expect(await overflowOf(page)).toBe(0)
    expect(await flawsOf(page, ['target-size', 'color-contrast'])).toEqual([])
    await picture(page, 'notifications-rule-phone')
  })
})

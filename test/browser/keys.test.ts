import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeInBrowser, flawsOf, overflowOf, phone, picture } from '../support/browser.ts'
import { type Rig, startRig } from '../support/start.ts'
import { a } from '../support/turns.ts'
import type { Untyped } from '../support/untyped.ts'

describeInBrowser('the keys page', (visit) => {
  let rig: Rig
  beforeEach(async () => {
    rig = await startRig()
  })
  afterEach(() => rig.close())

  const keys = async (): Promise<Untyped[]> =>
    ((await (await fetch(`${rig.url}/api/api-keys`)).json()) as Untyped).items
  const create = async (body: object): Promise<Untyped> =>
    (
      await fetch(`${rig.url}/api/api-keys`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    ).json()

  it('makes a key from a name, shows it once with a snippet that has it, and lists it', async () => {
    const page = await visit(`${rig.url}/keys`, { refusals: [400] })
    await page.getByRole('heading', { name: 'Only this machine may use the pool' }).waitFor()
    await page.getByRole('button', { name: 'Create a key' }).click()
    const asks = page.getByRole('dialog', { name: 'Create a key' })
    await asks.getByRole('button', { name: 'Create' }).click()
    await asks.getByText(/Name: /).waitFor()
    await asks.getByLabel('Name').fill('laptop')
    expect(await flawsOf(page)).toEqual([])
    await asks.getByRole('button', { name: 'Create' }).click()
    const shown = page.getByRole('dialog', { name: 'Your new key' })
    const secret = (await shown.locator('code').first().textContent()) ?? ''
    expect(secret).toMatch(/^sk-clb-[\w-]{43}$/)
    await shown.getByText(`experimental_bearer_token = "${secret}"`).waitFor()
    await picture(page, 'key-made')
    // A press beside it or Escape must not cost the key.
    await page.keyboard.press('Escape')
    await shown.getByRole('button', { name: 'I have it' }).click()
    await page.getByRole('heading', { name: '1 key may use the pool' }).waitFor()
    expect(await page.content()).not.toContain(secret)
    const answer = await fetch(`${rig.url}/v1/models`, { headers: { authorization: `Bearer ${secret}` } })
    expect(answer.status).toBe(200)
  }, 60_000)

  it('takes limits and rules at once, and says them in words', async () => {
    const page = await visit(`${rig.url}/keys`)
    await page.getByRole('button', { name: 'Create a key' }).click()
    const asks = page.getByRole('dialog', { name: 'Create a key' })
    await asks.getByLabel('Name').fill('ci')
    await asks.getByText('Limits, models, accounts, expiry').click()
    await asks.getByRole('button', { name: 'Add a limit' }).click()
    await asks.getByLabel('What', { exact: true }).selectOption('US dollars')
    await asks.getByLabel('At most').fill('2.50')
    await asks.getByLabel('In', { exact: true }).selectOption('a week')
    await asks.getByRole('button', { name: a, exact: true }).click()
    await asks.getByLabel('Always this one').check()
    await asks.getByLabel('Effort', { exact: true }).selectOption('low')
    await picture(page, 'key-rules')
    expect(await flawsOf(page)).toEqual([])
    await asks.getByRole('button', { name: 'Create' }).click()
    await page.getByRole('button', { name: 'I have it' }).click()
    await page.getByText('$2.50 in a week').waitFor()
    await page.getByText('100 % left').waitFor()
    expect(await keys()).toMatchObject([
      {
        ...{ name: 'ci', enforcedEffort: 'low', accountsInScope: 1 },
        limits: [{ kind: 'cost_micro_usd', period: 'week', max: 2_500_000, model: null }],
      },
    ])
  }, 60_000)

  it('changes a key, keeps the limit that it had, and says what was wrong', async () => {
    const made = await create({ name: 'old', limits: [{ kind: 'requests', period: 'day', max: 10 }] })
    const page = await visit(`${rig.url}/keys/${made.id}`, { refusals: [400] })
    await page.getByLabel('Name').fill('new')
    await page.getByLabel('At most').fill('20')
    await page.getByLabel('Addresses it may be used from').fill('nowhere')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText(/Addresses it may be used from: /).waitFor()
    await page.getByLabel('Addresses it may be used from').fill('10.0.0.0/8')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('new is saved').waitFor()
    const [key] = await keys()
    expect(key).toMatchObject({ name: 'new', allowedAddresses: ['10.0.0.0/8'] })
    expect(key.limits).toMatchObject([{ id: made.limits[0].id, max: 20 }])
    await page.getByRole('switch', { name: 'May be used' }).uncheck()
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Switched off').first().waitFor()
    await picture(page, 'key-page')
    expect(await flawsOf(page)).toEqual([])
  }, 60_000)

  it('renews and deletes a key after asking', async () => {
    const made = await create({ name: 'laptop' })
    const page = await visit(`${rig.url}/keys/${made.id}`)
    await page.getByRole('button', { name: 'Renew the secret' }).click()
    await page.getByRole('button', { name: 'Renew it' }).click()
    const shown = page.getByRole('dialog', { name: 'Your new key' })
    const secret = await shown.locator('code').first().textContent()
    expect(secret).not.toBe(made.key)
    await shown.getByRole('button', { name: 'I have it' }).click()
    await page.getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('button', { name: 'Delete it' }).click()
    await page.getByRole('heading', { name: 'Only this machine may use the pool' }).waitFor()
    expect(await keys()).toEqual([])
  }, 60_000)

  it('asks for keys on this machine too when told to, and warns while there is none', async () => {
    const page = await visit(`${rig.url}/keys`)
    await page.getByText('There is no active key').waitFor()
    await create({ name: 'laptop' })
    await page.reload()
    const switched = await page
      .getByLabel('Ask for a key on this machine too')
      .evaluate((box: { checked: boolean; click(): void }) => {
        box.click()
        return box.checked
      })
    expect(switched, 'as soon as it is pressed').toBe(true)
    await expect.poll(async () => (await fetch(`${rig.url}/v1/models`)).status).toBe(401)
  }, 60_000)

  it('stands on a phone, in the dark', async () => {
    const made = await create({
      name: 'a rather long name of a key',
      limits: [{ kind: 'total_tokens', period: 'day', max: 5_000_000 }],
    })
    const page = await visit(`${rig.url}/keys`, { viewport: phone, colorScheme: 'dark' })
    await page.getByText('5M tokens in a day').waitFor()
    expect(await overflowOf(page)).toBe(0)
    await picture(page, 'keys-phone-dark')
    await page.goto(`${rig.url}/keys/${made.id}`)
    await page.getByLabel('At most').waitFor()
    expect(await overflowOf(page)).toBe(0)
    await picture(page, 'key-phone-dark')
    expect(await flawsOf(page)).toEqual([])
    expect((await page.goto(`${rig.url}/keys/none`))?.ok()).toBe(true)
    await page.getByText('There is no key of this id').waitFor()
  }, 60_000)
})

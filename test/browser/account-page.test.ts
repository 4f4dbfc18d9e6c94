import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeInBrowser, flawsOf, overflowOf, phone, picture } from '../support/browser.ts'
import { eventually } from '../support/import-client.ts'
import { jsonOf, turnBody } from '../support/simulator-client.ts'
import type { Rig } from '../support/start.ts'
import { a, ask, b, c, startPool } from '../support/turns.ts'

const statistics = {
  lifetimeTokens: 123_456_789,
  peakDailyTokens: 4_560_000,
  longestTurnSeconds: 3_720,
  currentStreakDays: 4,
  longestStreakDays: 19,
  days: { '2026-01-02': 1_200_000, '2026-01-03': 4_560_000, '2026-01-05': 300_000 },
}

describeInBrowser('the page of one account', (visit) => {
  let rig: Rig
  beforeEach(async () => {
    rig = await startPool({
      accounts: [
        { email: a, plan: 'plus', shortUsedPercent: 60, weeklyUsedPercent: 30, resetCredits: 2, statistics },
        {
          ...{ email: b, plan: 'plus', shortUsedPercent: 40 },
          meters: [{ name: 'GPT-5.3-Codex-Spark', feature: 'spark', shortUsedPercent: 25 }],
        },
        { email: c, plan: 'plus', shortUsedPercent: 20 },
      ],
    })
  })
  afterEach(() => rig.close())

  const open = async (email: string, options?: Parameters<typeof visit>[1]) =>
    visit(`${rig.url}/accounts/${(await rig.account(email)).accountId}`, options)
  const fact = (page: Page, name: string) =>
    page
      .locator('.fact', { has: page.getByRole('term').filter({ hasText: name }) })
      .getByRole('definition')
      .first()
  const section = (page: Page, name: string) => page.getByRole('region', { name, exact: true }).first()

  it('says how an account is to be used, and the list says it too', async () => {
    const page = await open(a, { refusals: [400, 422] })
    await page.getByRole('radio', { name: 'Reserve' }).check()
    await page.getByLabel('Priority').fill('5')
    await page.getByLabel('Tags').fill('Work, night shift')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText(`Saved: ${a}`).waitFor()
    expect(await rig.account(a)).toMatchObject({ policy: 'preserve', priority: 5, tags: ['work', 'night shift'] })
    await page.reload()
    await page.getByLabel('Tags').waitFor()
    expect(await page.getByLabel('Tags').inputValue()).toBe('work, night shift')
    expect(await page.getByRole('radio', { name: 'Reserve' }).isChecked()).toBe(true)
    await page.getByLabel('Priority').fill('101')
    await page.getByLabel('Tags').fill('work, #no')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText(/^Priority: .*100/).waitFor()
    await page.getByText(/^Tags: A tag has up to 40 letters/).waitFor()
    expect(await page.locator(':focus').getAttribute('name')).toBe('priority')
    expect(await flawsOf(page)).toEqual([])
    expect((await rig.account(a)).priority).toBe(5)
    await page.goto(`${rig.url}/accounts`)
    const row = page.getByRole('listitem', { name: a })
    await row.getByText('Plus · Reserve · priority 5').waitFor()
    await row.getByText('night shift').waitFor()
  })

  it('uses a reset credit after asking, and says what became of it', async () => {
    const page = await open(a)
    const credits = section(page, 'Reset credits')
    await credits.getByText('2 can be used.').waitFor()
    await credits.getByRole('button', { name: /^Use / }).first().click()
    const dialog = page.getByRole('dialog', { name: `Use a reset credit of ${a}?` })
    await dialog.getByText('5-hour: 60 % used').waitFor()
    expect(await flawsOf(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Keep it' }).click()
    await dialog.waitFor({ state: 'detached' })
    expect((await rig.account(a)).usage.primaryRemainingPercent).toBe(40)
    await credits.getByRole('button', { name: /^Use / }).first().click()
    await dialog.getByRole('button', { name: 'Use the credit' }).click()
    await credits.getByText(/^Done: \d windows? started anew\.$/).waitFor()
    await credits.getByText('1 can be used.').waitFor()
    const history = page.getByRole('region', { name: 'What became of them' })
    await history.getByText('A person here').waitFor()
    await history.getByText('Reset', { exact: true }).waitFor()
    await eventually('the window is new', async () => (await rig.account(a)).usage.primaryRemainingPercent === 100)
    await section(page, 'Quota').getByText('100 % left').first().waitFor()
    await picture(page, 'account-credits')
  })

  it('shows what ChatGPT counts, and fits a telephone', async () => {
    const page = await open(a, { viewport: phone, hasTouch: true, isMobile: true })
    const life = section(page, 'Use over its life')
    await life.getByText('123.5M').waitFor()
    await life.getByText('1 h 2 min').waitFor()
    await life.getByText('longest: 19 days').waitFor()
    await life.getByText('Show as table').click()
    // A day that ChatGPT does not list had no use.
    expect(await life.locator('tbody tr').allInnerTexts()).toEqual([
      expect.stringMatching(/^Jan 5\s+300K$/),
      expect.stringMatching(/^Jan 4\s+0$/),
      expect.stringMatching(/^Jan 3\s+4.6M$/),
      expect.stringMatching(/^Jan 2\s+1.2M$/),
    ])
    expect(await overflowOf(page)).toBe(0)
    expect(await flawsOf(page)).toEqual([])
  })

  it('says what its status was derived from, and shows limits of single models', async () => {
    rig.simulator.script(b, { kind: 'usage_limit' })
    rig.simulator.script(a, { kind: 'usage_limit' })
    await ask(rig)
    const page = await open(b)
    await page.getByText('Used up', { exact: true }).waitFor()
    expect(await fact(page, 'Derived from').textContent()).toMatch(
      /^a refusal of ChatGPT \(usage_limit_reached\), (now|.+ ago)$/,
    )
    expect(await fact(page, '5-hour quota used up').textContent()).toMatch(/^ends .*usage_limit_reached.*since/)
    expect(await fact(page, 'Requests at once').textContent()).toBe('no limit was met')
    const meter = page.getByRole('heading', { name: 'GPT-5.3-Codex-Spark' })
    await meter.waitFor()
    await section(page, 'Quota').getByText('75 % left').waitFor()
    expect(await flawsOf(page)).toEqual([])
  })

  it('says what ended a sign-in, and what mends it', async () => {
    rig.simulator.script(
      a,
      { kind: 'unauthorized', path: 'responses' },
      { kind: 'token_error', code: 'refresh_token_reused' },
    )
    await ask(rig)
    const page = await open(a)
    const { advice } = await rig.account(a)
    await page.getByText('Sign in again', { exact: true }).first().waitFor()
    await page.getByRole('button', { name: `Sign in again: ${a}` }).waitFor()
    await page.getByText(advice.cause).first().waitFor()
    await page.getByRole('region', { name: 'Needs you' }).getByText(advice.fix).waitFor()
    await section(page, 'Reset credits').getByText('once the account is signed in again').waitFor()
    expect(await flawsOf(page)).toEqual([])
    await page.goto(`${rig.url}/accounts`)
    await page.getByRole('listitem', { name: a }).getByText(advice.fix).waitFor()
  })

  it('moves the threads that live there to another account, and forgets them', async () => {
    const turn = (key: string) => turnBody('hello', { prompt_cache_key: key })
    for (const key of ['one', 'two', 'three']) await ask(rig, turn(key))
    const page = await open(a)
    const threads = section(page, 'Threads that live here')
    await threads.getByText('3 threads live here.').waitFor()
    await threads
      .getByRole('button', { name: /^Forget [0-9a-f]{8}$/ })
      .first()
      .click()
    await page.getByText('1 thread forgotten').waitFor()
    await threads.getByText('2 threads live here.').waitFor()
    await threads.getByLabel('Move them to').selectOption(c)
    await threads.getByRole('button', { name: 'Move all' }).click()
    await page.getByText(`2 threads moved to ${c}`).waitFor()
    await threads.getByText('No thread lives here.').waitFor()
    const { accountId } = await rig.account(c)
    const held = async () =>
      (await jsonOf(await fetch(`${rig.url}/api/affinities?accountId=${accountId}`))).items.length
    expect(await held()).toBe(2)
    await page.goto(`${rig.url}/accounts/${accountId}`)
    await threads.getByRole('button', { name: 'Forget all' }).click()
    const dialog = page.getByRole('dialog', { name: 'Forget where these threads live?' })
    expect(await flawsOf(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Forget all' }).click()
    await threads.getByText('No thread lives here.').waitFor()
    expect(await held()).toBe(0)
  })
})

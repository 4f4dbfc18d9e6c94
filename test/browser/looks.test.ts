import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeInBrowser, flawsOf, overflowOf, phone, picture } from '../support/browser.ts'
import { type RunningCommand, startCommand } from '../support/command.ts'
import { jsonOf } from '../support/simulator-client.ts'

describeInBrowser('every page of the demo', (visit) => {
  let folder: string
  let demo: RunningCommand
  let url: string
  const pages: [name: string, path: string, sign: string][] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'codex-lb-looks-'))
    demo = startCommand(['demo'], { CODEX_LB_PORT: '0' }, folder)
    url = await demo.ready()
    const { accounts } = await jsonOf(await fetch(`${url}/api/accounts`))
    const { items } = await jsonOf(await fetch(`${url}/api/request-logs?limit=1`))
    pages.push(
      ['overview', '/', 'Last 24 hours'],
      ['welcome', '/welcome', '1. Add your accounts'],
      ['accounts', '/accounts', 'All accounts'],
      ['account', `/accounts/${accounts[0].accountId}`, 'Quota'],
      ['requests', '/requests', 'Requests'],
      ['request', `/requests/${items[0].id}`, 'What happened'],
      ['connect', '/connect', 'Configure'],
      ['settings-routing', '/settings/routing', 'Strategy'],
      ['settings-clients', '/settings/clients', 'Connections'],
      ['settings-security', '/settings/security', 'Password'],
      ['settings-appearance', '/settings/appearance', 'Theme'],
      ['missing', '/nothing-here', 'There is no such page.'],
    )
  })
  afterAll(async () => {
    demo.process.kill('SIGTERM')
    await demo.ended
    await rm(folder, { recursive: true, force: true })
  })

  const isOpen = (page: Page, sign: string) => page.getByRole('heading', { name: sign, exact: true }).waitFor()
  /** Every page in turn, in one tab, each loaded from its address. */
  const walk = async (page: Page, look: (name: string) => Promise<void>) => {
    for (const [name, path, sign] of pages) {
      await page.goto(url + path)
      await isOpen(page, sign)
      await page.getByText('Live', { exact: true }).waitFor({ state: 'attached' })
      await expect.poll(() => page.getByText(/^Loading /).count(), { timeout: 10_000 }).toBe(0)
      await look(name)
    }
  }

  it('has no flaw that axe finds and says that it is a demo, in light and in dark', async () => {
    const page = await visit(url)
    await walk(page, async (name) => {
      expect(await page.getByRole('complementary', { name: 'Demo' }).textContent(), name).toContain('simulated')
      expect(await flawsOf(page), `${name} in light`).toEqual([])
      await picture(page, `${name}-light`)
      await page.emulateMedia({ colorScheme: 'dark' })
      expect(await flawsOf(page, ['color-contrast']), `${name} in dark`).toEqual([])
      await picture(page, `${name}-dark`)
      await page.emulateMedia({ colorScheme: 'light' })
    })
  }, 60_000)

  it('has a past to show, a week of quota of every account', async () => {
    const { accounts } = await jsonOf(await fetch(`${url}/api/accounts`))
    const page = await visit(url)
    for (const { accountId, email } of accounts) {
      await page.goto(`${url}/accounts/${accountId}`)
      const section = page.getByRole('region', { name: 'Quota left, last 7 days' }).first()
      await section.getByText('Show as table').click()
      expect(await section.locator('tbody tr').count(), email).toBeGreaterThan(100)
    }
  })

  it('fits a telephone 360 pixels wide without scrolling sideways', async () => {
    const page = await visit(url, { viewport: phone, hasTouch: true, isMobile: true })
    await walk(page, async (name) => {
      expect(await overflowOf(page), name).toBe(0)
      expect(await flawsOf(page, ['target-size', 'scrollable-region-focusable']), name).toEqual([])
      await picture(page, `${name}-phone`)
    })
  }, 60_000)
})

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import axe from 'axe-core'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest'
import { chromiumPath, noChromium } from './chromium.ts'

const launchArgs = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const screenshots = join(import.meta.dirname, '../../test-results/screenshots')

export const phone = { width: 360, height: 740 }
const desktop = { width: 1280, height: 860 }

type VisitOptions = BrowserContextOptions & {
  /** Answers that this visit is meant to see; any other refusal fails its test. */
  refusals?: readonly number[]
}

/** Opens a page of the product as somebody new: nothing is kept from another visit. */
export type Visit = (url: string, options?: VisitOptions) => Promise<Page>

/**
 * A suite with a browser of its own, skipped where there is none. A test fails when a page of it wrote an error into the
 * console, threw, or asked for something that it did not get.
 */
export function describeInBrowser(name: string, define: (visit: Visit) => void): void {
  describe.skipIf(chromiumPath === null)(chromiumPath === null ? `${name} (${noChromium})` : name, () => {
    let browser: Browser
    let problems: string[] = []
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: chromiumPath ?? '', args: launchArgs })
    })
    define(async (url, { refusals = [], ...options } = {}) => {
      const context = await browser.newContext({ viewport: desktop, reducedMotion: 'reduce', ...options })
      context.setDefaultTimeout(10_000)
      const page = await context.newPage()
      watch(page, refusals, (problem) => problems.push(problem))
      await page.goto(url)
      return page
    })
    // Hooks run in reverse: pages are gone before what they show is.
    afterAll(() => browser.close())
    afterEach(async () => {
      for (const context of browser.contexts()) await context.close()
      const found = problems
      problems = []
      expect(found).toEqual([])
    })
  })
}

function watch(page: Page, refusals: readonly number[], report: (problem: string) => void): void {
  // Chromium writes refused requests into the console as well; they are judged by their status.
  const isRefusal = (text: string) => refusals.some((status) => text.includes(`with a status of ${status} `))
  page.on('pageerror', (error) => report(`thrown: ${error.message}`))
  page.on('console', (message) => {
    const isBad = message.type() === 'error' || message.type() === 'warning'
    if (isBad && !isRefusal(message.text())) report(`console: ${message.text()}`)
  })
  page.on('response', (response) => {
    if (response.status() >= 400 && !refusals.includes(response.status()))
      report(`${response.status()}: ${response.request().method()} ${response.url()}`)
  })
  page.on('requestfailed', (request) => {
    // A page that is left gives up what it was still asking for.
    const reason = request.failure()?.errorText ?? ''
    if (reason !== 'net::ERR_ABORTED') report(`${reason}: ${request.url()}`)
  })
}

/**
 * What axe finds wrong: the rule and where. `rules` leave out those that do not depend on what changed since they were
 * last checked. Evaluated, because the page's own policy lets no script in.
 */
export async function flawsOf(page: Page, rules?: readonly string[]): Promise<string[]> {
  await page.evaluate(axe.source)
  const options = JSON.stringify({ resultTypes: ['violations'], ...(rules && { runOnly: rules }) })
  const { violations } = await page.evaluate<axe.AxeResults>(`axe.run(document, ${options})`)
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`),
  )
}

/** By how many pixels the page is wider than the window. */
export function overflowOf(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth')
}

/** Keeps a picture of all of the page, in a window as high as it is, for a person to look at. */
export async function picture(page: Page, name: string): Promise<void> {
  const before = page.viewportSize() ?? desktop
  const height = await page.evaluate<number>('document.documentElement.scrollHeight')
  await page.setViewportSize({ width: before.width, height: Math.max(before.height, height) })
  mkdirSync(screenshots, { recursive: true })
  await page.screenshot({ path: join(screenshots, `${name}.png`) })
  await page.setViewportSize(before)
}

/** Keeps back what goes to an address until it is let go; `answered` counts what has come back since. */
export async function holdBack(page: Page, url: string): Promise<{ letGo(): void; answered(): number }> {
  const gate = Promise.withResolvers<void>()
  let answered = 0
  await page.route(url, async (route) => {
    await gate.promise
    await route.fulfill({ response: await route.fetch() })
    answered += 1
  })
  return { letGo: gate.resolve, answered: () => answered }
}

/** Drops files on the page as a person does. */
export async function dropFiles(page: Page, files: readonly { name: string; text: string }[]): Promise<void> {
  const dataTransfer = await page.evaluateHandle(`(() => {
    const transfer = new DataTransfer()
    for (const { name, text } of ${JSON.stringify(files)}) transfer.items.add(new File([text], name))
    return transfer
  })()`)
  for (const type of ['dragover', 'drop']) await page.locator('body').dispatchEvent(type, { dataTransfer })
}

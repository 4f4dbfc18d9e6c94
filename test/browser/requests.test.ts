import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeInBrowser, flawsOf, picture } from '../support/browser.ts'
import { turnBody } from '../support/simulator-client.ts'
import { openSocket } from '../support/socket-client.ts'
import type { Rig } from '../support/start.ts'
import { a, ask, b, post, startPool } from '../support/turns.ts'

describeInBrowser('requests', (visit) => {
  let rig: Rig
  beforeEach(async () => {
    rig = await startPool()
  })
  afterEach(() => rig.close())

  const live = (page: Page) => page.getByText('Live', { exact: true }).waitFor()
  const rows = (page: Page) => page.getByRole('region', { name: 'Requests, newest first' }).locator('tbody tr')
  const figure = (page: Page, name: string) =>
    page
      .locator('dl')
      .locator('div', { has: page.getByRole('term').filter({ hasText: name }) })
      .getByRole('definition')
  const rowCount = (page: Page, count: number) => expect.poll(() => rows(page).count(), { timeout: 10_000 }).toBe(count)
  /** Marks the page, so that a reload would show. */
  const mark = (page: Page) => page.evaluate('globalThis.isSamePage = true')
  const expectMark = async (page: Page) => expect(await page.evaluate('globalThis.isSamePage')).toBe(true)

  it('appear on the overview as they come, and in its figures, without a reload', async () => {
    const page = await visit(rig.url)
    await live(page)
    await mark(page)
    await page.getByText('The first request appears here as soon as a client has sent it.').waitFor()
    await ask(rig)
    await rowCount(page, 1)
    await expect.poll(() => figure(page, 'Requests').textContent(), { timeout: 10_000 }).toBe('1')
    rig.simulator.script(a, { kind: 'invalid_request' })
    await ask(rig)
    await rowCount(page, 2)
    await expect.poll(() => figure(page, 'Requests').textContent(), { timeout: 10_000 }).toBe('2')
    await expect.poll(() => figure(page, 'Failed').textContent(), { timeout: 10_000 }).toContain('1 request')
    await expectMark(page)
  })

  it('stand in the log while they run, with how far they have come', async () => {
    const page = await visit(`${rig.url}/requests`)
    await live(page)
    await mark(page)
    rig.simulator.script(a, { kind: 'stall_after_output', ms: 3_000 })
    const answer = ask(rig)
    await rows(page).first().getByText('Streaming').waitFor()
    await page.getByText('1 request is running.').waitFor()
    expect(await rows(page).first().textContent()).toContain(a)
    await answer
    await rows(page).first().getByText('200').waitFor()
    await page.getByText('New requests appear here as they come.').waitFor()
    await rowCount(page, 1)
    await expectMark(page)
  })

  it('tell why their account was chosen, and who had refused before', async () => {
    const page = await visit(`${rig.url}/requests`)
    await live(page)
    rig.simulator.script(a, { kind: 'usage_limit' })
    expect((await ask(rig)).status).toBe(200)
    await rows(page).first().getByText(`${a} → ${b}`).waitFor()
    await rows(page).first().getByRole('link').click()
    const detail = page.getByRole('dialog', { name: 'Request' })
    const steps = detail.getByRole('list').first().getByRole('listitem')
    await steps.first().waitFor()
    const story = (await steps.allInnerTexts()).map((step) => step.replace(/^.*\n/, ''))
    expect(story[0]).toContain('/backend-api/codex/responses')
    expect(story[1]).toMatch(new RegExp(`^${a}.*429 usage_limit_reached`))
    expect(story[2]).toContain(`${b} answered`)
    expect(story.at(-1)).toBe('Answered in full')
    await detail.getByText(`Chosen: ${b}, ranked first. Rule: Use up one after another.`).waitFor()
    expect(await detail.getByText('Could not serve').count()).toBe(1)
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'request-failover')
    await detail.getByRole('button', { name: 'Close' }).click()
    expect(page.url()).toBe(`${rig.url}/requests`)
  })

  it('show that a thread moved, why, and what that cost', async () => {
    const turn = turnBody('hello '.repeat(400), { prompt_cache_key: 'a-thread' })
    expect((await ask(rig, turn)).status).toBe(200)
    rig.simulator.script(a, { kind: 'usage_limit' })
    expect((await ask(rig, turn)).status).toBe(200)
    const page = await visit(`${rig.url}/requests`)
    await rows(page).first().getByText('ranked first, moved').waitFor()
    await rows(page).first().getByRole('link').click()
    const detail = page.getByRole('dialog', { name: 'Request' })
    await detail.getByText(`The thread left ${a}`).waitFor()
    await detail.getByText(/^Why: it was (blocked|tried before)\.$/).waitFor()
    await detail.getByText(/^Price: [\d.K]+ tokens of the conversation were cached there/).waitFor()
    const refused = detail.getByText(`${a} did not serve: 429 usage_limit_reached → a limit was reached`)
    expect(await refused.textContent()).toMatch(/concerns the account · took .+s$/)
    const ranked = detail.getByRole('list', { name: 'Ranked' }).getByRole('listitem')
    expect(await ranked.first().textContent()).toMatch(/has room.*5-hour quota 40 % used/)
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'request-move')
  })

  it('of every protocol show where they came in, and by which transport', async () => {
    const socket = await openSocket(`${rig.url}/backend-api/codex/responses`)
    expect((await socket.turn(turnBody('hello'))).at(-1)?.type).toBe('response.completed')
    await socket.close()
    const messages = [{ role: 'user', content: 'hello' }]
    const asked: [path: string, body: object, transport: string][] = [
      ['/v1/messages', { model: 'claude-sonnet-5', max_tokens: 100, messages }, 'HTTP, in one piece'],
      ['/v1/chat/completions', { model: 'gpt-5.5', stream: true, messages }, 'HTTP, as a stream'],
      ['/v1/images/generations', { prompt: 'a cat' }, 'HTTP, in one piece'],
      ['/backend-api/codex/memories/trace_summarize', {}, 'HTTP, in one piece'],
    ]
    for (const [path, body] of asked) expect((await post(rig, body, { path })).status, path).toBe(200)
    const page = await visit(`${rig.url}/requests`)
    await rowCount(page, 5)
    // What has no model is known by its route.
    const nameless = rows(page).first().getByText('/memories/trace_summarize', { exact: true })
    expect(await nameless.getAttribute('title')).toBe('/backend-api/codex/memories/trace_summarize')
    await picture(page, 'requests-protocols')
    const detail = page.getByRole('dialog', { name: 'Request' })
    const story = [['/backend-api/codex/responses', 'WebSocket'], ...asked.map(([path, , how]) => [path, how])]
    for (const [index, [route, transport]] of story.toReversed().entries()) {
      await rows(page).nth(index).getByRole('link').click()
      await detail.getByText(`Received at ${route}`, { exact: true }).waitFor()
      expect(await figure(page, 'Transport').textContent(), route).toBe(transport)
      if (index === 0 || index === 4) await picture(page, `request-protocol-${index}`)
      await detail.getByRole('button', { name: 'Close' }).click()
    }
    expect(await flawsOf(page)).toEqual([])
  })

  it('of earlier releases show what they kept', async () => {
    await ask(rig)
    const page = await visit(`${rig.url}/requests`)
    await page.route('**/api/request-logs/*', async (route) => {
      const answer = await route.fetch()
      const { waitedMs: _waited, affinityKey: _key, decision, attempts, ...kept } = await answer.json()
      const { because, ranked, excluded, accountId } = decision
      const old = {
        ...kept,
        ...{ waitedMs: null, affinityKey: null, clientAddress: null, sourceId: null, egressId: null },
        attempts: attempts.map((attempt: object) => ({ ...attempt, scope: null, tookMs: null })),
        decision: {
          ...{ because, accountId, excluded, strategy: 'least_used' },
          ranked: ranked.map(({ parts: _parts, ...row }: { parts: object }) => row),
        },
      }
      await route.fulfill({ response: answer, json: old })
    })
    await rows(page).first().getByRole('link').click()
    const detail = page.getByRole('dialog', { name: 'Request' })
    await detail.getByText(`Chosen: ${a}, ranked first. Rule: Most room first.`).waitFor()
    expect(await detail.getByRole('list', { name: 'Ranked' }).getByRole('listitem').count()).toBe(3)
    expect(await detail.getByText('took').count()).toBe(0)
  })

  it('can be filtered, and the address keeps the filters', async () => {
    rig.simulator.script(a, { kind: 'invalid_request' })
    await ask(rig)
    await ask(rig)
    await ask(rig, turnBody('hello', { model: 'gpt-5.4' }))
    const page = await visit(`${rig.url}/requests`)
    await rowCount(page, 3)
    await page.getByLabel('Status').selectOption('Answered')
    await rowCount(page, 2)
    await page.getByLabel('Model').selectOption('gpt-5.4')
    await rowCount(page, 1)
    expect(new URL(page.url()).search).toBe('?status=success&model=gpt-5.4')
    await page.reload()
    await rowCount(page, 1)
    expect(await page.getByLabel('Status').inputValue()).toBe('success')
    expect(await page.getByLabel('Model').inputValue()).toBe('gpt-5.4')
    await page.getByLabel('Search').fill('nobody wrote this')
    await page.getByText('No request matches these filters.').waitFor()
    await page.getByRole('button', { name: 'Clear filters' }).click()
    await rowCount(page, 3)
    expect(page.url()).toBe(`${rig.url}/requests`)
  })

  it('that come while a filter is set appear only where they fit', async () => {
    const page = await visit(`${rig.url}/requests?status=error`)
    await live(page)
    await page.getByText('No request matches these filters.').waitFor()
    await ask(rig)
    rig.simulator.script(a, { kind: 'invalid_request' })
    await ask(rig)
    await rows(page).first().getByText('400').waitFor()
    await rowCount(page, 1)
  })

  it('of earlier are loaded when asked for', async () => {
    for (let turn = 0; turn < 60; turn++) await ask(rig)
    const page = await visit(`${rig.url}/requests`)
    await rowCount(page, 50)
    await page.getByRole('button', { name: 'Load more' }).click()
    await rowCount(page, 60)
    expect(await page.getByRole('button', { name: 'Load more' }).count()).toBe(0)
  })

  it('follow a change of the strategy at once', async () => {
    const page = await visit(`${rig.url}/settings`)
    await page.waitForURL(`${rig.url}/settings/routing`)
    await ask(rig)
    expect((await rig.requests())[0]?.decision.strategy).toBe('fill_first')
    await page.getByRole('radio', { name: 'Most room first' }).check()
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved', { exact: true }).waitFor()
    await ask(rig)
    const [newest] = await rig.requests()
    expect(newest?.decision.strategy).toBe('usage_weighted')
    expect(newest?.accountId).toBe((await rig.account('c@example.com')).accountId)
    await page.reload()
    expect(await page.getByRole('radio', { name: 'Most room first' }).isChecked()).toBe(true)
  })
})

import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeInBrowser, dropFiles, flawsOf, overflowOf, phone, picture } from '../support/browser.ts'
import { type Rig, startRig } from '../support/start.ts'
import { a, ask, b } from '../support/turns.ts'

describeInBrowser('the first run', (visit) => {
  let rig: Rig
  beforeEach(async () => {
    rig = await startRig({ importAll: false })
  })
  afterEach(() => rig.close())

  const fileOf = (email: string) => ({ name: 'auth.json', text: JSON.stringify(rig.simulator.authJson(email)) })

  it('opens on the three steps, and takes an auth.json that is dropped on the page', async () => {
    const page = await visit(rig.url)
    await page.getByRole('heading', { name: 'Three steps to the first answer.' }).waitFor()
    expect(page.url()).toBe(`${rig.url}/welcome`)
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'first-run')
    await dropFiles(page, [fileOf(a)])
    await page.getByText('1 account is here.').waitFor()
    const outcomes = page.getByRole('list', { name: 'What became of the files' })
    expect(await outcomes.textContent()).toBe(`${a} (Plus): added`)
    await page.getByRole('link', { name: 'Go to overview' }).click()
    await page.getByRole('listitem', { name: a }).getByText('Ready').waitFor()
  })

  it('takes files that are chosen instead, several at a time', async () => {
    const page = await visit(rig.url)
    const files = [a, b].map((email) => ({ ...fileOf(email), mimeType: 'application/json' }))
    await page
      .getByLabel('drop auth.json files anywhere on this page')
      .setInputFiles(files.map(({ name, mimeType, text }) => ({ name, mimeType, buffer: Buffer.from(text) })))
    await page.getByText('2 accounts are here.').waitFor()
    expect((await rig.account(b)).status).toBe('active')
  })

  it('fits a telephone before there is any account', async () => {
    const page = await visit(rig.url, { viewport: phone, hasTouch: true, isMobile: true })
    await page.getByRole('heading', { name: 'Only looking?' }).waitFor()
    expect(await overflowOf(page)).toBe(0)
    await picture(page, 'first-run-phone')
  })

  it('gives the configuration of each client to the clipboard, with its own address in it', async () => {
    const page = await visit(`${rig.url}/connect`, { permissions: ['clipboard-read', 'clipboard-write'] })
    const copied = async (client: string) => {
      await page.getByRole('radio', { name: client }).check()
      await page.getByRole('button', { name: `Copy: Configuration for ${client}` }).click()
      await page.getByText(`Copied: Configuration for ${client}`).waitFor()
      return page.evaluate<string>('navigator.clipboard.readText()')
    }
    const codex = await copied('Codex CLI')
    expect(codex).toContain(`base_url = "${rig.url}/backend-api/codex"`)
    expect(codex).toContain('supports_websockets = true')
    expect(await copied('Claude Code')).toContain(`ANTHROPIC_BASE_URL=${rig.url}\nexport ANTHROPIC_AUTH_TOKEN=any\n`)
    await page.getByText('The Anthropic SDKs come here by the same address.').waitFor()
    expect(await copied('Python')).toContain(`base_url="${rig.url}/v1"`)
    expect(await copied('JavaScript')).toContain(`baseURL: '${rig.url}/v1'`)
    expect(await copied('curl')).toContain(`curl ${rig.url}/v1/responses`)
    await page.getByText('Chat Completions, images and transcriptions are served here, too.').waitFor()
  })

  it('turns the light on when the first request comes, and says who answered', async () => {
    await rig.importAccounts(a)
    const page = await visit(`${rig.url}/welcome`)
    await page.getByText('Waiting for a request…').waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
    await ask(rig)
    await page.getByText(`It works: ${a} answered in`).waitFor()
    expect(await flawsOf(page)).toEqual([])
    await picture(page, 'first-light')
    await page.getByRole('link', { name: 'What happened to it' }).click()
    await page.getByRole('dialog', { name: 'Request' }).getByText(`${a} answered (only one left)`).waitFor()
  })

  it('says so when the first request fails', async () => {
    const page = await visit(`${rig.url}/connect`)
    await page.getByText('Live', { exact: true }).waitFor()
    const { status } = await ask(rig)
    expect(status).toBeGreaterThanOrEqual(400)
    await page.getByText('It arrived, and failed:').waitFor()
  })
})

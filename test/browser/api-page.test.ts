import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeInBrowser, flawsOf, overflowOf, phone, picture } from '../support/browser.ts'
import { type Rig, startRig } from '../support/start.ts'

describeInBrowser('the page of the API', (visit) => {
  let rig: Rig
  beforeAll(async () => {
    rig = await startRig({ importAll: false })
  })
  afterAll(() => rig.close())

  it('finds an endpoint and says what it takes and answers', async () => {
    const page = await visit(`${rig.url}/settings/api`)
    await page.getByLabel('Search the endpoints').fill('pause account')
    await page.getByText('POST /api/accounts/{id}/pause').click()
    await page.getByText('For: admin').waitFor()
    await page.getByText('status: "paused"').waitFor()
    await page.getByLabel('Search the endpoints').fill('no such thing')
    await page.getByText('No endpoint has these words.').waitFor()
    await page.getByLabel('Search the endpoints').fill('api-keys')
    await page.getByText('POST /api/api-keys Create').click()
    await picture(page, 'api-page')
    expect(await flawsOf(page)).toEqual([])
  }, 60_000)

  it('stands on a phone', async () => {
    const page = await visit(`${rig.url}/settings/api`, { viewport: phone })
    await page.getByText('GET /api/accounts All accounts').click()
    expect(await overflowOf(page)).toBe(0)
    expect(await flawsOf(page)).toEqual([])
  }, 60_000)
})

import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeInBrowser, dropFiles, flawsOf } from '../support/browser.ts'
import { eventually } from '../support/import-client.ts'
import { type Rig, startRig } from '../support/start.ts'
import { a, b, c } from '../support/turns.ts'

describeInBrowser('the accounts page', (visit) => {
  let rig: Rig
  beforeEach(async () => {
    rig = await startRig({ importAll: false })
    await rig.importAccounts(a, b)
  })
  afterEach(() => rig.close())

  it('pauses an account and puts it back', async () => {
    const page = await visit(`${rig.url}/accounts`)
    const row = page.getByRole('listitem', { name: a })
    await page.getByRole('heading', { name: 'All 2 accounts can serve now.' }).waitFor()
    await page.getByRole('button', { name: `Pause ${a}` }).click()
    await row.getByText('Paused', { exact: true }).waitFor()
    await page.getByRole('heading', { name: '1 of 2 accounts can serve now.' }).waitFor()
    expect((await rig.account(a)).status).toBe('paused')
    await page.getByRole('button', { name: `Resume ${a}` }).click()
    await row.getByText('Ready').waitFor()
    expect((await rig.account(a)).status).toBe('active')
  })

  it('asks before it deletes an account, and then does', async () => {
    const page = await visit(`${rig.url}/accounts`)
    const row = page.getByRole('listitem', { name: a })
    const ask = page.getByRole('dialog', { name: `Delete ${a}?` })
    await page.getByRole('button', { name: `Delete ${a}` }).click()
    await ask.waitFor()
    expect(await flawsOf(page)).toEqual([])
    await ask.getByRole('button', { name: 'Keep it' }).click()
    await ask.waitFor({ state: 'detached' })
    expect((await rig.account(a)).status).toBe('active')
    await page.getByRole('button', { name: `Delete ${a}` }).click()
    await ask.getByRole('button', { name: 'Delete the account' }).click()
    await row.waitFor({ state: 'detached' })
    await page.getByText(`Deleted: ${a}`).waitFor()
    await expect(rig.account(a)).rejects.toThrow('no account')
    await page.getByRole('listitem', { name: b }).waitFor()
  })

  it('deletes from the page of one account, and goes back to the list', async () => {
    const page = await visit(`${rig.url}/accounts`)
    await page.getByRole('link', { name: a }).click()
    await page.getByRole('heading', { name: a, level: 1 }).waitFor()
    await page.getByRole('button', { name: `Delete ${a}` }).click()
    await page.getByRole('button', { name: 'Delete the account' }).click()
    await page.getByRole('heading', { name: 'Your account can serve now.' }).waitFor()
    expect(page.url()).toBe(`${rig.url}/accounts`)
  })

  it('says of each file what became of it, also of those that it could not use', async () => {
    const page = await visit(`${rig.url}/accounts`)
    await page.getByRole('listitem', { name: a }).waitFor()
    await dropFiles(page, [
      { name: 'new.json', text: JSON.stringify(rig.simulator.authJson(c)) },
      { name: 'known.json', text: JSON.stringify(rig.simulator.authJson(a)) },
      { name: 'notes.json', text: 'no JSON at all' },
      { name: 'key.json', text: '{"OPENAI_API_KEY":"sk-test"}' },
    ])
    const outcomes = page.getByRole('list', { name: 'What became of the files' }).getByRole('listitem')
    await outcomes.first().waitFor()
    const [added, renewed, broken, empty] = await outcomes.allInnerTexts()
    expect(added).toBe(`${c} (Plus): added`)
    expect(renewed).toBe(`${a} (Plus): was here already; its login is renewed`)
    expect(broken).toMatch(/^notes\.json: not added, .*JSON/)
    expect(empty).toMatch(/^key\.json: not added, .+/)
    await page.getByRole('listitem', { name: c }).getByText('Ready').waitFor()
    expect(await flawsOf(page)).toEqual([])
  })

  it('says what was wrong when the only file was no login', async () => {
    const page = await visit(`${rig.url}/accounts`, { refusals: [400, 422] })
    await page.getByRole('listitem', { name: a }).waitFor()
    await dropFiles(page, [{ name: 'notes.json', text: 'no JSON at all' }])
    await page.getByText(/notes\.json: not added/).waitFor()
  })

  it('shows by itself what happens to an account elsewhere', async () => {
    const page = await visit(`${rig.url}/accounts`)
    await page.getByText('Live', { exact: true }).waitFor()
    await rig.importAccounts(c)
    await page.getByRole('listitem', { name: c }).waitFor()
    const { accountId } = await rig.account(b)
    await fetch(`${rig.url}/api/accounts/${accountId}/pause`, { method: 'POST' })
    await page.getByRole('listitem', { name: b }).getByText('Paused', { exact: true }).waitFor()
    await fetch(`${rig.url}/api/accounts/${accountId}`, { method: 'DELETE' })
    await page.getByRole('listitem', { name: b }).waitFor({ state: 'detached' })
  })

  it('tells of an account that a person must sign in again', async () => {
    const page = await visit(`${rig.url}/accounts`)
    await page.getByText('Live', { exact: true }).waitFor()
    rig.simulator.script(
      c,
      { kind: 'unauthorized', path: 'usage' },
      { kind: 'token_error', code: 'refresh_token_expired' },
    )
    await rig.importAccounts(c)
    await eventually('c must sign in again', async () => (await rig.account(c)).status === 'reauth_required')
    const row = page.getByRole('listitem', { name: c })
    await row.getByRole('button', { name: `Sign in again: ${c}` }).waitFor()
    expect(await row.getByRole('button').count()).toBe(2)
    await page.getByRole('link', { name: 'Accounts 1 need you' }).waitFor()
  })
})

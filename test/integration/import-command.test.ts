import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type RunningCommand, startCommand } from '../support/command.ts'
import { eventually } from '../support/import-client.ts'
import { type Rig, startRig } from '../support/start.ts'

let rig: Rig
let program: RunningCommand | null = null
afterEach(async () => {
  program?.process.kill('SIGKILL')
  await program?.ended
  await rig?.close()
})

const a = 'a@example.com'
const b = 'b@example.com'
const two = [a, b].map((email) => ({ email, plan: 'plus' }))

/** Runs `codex-lb import` in a process of its own, on the data of the server that runs here. */
async function runImport(...emails: string[]) {
  const files = emails.map((email) => {
    const path = join(rig.dataDir, `${email}.json`)
    writeFileSync(path, JSON.stringify(rig.simulator.authJson(email)))
    return path
  })
  program = startCommand(['import', ...files], { CODEX_LB_DATA_DIR: rig.dataDir }, rig.dataDir)
  const { code } = await program.ended
  return { code, stdout: program.stdout(), stderr: program.stderr() }
}

/** Sends a turn and tells which account served it. */
async function served(): Promise<string | number> {
  const answer = await fetch(`${rig.url}/v1/responses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-5.5', input: 'FAKE_TEXT: hello' }),
  })
  await answer.text()
  if (answer.status !== 200) return answer.status
  return rig.simulator.requests.findLast(({ path }) => path.endsWith('/codex/responses'))?.email ?? 'nobody'
}

describe('codex-lb import beside a running server', { timeout: 60_000 }, () => {
  it('adds accounts that the server notices within seconds and gives turns to', async () => {
    rig = await startRig({ accounts: two, importAll: false })
    expect(await served()).toBe(503)
    const ended = await runImport(a)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toContain('1 imported, 0 updated, 0 rejected')
    await eventually('the server serves with the new account', async () => (await served()) === a)
    expect(await rig.account(a)).toMatchObject({ status: 'active' })
  })

  it('brings back an account that lost its sign-in, with the new tokens', async () => {
    rig = await startRig({ accounts: [{ email: a, plan: 'plus' }] })
    expect(await served()).toBe(a)
    rig.simulator.script(a, { kind: 'unauthorized', times: 2 })
    rig.simulator.script(a, { kind: 'token_error', code: 'refresh_token_invalidated', status: 401 })
    expect(await served()).not.toBe(a)
    expect(await rig.account(a)).toMatchObject({ status: 'reauth_required' })
    rig.simulator.reset(a)
    const { code, stdout } = await runImport(a)
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('0 imported, 1 updated') })
    await eventually('the account is active again', async () => (await rig.account(a)).status === 'active')
    expect(await served()).toBe(a)
  })

  it('leaves the accounts that it does not name alone', async () => {
    rig = await startRig({ accounts: two })
    const { accountId } = await rig.account(b)
    await fetch(`${rig.url}/api/accounts/${accountId}/pause`, { method: 'POST' })
    await runImport(a)
    await eventually('the import was noticed', async () => (await served()) === a)
    expect(await rig.account(b)).toMatchObject({ status: 'paused', accountId })
  })
})

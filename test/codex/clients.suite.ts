import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { clientVersions, troubleIn } from './codex.ts'
import { poolEmails, visitorEmail } from './product.ts'
import { expectAnswer, expectShell, printServed, shellTurn, useStage } from './stage.ts'

printServed()

describe.each(clientVersions)('Codex CLI %s', (version) => {
  const { product, tap, codexWith, lastServed } = useStage(version)
  /** Turns as the product met them. */
  const turnsSeen = () => tap().seen.filter(({ method }) => method === 'POST')

  it('gets an answer', async () => {
    const codex = await codexWith()
    expectAnswer(await codex.turn('FAKE_TEXT: a first answer'), 'a first answer')
    expect(poolEmails).toContain((await lastServed()).by)
    expect(tap().seen.map(({ method, path, status }) => [method, path, status])).toEqual([
      ['POST', '/backend-api/codex/responses', 200],
    ])
  })

  it.each([
    ['its own default model', {}],
    ['a model named in config.toml', { top: 'model = "gpt-5.5"' }],
    ['base_url ending in /v1', { path: '/v1' }],
  ])('runs a shell command and sends its output back, with %s', async (_, changes) => {
    const codex = await codexWith(changes)
    expectShell(await codex.turn(shellTurn))
    const [first, second] = product().upstreamTurns()
    expect(second?.headers['x-codex-turn-state']).toBeDefined()
    expect(second?.email).toBe(first?.email)
  })

  it('runs a shell command with what "codex-lb setup codex" writes, over a WebSocket', async () => {
    const codex = await codexWith({ bySetup: true })
    expectShell(await codex.turn(shellTurn))
    expect(turnsSeen()).toEqual([])
  })

  it('resumes a thread on the account that served it', async () => {
    const codex = await codexWith()
    expectAnswer(await codex.turn('FAKE_TEXT: the first answer'), 'the first answer')
    expectAnswer(await codex.resume('FAKE_TEXT: the second answer'), 'the second answer')
    const [first, second] = product().upstreamTurns()
    expect(second?.email).toBe(first?.email)
    expect(JSON.stringify(second?.body?.input)).toContain('the first answer')
  })

  it('sees nothing of it when the account reaches its limit in the middle of a turn', async () => {
    const codex = await codexWith()
    const running = codex.turn('FAKE_TOOL: until [ -e go-on ]; do sleep 0.05; done; echo from-the-shell')
    const ended = () =>
      servedBy(
        product()
          .upstreamTurns()
          .find(({ outcome }) => outcome !== 'open'),
      )
    const first = await vi.waitFor(ended, { timeout: 20_000 })
    product().simulator.script(first, { kind: 'usage_limit', times: 'always' })
    await writeFile(join(codex.folder, 'go-on'), '')
    expectShell(await running)
    const { by, triedBefore } = await lastServed()
    expect(by).not.toBe(first)
    expect(triedBefore[0]).toEqual({ by: first, verdict: 'limited' })
    expect(turnsSeen()).toHaveLength(2)
  })

  it('sees nothing of it when the account of a resumed thread has reached its limit', async () => {
    const codex = await codexWith()
    await codex.turn('FAKE_TEXT: the first answer')
    const { by: first } = await lastServed()
    product().simulator.script(first, { kind: 'usage_limit', times: 'always' })
    expectAnswer(await codex.resume('FAKE_TEXT: the second answer'), 'the second answer')
    const { by: second, triedBefore } = await lastServed()
    expect(second).not.toBe(first)
    expect(triedBefore[0]).toEqual({ by: first, verdict: 'limited' })
    expectAnswer(await codex.resume('FAKE_TEXT: the third answer'), 'the third answer')
    expect((await lastServed()).by).toBe(second)
    expect(turnsSeen()).toHaveLength(3)
  })

  it('sees nothing of it when the stream is cut before visible output', async () => {
    const codex = await codexWith()
    await codex.turn('FAKE_TEXT: the first answer')
    const { by: first } = await lastServed()
    product().simulator.script(first, { kind: 'cut_before_output', times: 'always' })
    expectAnswer(await codex.resume('FAKE_TEXT: the second answer'), 'the second answer')
    const { by: second, triedBefore } = await lastServed()
    expect(second).not.toBe(first)
    expect(triedBefore[0]).toEqual({ by: first, verdict: 'transient' })
    expect(turnsSeen()).toHaveLength(2)
  })

  it('sees nothing of it when an access token is refused and has to be renewed', async () => {
    for (const email of poolEmails) product().simulator.script(email, { kind: 'unauthorized' })
    const codex = await codexWith()
    expectAnswer(await codex.turn('FAKE_TEXT: an answer'), 'an answer')
    const { by, triedBefore } = await lastServed()
    expect(triedBefore).toEqual([{ by, verdict: 'unauthorized' }])
    expect(product().simulator.refreshes).toMatchObject([{ email: by, accepted: true }])
    expect(turnsSeen()).toHaveLength(1)
  })

  it('sees nothing of it when an account is signed out', async () => {
    const codex = await codexWith()
    await codex.turn('FAKE_TEXT: the first answer')
    const { by: first } = await lastServed()
    product().simulator.script(first, { kind: 'unauthorized', times: 'always' })
    expectAnswer(await codex.resume('FAKE_TEXT: the second answer'), 'the second answer')
    expect((await lastServed()).by).not.toBe(first)
    expect(await product().statusOf(first)).toBe('reauth_required')
    expect(turnsSeen()).toHaveLength(2)
  })

  it('tells of the usage limit and its first reset, with one request, when all accounts are out', async () => {
    for (const [index, email] of poolEmails.entries()) {
      const resetsInSeconds = [7_200, 3_600, 10_800][index] ?? null
      product().simulator.script(email, { kind: 'usage_limit', times: 'always', resetsInSeconds })
    }
    const codex = await codexWith()
    const fromMs = Date.now()
    const run = await codex.turn('FAKE_TEXT: never said')
    const untilMs = Date.now()
    const { message = '' } = run.events.find(({ type }) => type === 'error') ?? {}
    expect(message).toMatch(/^You.ve hit your usage limit\./)
    const told = /try again at (?:.* )?(\d+:\d\d [AP]M)\.$/.exec(message)?.[1]
    // The upstream rounds the reset up to a second.
    expect([fromMs, untilMs + 1_000].map((ms) => timeOfDay(ms + 3_600_000))).toContain(told)
    expect(turnsSeen().map(({ status }) => status)).toEqual([429])
    expect(product().upstreamTurns()).toHaveLength(3)
    // Now the product knows, and need not ask.
    expect(troubleIn(await codex.turn('FAKE_TEXT: never said')).join()).toContain(`${told}.`)
    expect(turnsSeen().map(({ status }) => status)).toEqual([429, 429])
    expect(product().upstreamTurns()).toHaveLength(3)
  })

  it('may compress its requests: a provider named exactly "OpenAI" and a ChatGPT login', async () => {
    // Account calls must go to another origin than the turns: 0.169.0 would send the turns past the product().
    const changes = {
      name: 'OpenAI',
      provider: 'requires_openai_auth = true',
      chatgptUrl: product().simulator.baseUrl,
    }
    const codex = await codexWith(changes, product().simulator.authJson(visitorEmail))
    expectShell(await codex.turn(shellTurn))
    expect(turnsSeen().map(({ headers, status }) => [headers['content-encoding'], status])).toEqual([
      ['zstd', 200],
      ['zstd', 200],
    ])
    for (const { headers, email } of product().upstreamTurns()) {
      expect(headers['content-encoding']).toBeUndefined()
      expect(poolEmails).toContain(email)
    }
  })

  it('takes its model catalogue from the product when it is signed in, and is served by the pool', async () => {
    const codex = await codexWith(
      { provider: 'requires_openai_auth = true' },
      product().simulator.authJson(visitorEmail),
    )
    expectShell(await codex.turn(shellTurn))
    const asked = tap().seen.filter(({ path }) => path === `/backend-api/codex/models?client_version=${version}`)
    expect(asked.map(({ status }) => status)).toContain(200)
    // These words stand in the simulated catalogue only: Codex has accepted it.
    expect(JSON.stringify(product().upstreamTurns()[0]?.body)).toContain(
      'a coding agent that talks to a simulated model',
    )
    expect(poolEmails).toContain((await lastServed()).by)
  })
})

function servedBy(turn: { email: string | null } | undefined): string {
  if (!turn?.email) throw new Error('No turn has been served yet.')
  return turn.email
}

/** As Codex writes it with TZ=UTC. */
function timeOfDay(ms: number): string {
  return new Date(ms)
    .toLocaleTimeString('en-US', { hour: 'numeric', minute: '2-digit', timeZone: 'UTC' })
    .replace(/\s/, ' ')
}

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, it, vi } from 'vitest'
import { answersIn, clientVersions, troubleIn } from './codex.ts'
import { poolEmails } from './product.ts'
import { shellTurn, useStage } from './stage.ts'

export const sockets: any = { provider: 'supports_websockets = true\n' }
describe.each(clientVersions)('%s', (version) => {
  const stage = useStage(version, { rateLimitFrames: true })
  beforeEach(({ task }) => console.log('\n=====', version, task.name))
  const dump = async (run: any) => {
    const t0 = stage.tap().seen[0]?.atMs ?? 0
    console.log(version, JSON.stringify({ answers: answersIn(run), trouble: troubleIn(run) }))
    for (const { method, path, status, sent, told, atMs } of stage.tap().seen)
      console.log(atMs - t0, method, path, status, 'sent', sent.messages.map((m) => `${m.type}${m.generate === false ? '!' : ''} prev=${m.previous_response_id} in=${m.input?.length}`), sent.closeCode(), 'told', told.messages.map((m) => m.type).filter((t) => !/delta|content_part|text.done|in_progress|item.added/.test(t)).join(' '), told.closeCode())
    console.log('UP', stage.product().upstreamSockets(), stage.product().upstreamFrames().map((f) => `${f.email} ${f.status} ${(f.body as any)?.generate} ${(f.body as any)?.previous_response_id}`), stage.product().upstreamTurns().length)
    console.log('LOG', JSON.stringify(await stage.product().served()))
  }
  const all = (fault: any) => { for (const email of poolEmails) stage.product().simulator.script(email, fault) }
  const plain = async (change = {}) => {
    const codex = await stage.codexWith({ ...sockets, ...change })
    const t = Date.now()
    const run = await codex.turn('FAKE_TEXT: hello there')
    console.log('TOOK', Date.now() - t)
    await dump(run)
    return codex
  }
  const gap = async (act: (email: string) => unknown) => {
    const codex = await stage.codexWith(sockets)
    const running = codex.turn('FAKE_TOOL: until [ -e go-on ]; do sleep 0.05; done; echo from-the-shell')
    const email = await vi.waitFor(() => {
      const f = stage.product().upstreamFrames().find((f) => (f.body as any)?.generate === undefined && f.outcome !== 'open')
      if (!f?.email) throw new Error('not yet')
      return f.email
    }, { timeout: 20000 })
    await act(email)
    await writeFile(join(codex.folder, 'go-on'), '')
    await dump(await running)
  }
  const sim = () => stage.product().simulator

  const talk = async (change = {}) => {
    const codex = await stage.codexWith({ ...sockets, ...change })
    const server = await stage.appServer(codex)
    const { thread } = await server.result('thread/start', { cwd: codex.folder })
    const say = async (text: string) => {
      const { turn } = await server.result('turn/start', { threadId: thread.id, input: [{ type: 'text', text }] })
      const done = await server.hears('turn/completed', (p) => p.turn.id === turn.id)
      console.log('DONE', JSON.stringify(done).slice(0, 600))
    }
    return { codex, server, say, thread }
  }
  const none = { answers: [], events: [], exitCode: 0, output: '' }

  const short = 'supports_websockets = true\nstream_idle_timeout_ms = 5000\n'
  it('v1 tool', async () => { const codex = await stage.codexWith({ ...sockets, path: '/v1' }); await dump(await codex.turn(shellTurn)) })
  it('v1 cut after', async () => { all({ kind: 'cut_after_output' }); await plain({ provider: short, path: '/v1' }) })
  it('v1 cut before', async () => { all({ kind: 'cut_before_output' }); await plain({ provider: short, path: '/v1' }) })
  it('v1 error_event bad', async () => { all({ kind: 'error_event', code: 'invalid_value' }); await plain({ provider: short, path: '/v1' }) })
  it('v1 400', async () => { all({ kind: 'context_length' }); await plain({ provider: short, path: '/v1' }) })
  it('v1 limit gap', async () => { sockets.path = '/v1'; await gap((email) => sim().script(email, { kind: 'usage_limit', times: 'always' })); sockets.path = undefined })
  it('conn limit', async () => gap((email) => sim().script(email, { kind: 'status', status: 400, code: 'websocket_connection_limit_reached', message: 'limit reached (60 minutes)' })))
  it('interrupt', async () => { const { say, server, thread } = await talk(); all({ kind: 'stall_after_output' });
     const { turn } = await server.result('turn/start', { threadId: thread.id, input: [{ type: 'text', text: 'FAKE_EVENTS: 10' }] })
     await server.hears('item/agentMessage/delta'); const t = Date.now(); await server.result('turn/interrupt', { threadId: thread.id, turnId: turn.id })
     console.log('interrupted', Date.now() - t)
     await say('FAKE_TEXT: two'); await dump(none) })
  it('failed_after_output', async () => { all({ kind: 'failed_after_output' }); await plain({ provider: short }) })
  it('incomplete', async () => { all({ kind: 'incomplete' }); await plain({ provider: short }) })
  it('end_after', async () => { all({ kind: 'end_after_output' }); await plain({ provider: short }) })
  it('login', async () => { const codex = await stage.codexWith({ ...sockets, name: 'OpenAI', provider: 'requires_openai_auth = true\nsupports_websockets = true\n', chatgptUrl: sim().baseUrl }, sim().authJson('visitor@example.com')); await dump(await codex.turn(shellTurn)) })
})

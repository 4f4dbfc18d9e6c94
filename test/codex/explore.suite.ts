import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, it, vi } from 'vitest'
import { answersIn, clientVersions, troubleIn } from './codex.ts'
import { poolEmails } from './product.ts'
import { shellTurn, useStage } from './stage.ts'

export const sockets = { provider: 'supports_websockets = true\n' }
describe.each(clientVersions)('%s', (version) => {
  const stage = useStage(version)
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
  it('limit at the turn', async () => { all({ kind: 'usage_limit' }); await plain() }) // each once
  it('limit at prewarm of one', async () => { for (const e of poolEmails.slice(0, 2)) sim().script(e, { kind: 'usage_limit', path: 'prewarm', times: 'always' }, { kind: 'usage_limit', times: 'always' }); await plain() })
  it('limit at handshake of two', async () => { for (const e of poolEmails.slice(0, 2)) sim().script(e, { kind: 'usage_limit', path: 'handshake', times: 'always' }); await plain() })
  it('limit gap', async () => gap((email) => sim().script(email, { kind: 'usage_limit', times: 'always' })))
  it('close gap', async () => gap(() => sim().closeWebSockets()))
  it('close 1000 gap', async () => gap(() => sim().closeWebSockets({ code: 1000 })))
  it('cut gap', async () => gap((email) => sim().script(email, { kind: 'cut_before_output' })))
  it('reset gap', async () => gap((email) => sim().script(email, { kind: 'reset' })))
  it('cut first', async () => { all({ kind: 'cut_before_output' }); await plain() })
  it('cut first always one', async () => { sim().script(poolEmails[0]!, { kind: 'cut_before_output', times: 'always' }); sim().script(poolEmails[1]!, { kind: 'cut_before_output', times: 'always' }); await plain() })
  it('cut after output', async () => { all({ kind: 'cut_after_output' }); await plain() })
  it('close after turn', async () => gap(() => {}))
  it('401 prewarm', async () => { all({ kind: 'unauthorized', path: 'prewarm' }); await plain() })
  it('401 turn', async () => { all({ kind: 'unauthorized' }); await plain() })
  it('401 handshake', async () => { all({ kind: 'unauthorized', path: 'handshake' }); await plain() })
  it('pool out', async () => { all({ kind: 'usage_limit', times: 'always' }); const c = await plain(); await dump(await c.turn('FAKE_TEXT: again')) })
  it('pool out prewarm', async () => { all({ kind: 'usage_limit', times: 'always', path: 'prewarm' }); all({ kind: 'usage_limit', times: 'always' }); await plain() })
  it('upstream refuses', async () => { sim().setWebSockets(false); const c = await plain(); await dump(await c.turn('FAKE_TEXT: again')) })
  it('restart gap', async () => gap(async () => { await stage.product().restart(); stage.tap().pointAt(stage.product().url) }))
  it('500 always', async () => { all({ kind: 'status', status: 500, times: 'always' }); await plain() })
  it('503 overloaded always', async () => { all({ kind: 'overloaded', times: 'always' }); await plain() })
  it('400', async () => { all({ kind: 'context_length', times: 'always' }); await plain() })
})

import type { AppServer } from './app-server.ts'
import type { Codex } from './codex.ts'

/** Says something in a conversation, and hears what the model answers. @throws Error when the turn fails */
type Say = (text: string) => Promise<string[]>

/** Begins a thread in which one turn follows the other, in one process. */
export async function startConversation(server: AppServer, { folder }: Codex): Promise<Say> {
  const { thread } = await server.result('thread/start', { cwd: folder })
  return async (text) => {
    const { turn } = await server.result('turn/start', { threadId: thread.id, input: [{ type: 'text', text }] })
    const { turn: done } = await server.hears('turn/completed', (params) => params.turn.id === turn.id)
    if (done.status !== 'completed') throw new Error(`The turn ended as ${done.status}: ${JSON.stringify(done.error)}`)
    const isAnswer = ({ turnId, item }: { turnId: string; item: { type: string } }) =>
      turnId === turn.id && item.type === 'agentMessage'
    return [(await server.hears('item/completed', isAnswer)).item.text]
  }
}

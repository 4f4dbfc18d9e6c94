import { afterEach, describe, expect, it } from 'vitest'
import { type Rig, startRig } from '../support/start.ts'

let rig: Rig
afterEach(() => rig?.close())

const turn = {
  model: 'gpt-5.5',
  input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'FAKE_TEXT: hello' }] }],
}
const native = { ...turn, instructions: '', store: false, stream: true }

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(rig.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

describe('the main job', () => {
  it('answers a Codex turn with the bytes of one account and writes it down', async () => {
    rig = await startRig()
    const answer = await post('/backend-api/codex/responses', native)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toContain('text/event-stream')
    const text = await answer.text()
    expect(text).toContain('event: response.completed')
    const [logged] = await rig.requests()
    expect(logged).toMatchObject({ status: 'success', httpStatus: 200, model: 'gpt-5.5', transport: 'sse' })
    expect(logged?.usage.output).toBeGreaterThan(0)
    expect(logged?.attempts).toHaveLength(1)
    expect(logged?.decision.ranked).toHaveLength(3)
  })

  it('answers a public request without stream as one JSON object', async () => {
    rig = await startRig()
    const answer = await post('/v1/responses', { model: 'gpt-5.5', input: 'FAKE_TEXT: hello', temperature: 1 })
    expect(answer.status).toBe(200)
    const body = (await answer.json()) as { output: unknown }
    expect(body).toMatchObject({ object: 'response', status: 'completed' })
    expect(JSON.stringify(body.output)).toContain('hello')
  })
})

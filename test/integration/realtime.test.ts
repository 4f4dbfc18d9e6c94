import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import WebSocket, { type RawData } from 'ws'
import { addRealtimeRoutes } from '../../src/proxy/pass/realtime.ts'
import { createManualClock } from '../support/clock.ts'
import { a, askedOf, b, type PassRig, startPassRig } from '../support/pass-rig.ts'
import { refusalIn } from '../support/refusals.ts'
import { jsonOf, until } from '../support/simulator-client.ts'

let rig: PassRig
beforeEach(async () => {
  rig = await startPassRig(addRealtimeRoutes)
})
afterEach(() => rig.close())

const calls = '/backend-api/codex/realtime/calls'
const begin = (body = 'v=0 offer', headers: Record<string, string> = { 'content-type': 'application/sdp' }) =>
  fetch(rig.url + calls, { method: 'POST', headers, body })
const idOf = (answer: Response) => answer.headers.get('location')?.split('/').at(-1) ?? ''

/** A client's side of a call, with all that it has heard. */
async function join(path: string, options: WebSocket.ClientOptions = {}, protocols: string[] = []) {
  const socket = new WebSocket(rig.url.replace('http', 'ws') + path, protocols, options)
  const heard: { data: string; isBinary: boolean }[] = []
  let closed: { code: number; reason: string } | null = null
  socket.on('message', (data: RawData, isBinary) => heard.push({ data: data.toString(), isBinary }))
  socket.on('close', (code, reason) => {
    closed = { code, reason: reason.toString() }
  })
  await once(socket, 'open')
  return { socket, heard, closed: () => closed }
}
/** How a client that wants to join is turned away. */
async function turnedAway(path: string, options: WebSocket.ClientOptions = {}) {
  const socket = new WebSocket(rig.url.replace('http', 'ws') + path, options)
  socket.on('error', () => {})
  const [, response] = await once(socket, 'unexpected-response')
  const connection = response.socket
  let text = ''
  for await (const chunk of response) text += chunk
  connection.destroy()
  socket.terminate()
  return { status: response.statusCode, code: JSON.parse(text).error.code }
}

describe('a call', { timeout: 30_000 }, () => {
  it.each([
    ['application/sdp', 'v=0 offer'],
    ['application/json', '{"sdp":"v=0 offer","session":{"type":"realtime"}}'],
    ['multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="sdp"\r\n\r\nv=0\r\n--x--\r\n'],
  ])('is begun with %s, as the client has put it', async (type, body) => {
    const answer = await begin(body, { 'content-type': type })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('content-type')).toBe('application/sdp')
    expect(await answer.text()).toContain(`o=- ${body.length} 1`)
    expect(idOf(answer)).toMatch(/^rtc_/)
    expect(rig.simulator.requests.at(-1)?.headers['content-type']).toBe(type)
  })

  it('belongs to the account that began it', async () => {
    rig.simulator.script(a, { kind: 'status', status: 503, path: 'calls' })
    const id = idOf(await begin())
    expect(askedOf(rig, calls)).toBe('ab')
    expect(await rig.parts.affinity.owner({ kind: 'call', id })).toBe(rig.idOf(b))
  })

  it('that nobody could join is told as a failure', async () => {
    rig.simulator.script(a, { kind: 'html200', path: 'calls' })
    const answer = await begin()
    expect([answer.status, (await jsonOf(answer)).error.code]).toEqual([503, 'realtime_call_binding_failed'])
  })

  it('refused by the upstream is refused, without its words in the log', async () => {
    rig.simulator.script(a, { kind: 'invalid_request', message: 'Bad SDP: secret', path: 'calls' })
    const answer = await begin()
    expect(refusalIn(calls, answer, await answer.text())).toMatchObject({ status: 400, message: 'Bad SDP: secret' })
    expect(JSON.stringify(await rig.requests()) + rig.logged()).not.toContain('secret')
  })
})

describe('the socket beside a call', { timeout: 30_000 }, () => {
  it.each([
    ['/backend-api/codex/ID', '/v1/live/ID'],
    ['/v1/live/ID?a=1&b=%20', '/v1/live/ID?a=1&b=%20'],
    ['/v1/realtime?call_id=ID&intent=x', '/v1/realtime?call_id=ID&intent=x'],
  ])('%s is joined where the call is', async (path, upstream) => {
    const id = idOf(await begin())
    const { socket, heard } = await join(path.replace('ID', id))
    await until(() => heard.length === 1)
    expect(JSON.parse(heard[0]?.data ?? '')).toMatchObject({
      type: 'session.created',
      url: upstream.replace('ID', id),
      account: rig.simulator.accounts[0]?.accountId,
      beta: null,
    })
    socket.close()
    await until(() => rig.running.entries().length === 0)
  })

  it('hands every frame on as it came, in order', async () => {
    const { socket, heard } = await join(`/v1/live/${idOf(await begin())}`)
    await until(() => heard.length === 1)
    const large = 'x'.repeat(3_000_000)
    socket.send('{"type":"session.update"}')
    socket.send(Buffer.from([1, 2, 3]))
    for (let i = 0; i < 5; i++) socket.send(`${i}${large}`)
    await until(() => heard.length === 8)
    expect(heard.slice(1, 3)).toEqual([
      { data: '{"type":"session.update"}', isBinary: false },
      { data: '\x01\x02\x03', isBinary: true },
    ])
    expect(heard.slice(3).map(({ data }) => [data.charAt(0), data.length])).toEqual(
      [0, 1, 2, 3, 4].map((i) => [String(i), 3_000_001]),
    )
    socket.close()
  })

  it('takes headers and subprotocols along, but for a key of ours', async () => {
    const id = idOf(await begin())
    const headers = { 'openai-beta': 'realtime=v1', 'user-agent': 'codex_cli_rs/0.169.0', authorization: 'Bearer mine' }
    const { socket, heard } = await join(`/v1/live/${id}`, { headers }, ['realtime', 'openai-insecure-api-key.sk-mine'])
    await until(() => heard.length === 1)
    expect(JSON.parse(heard[0]?.data ?? '')).toMatchObject({ beta: 'realtime=v1', protocol: 'realtime' })
    expect(socket.protocol).toBe('realtime')
    socket.close()
  })

  it('is closed with the word of the side that closes', async () => {
    const id = idOf(await begin())
    const one = await join(`/v1/live/${id}`)
    one.socket.send('close 4000')
    await until(() => one.closed() !== null)
    expect(one.closed()).toEqual({ code: 4000, reason: 'as told' })
    const other = await join(`/v1/live/${id}`)
    other.socket.close(4001, 'enough')
    await until(() => rig.running.entries().length === 0)
    await until(() => rig.simulator.openSockets() === 0 || rig.running.entries().length === 0)
    const [last] = await rig.requests()
    expect(last).toMatchObject({
      route: '/v1/live/:callId',
      status: 'success',
      transport: 'ws',
      accountId: rig.idOf(a),
    })
  })

  it('ends with a client that just goes', async () => {
    const { socket } = await join(`/v1/live/${idOf(await begin())}`)
    socket.terminate()
    await until(() => rig.running.entries().length === 0)
    expect((await rig.requests())[0]).toMatchObject({ status: 'cancelled', errorCode: 'client_disconnected' })
  })

  it('is closed in good order by a server that stops', async () => {
    const { closed } = await join(`/v1/live/${idOf(await begin())}`)
    for (const ending of rig.running.entries()) ending.abort(new Error('shutting_down'))
    await until(() => closed() !== null)
    expect(closed()?.code).toBe(1012)
  })

  it('of an unknown call, or of no id, is a 404 before anything is opened', async () => {
    const paths = ['/v1/live/rtc_unknown', '/v1/live/nonsense', '/v1/realtime', '/v1/realtime?call_id=a&call_id=b']
    for (const path of [...paths, '/backend-api/codex/rtc_unknown', '/backend-api/codex/sessions']) {
      expect(await turnedAway(path)).toEqual({ status: 404, code: 'call_not_found' })
    }
  })

  it('is refused while the account of the call is out', async () => {
    const id = idOf(await begin())
    rig.parts.pool.report(rig.idOf(a), { kind: 'sign_in_lost', as: 'reauth_required', code: 'x' })
    expect(await turnedAway(`/v1/live/${id}`)).toEqual({ status: 503, code: 'owner_unavailable' })
  })

  it('is refused to the page of another site', async () => {
    const id = idOf(await begin())
    const away = await turnedAway(`/v1/live/${id}`, { origin: 'https://elsewhere.test' })
    expect(away).toEqual({ status: 403, code: 'forbidden_origin' })
  })

  it('says what the upstream says of a call that is over', async () => {
    rig.parts.affinity.own({ kind: 'call', id: 'rtc_gone' }, rig.idOf(b))
    expect(await turnedAway('/v1/live/rtc_gone')).toEqual({ status: 404, code: 'call_not_found' })
    expect((await rig.requests())[0]).toMatchObject({ status: 'error', errorCode: 'call_not_found', transport: 'ws' })
  })

  it('is a 404 to whoever wants no socket', async () => {
    for (const path of ['/backend-api/codex/anything', '/v1/live/x', '/v1/realtime']) {
      const answer = await fetch(rig.url + path)
      expect(refusalIn(path, answer, await answer.text())).toMatchObject({ status: 404, code: 'not_found' })
    }
  })

  it('leaves nothing of the call in the log', async () => {
    const id = idOf(await begin('v=0 secret offer'))
    const { socket, heard } = await join(`/v1/live/${id}`)
    socket.send('secret words')
    await until(() => heard.length === 2)
    socket.close()
    await until(() => rig.running.entries().length === 0)
    const kept = JSON.stringify(await rig.requests()) + rig.logged()
    expect(kept).not.toContain('secret')
    expect(kept).not.toContain(id)
  })
})

describe('a socket beside a call that is silent', { timeout: 30_000 }, () => {
  it('lives while both sides are there', async () => {
    const clock = createManualClock(Date.now())
    await rig.close()
    rig = await startPassRig(addRealtimeRoutes, { clock })
    const { socket, heard } = await join(`/v1/live/${idOf(await begin())}`)
    await until(() => heard.length === 1)
    let pings = 0
    socket.on('ping', () => pings++)
    for (let minute = 1; minute <= 5; minute++) {
      clock.advance(30_000)
      await until(() => pings >= minute)
      // The answer is on its way while the client has seen the question.
      socket.send(String(minute))
      await until(() => heard.length === 1 + minute)
    }
    expect(socket.readyState).toBe(WebSocket.OPEN)
    // Nobody has the time to answer now.
    clock.advance(600_000)
    await until(() => socket.readyState === WebSocket.CLOSED)
    expect((await rig.requests())[0]).toMatchObject({ status: 'cancelled' })
  })
})

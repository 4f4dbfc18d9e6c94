import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type Answer, createUpstreamClient, type Deadlines } from '../../src/upstream/client.ts'
import { TransportError } from '../../src/upstream/transport-error.ts'
import { until } from '../support/simulator-client.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A server that answers as told, and a client of ours that talks to it. */
async function rig(handler: Handler, deadlines: Partial<Deadlines> = {}) {
  const sockets: Socket[] = []
  const server: Server = createServer(handler).on('connection', (socket) => sockets.push(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const client = createUpstreamClient({ connectMs: 5_000, headersMs: 20_000, silenceMs: 20_000, ...deadlines })
  closers.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
  closers.push(() => client.close())
  const ending = new AbortController()
  const send = (given: { signal?: AbortSignal; body?: Buffer; headersMs?: number } = {}) =>
    client.send({
      method: 'POST',
      url: new URL(`http://127.0.0.1:${port}/turn?a=1`),
      headers: { 'x-test': 'yes' },
      body: Buffer.from('question'),
      signal: ending.signal,
      ...given,
    })
  return { client, server, sockets, send, ending, port }
}

/** Reads an answer and notes what its sink hears, in order. */
function listen(answer: Answer) {
  const heard: string[] = []
  const seen = { heard, bytes: 0, text: '', more: true, over: false, error: null as TransportError | null }
  answer.attach({
    data(chunk) {
      seen.bytes += chunk.length
      seen.text += chunk.toString()
      heard.push('data')
      return seen.more
    },
    end() {
      heard.push('end')
      seen.over = true
    },
    fail(error) {
      heard.push('fail')
      seen.error = error
      seen.over = true
    },
  })
  return seen
}

async function kindOf(sending: Promise<Answer>): Promise<unknown> {
  return sending.then(
    () => 'answered',
    (error: unknown) => (error instanceof TransportError ? error.kind : error),
  )
}

describe('a request to the upstream', () => {
  it('arrives as it was given, and its answer comes back whole', async () => {
    const { send } = await rig((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        response.writeHead(418, { 'x-answer': 'tea' })
        response.end(`${request.method} ${request.url} ${request.headers['x-test']} ${body}`)
      })
    })
    const answer = await send()
    expect(answer.status).toBe(418)
    expect(answer.headers['x-answer']).toBe('tea')
    const seen = listen(answer)
    await until(() => seen.over)
    expect(seen).toMatchObject({ text: 'POST /turn?a=1 yes question', error: null })
    expect(seen.heard.filter((what) => what !== 'data')).toEqual(['end'])
  })

  it('is unreachable when nobody listens: it provably never left', async () => {
    const { send, server } = await rig(() => {})
    await new Promise((resolve) => server.close(resolve))
    expect(await kindOf(send())).toBe('unreachable')
  })

  it('is silent when no headers come', async () => {
    const { send } = await rig(() => {}, { headersMs: 200 })
    expect(await kindOf(send())).toBe('silent')
  })

  it('may wait less long for its headers than others', async () => {
    const { send } = await rig(() => {})
    expect(await kindOf(send({ headersMs: 200 }))).toBe('silent')
  })

  it('is broken when the connection is cut before the headers', async () => {
    const { send } = await rig((request) => request.socket.resetAndDestroy())
    expect(await kindOf(send())).toBe('broken')
  })

  it('is broken when the answer is no HTTP', async () => {
    const { send } = await rig((request) => request.socket.end('nonsense\r\n\r\n'))
    expect(await kindOf(send())).toBe('broken')
  })

  it('is aborted by its signal, and the upstream notices', async () => {
    let closed = false
    const { send, ending, sockets } = await rig((request) => request.socket.on('close', () => (closed = true)))
    const kind = kindOf(send())
    await until(() => sockets.length === 1)
    ending.abort(new Error('client_disconnected'))
    expect(await kind).toBe('aborted')
    await until(() => closed)
  })

  it('is never sent when its signal was aborted before', async () => {
    let asked = 0
    const { send } = await rig(() => void asked++)
    expect(await kindOf(send({ signal: AbortSignal.abort(new Error('gone')) }))).toBe('aborted')
    expect(asked).toBe(0)
  })
})

describe('the body of an answer', () => {
  it('waits until somebody reads it', async () => {
    const { send } = await rig((_request, response) => response.end('hello'))
    const answer = await send()
    await new Promise((resolve) => setImmediate(resolve))
    const seen = listen(answer)
    await until(() => seen.over)
    expect(seen.text).toBe('hello')
  })

  it('is heard of by a reader that comes after its end', async () => {
    const { send } = await rig((_request, response) => response.writeHead(204).end())
    const answer = await send()
    const first = listen(answer)
    await until(() => first.over)
    const second = listen(answer)
    expect([first.heard, second.heard]).toEqual([['end'], ['end']])
  })

  it('is silent when nothing comes any more', async () => {
    const { send } = await rig((_request, response) => response.write('begun'), { silenceMs: 300 })
    const seen = listen(await send())
    await until(() => seen.over)
    expect(seen).toMatchObject({ text: 'begun', error: { kind: 'silent' } })
  })

  it.each([
    ['reset', (response: ServerResponse) => response.socket?.resetAndDestroy()],
    ['closed', (response: ServerResponse) => response.socket?.destroy()],
  ])('is broken when the connection is %s in the middle', async (_how, cut) => {
    let response: ServerResponse | undefined
    const { send } = await rig((_request, answer) => {
      response = answer
      answer.write('begun')
    })
    const seen = listen(await send())
    await until(() => seen.text === 'begun')
    if (response) cut(response)
    await until(() => seen.over)
    expect(seen).toMatchObject({ error: { kind: 'broken' } })
    expect(seen.heard.filter((what) => what !== 'data')).toEqual(['fail'])
  })

  it('is broken when less comes than was announced', async () => {
    const { send } = await rig((_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('short')
      setImmediate(() => response.socket?.end())
    })
    const seen = listen(await send())
    await until(() => seen.over)
    expect(seen.error?.kind).toBe('broken')
  })

  it.each(['signal', 'answer'])('is given up at once through its %s, with the reason', async (way) => {
    let closed = false
    const { send, ending } = await rig((request, response) => {
      request.socket.on('close', () => {
        closed = true
      })
      response.write('begun')
    })
    const answer = await send()
    const seen = listen(answer)
    await until(() => seen.text === 'begun')
    if (way === 'signal') ending.abort(new Error('turn_too_long'))
    else answer.abort()
    await until(() => seen.over && closed)
    expect(seen.heard.filter((what) => what !== 'data')).toEqual(['fail'])
    if (way === 'signal') expect(seen.error).toMatchObject({ kind: 'aborted', message: 'turn_too_long' })
  })

  it('stops flowing while its reader is busy, and goes on when asked to', async () => {
    const part = Buffer.alloc(64 * 1024)
    const parts = 800
    let written = 0
    const { send } = await rig((_request, response) => {
      const write = () => {
        let more = true
        while (more && written < parts) {
          more = response.write(part)
          written++
        }
        if (written === parts) response.end()
      }
      response.on('drain', write)
      write()
    })
    const answer = await send()
    const seen = listen(answer)
    seen.more = false
    await until(() => seen.bytes > 0)
    let before = -1
    while (before !== seen.bytes + written) {
      before = seen.bytes + written
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(written).toBeLessThan(parts)
    expect(seen.bytes).toBeLessThan(4 * part.length)
    seen.more = true
    answer.resume()
    await until(() => seen.over)
    expect(seen).toMatchObject({ error: null, bytes: parts * part.length })
  })

  it('goes to the next reader where the first one stopped, without a gap', async () => {
    const lines = Array.from({ length: 20_000 }, (_, at) => `line ${at}\n`)
    const { send } = await rig((_request, response) => {
      for (const line of lines) response.write(line)
      response.end()
    })
    const answer = await send()
    const first = listen(answer)
    first.more = false
    await until(() => first.bytes > 0)
    const second = listen(answer)
    await until(() => second.over)
    expect(first.text + second.text).toBe(lines.join(''))
    expect(first.over).toBe(false)
  })

  it('that is given up after its end leaves the connection to the next request', async () => {
    const { send, sockets } = await rig((request, response) => {
      request.resume()
      response.end('done')
    })
    for (let turn = 0; turn < 10; turn++) {
      const answer = await send()
      const seen = listen(answer)
      await until(() => seen.over)
      answer.abort()
      expect(seen.text).toBe('done')
    }
    // The pool may open a second connection while the first one is still on its way back.
    expect(sockets.length).toBeLessThanOrEqual(2)
  })
})

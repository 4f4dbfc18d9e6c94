import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Resolve } from '../../../src/lib/guarded-connect.ts'
import { connectGuarded } from '../../../src/lib/guarded-connect.ts'
import { SafeFetchError, safeFetch } from '../../../src/lib/safe-fetch.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** The port of a server on this machine. */
async function serve(handle: RequestListener): Promise<number> {
  const server = createServer(handle)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const failure = async (call: Parameters<typeof safeFetch>[0]): Promise<SafeFetchError> => {
  const error = await safeFetch(call).catch((caught: unknown) => caught)
  if (error instanceof SafeFetchError) return error
  throw new Error('It should have failed.', { cause: error })
}

/** Answers each look-up with the next of these addresses. */
function answers(...addresses: string[]): { resolve: Resolve; asked: () => number } {
  let asked = 0
  const resolve: Resolve = async () => {
    const address = addresses[Math.min(asked++, addresses.length - 1)] ?? ''
    return [{ address, family: address.includes(':') ? 6 : 4 }]
  }
  return { resolve, asked: () => asked }
}

describe('a call to an address that a person gave', () => {
  it('carries method, headers and body, and brings the answer', async () => {
    const port = await serve((request, response) => {
      let body = ''
      request.on('data', (chunk) => (body += chunk))
      request.on('end', () => {
        response.writeHead(201, { 'x-said': String(request.headers['x-asked']) })
        response.end(`${request.method} ${request.url} ${body}`)
      })
    })
    const answer = await safeFetch({
      url: `http://127.0.0.1:${port}/a?b=c`,
      ...{ method: 'POST', headers: { 'x-asked': 'yes' }, body: 'hello', reach: 'private_too' },
    })
    expect(answer.status).toBe(201)
    expect(answer.headers['x-said']).toBe('yes')
    expect(answer.body.toString()).toBe('POST /a?b=c hello')
  })

  it.each([
    'http://127.0.0.1:PORT/',
    'http://localhost:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f.1:PORT/',
    'http://[::1]:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://0.0.0.0:PORT/',
  ])('does not reach this machine however it is written: %s', async (url) => {
    let calls = 0
    const port = await serve((_, response) => {
      calls++
      response.end()
    })
    expect((await failure({ url: url.replace('PORT', String(port)), reach: 'public' })).kind).toBe('refused')
    expect(calls).toBe(0)
  })

  it('does not reach the metadata of a cloud even where private addresses are allowed', async () => {
    const error = await failure({ url: 'http://169.254.169.254/latest/meta-data/', reach: 'private_too' })
    expect(error).toMatchObject({ kind: 'refused', message: '169.254.169.254 is a link-local address.' })
  })

  it('looks a name up once, and connects to what it found: a second answer cannot lead elsewhere', async () => {
    const port = await serve((_, response) => response.end('inside'))
    const rebinding = answers('127.0.0.1', '169.254.169.254')
    const call = { url: `http://rebind.test:${port}/`, reach: 'private_too', resolve: rebinding.resolve } as const
    expect((await safeFetch(call)).body.toString()).toBe('inside')
    expect(rebinding.asked()).toBe(1)
    expect((await failure(call)).message).toBe('rebind.test is 169.254.169.254: a link-local address.')
  })

  it('is refused when a name that was public yesterday is private today', async () => {
    let calls = 0
    const port = await serve((_, response) => {
      calls++
      response.end()
    })
    const { resolve } = answers('127.0.0.1')
    const error = await failure({ url: `http://rebind.test:${port}/`, reach: 'public', resolve })
    expect(error).toMatchObject({ kind: 'refused', message: 'rebind.test is 127.0.0.1: this machine.' })
    expect(calls).toBe(0)
  })

  it('uses the allowed ones of several addresses, and only those', async () => {
    const port = await serve((_, response) => response.end('fine'))
    const resolve: Resolve = async () => [
      { address: 'fe80::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ]
    const answer = await safeFetch({ url: `http://home.test:${port}/`, reach: 'private_too', resolve })
    expect(answer.body.toString()).toBe('fine')
  })

  it('does not follow a redirect', async () => {
    let inside = 0
    const target = await serve((_, response) => {
      inside++
      response.end('secret')
    })
    const port = await serve((_, response) => {
      response.writeHead(302, { location: `http://127.0.0.1:${target}/` })
      response.end()
    })
    const answer = await safeFetch({ url: `http://127.0.0.1:${port}/`, reach: 'private_too' })
    expect([answer.status, answer.body.toString(), inside]).toEqual([302, '', 0])
  })

  it.each(['ftp://example.com/', 'file:///etc/passwd', 'gopher://example.com/', 'example.com', 'http://', ''])(
    'goes over http and https only: %s',
    async (url) => {
      expect((await failure({ url, reach: 'private_too' })).kind).toBe('refused')
    },
  )

  it('does not carry a password in its URL', async () => {
    expect((await failure({ url: 'http://me:secret@example.com/', reach: 'public' })).kind).toBe('refused')
  })

  it('ends when the answer is too large, or cuts it', async () => {
    const port = await serve((_, response) => {
      response.write('x'.repeat(50_000))
      setImmediate(() => response.end('y'.repeat(50_000)))
    })
    const call = { url: `http://127.0.0.1:${port}/`, reach: 'private_too', maxBytes: 1_000 } as const
    expect((await failure(call)).kind).toBe('too_large')
    expect((await safeFetch({ ...call, onTooLarge: 'cut' })).body.length).toBe(1_000)
  })

  it('ends in time when nothing comes, or too little', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/drip') response.write('a')
    })
    for (const path of ['/never', '/drip']) {
      const error = await failure({ url: `http://127.0.0.1:${port}${path}`, reach: 'private_too', timeoutMs: 200 })
      expect(error).toMatchObject({ kind: 'silent', message: 'No answer within 0.2 s.' })
    }
  })

  it('ends when it is told to', async () => {
    const stop = new AbortController()
    const port = await serve(() => stop.abort())
    const url = `http://127.0.0.1:${port}/`
    expect((await failure({ url, reach: 'private_too', signal: stop.signal })).kind).toBe('aborted')
    expect((await failure({ url, reach: 'private_too', signal: stop.signal })).kind).toBe('aborted')
  })

  it('says in words what went wrong', async () => {
    const port = await serve((request) => request.socket.destroy())
    const say = async (url: string) => (await failure({ url, reach: 'private_too' })).message
    expect(await say('http://127.0.0.1:1/')).toBe('Nothing listens there (connection refused).')
    expect(await say(`http://127.0.0.1:${port}/`)).toBe('The other side broke the connection off.')
    expect(await say(`https://127.0.0.1:${port}/`)).toMatch(/connection|encrypted/)
    const nowhere: Resolve = async () => []
    expect((await failure({ url: 'http://nowhere.test/', reach: 'public', resolve: nowhere })).message).toBe(
      'There is no such host name.',
    )
  })
})

describe('a bare connection, as mail needs one', () => {
  const signal = () => AbortSignal.timeout(5_000)

  it('goes to allowed addresses only', async () => {
    const port = await serve(() => {})
    const socket = await connectGuarded('localhost', port, signal(), { reach: 'private_too' })
    socket.destroy()
    for (const host of ['localhost', '127.0.0.1', '2130706433', '::1']) {
      await expect(connectGuarded(host, port, signal(), { reach: 'public' })).rejects.toThrow(/is .*this machine/)
    }
  })

  it('ends when it is told to', async () => {
    const never: Resolve = () => new Promise(() => {})
    const stop = AbortSignal.timeout(50)
    await expect(connectGuarded('slow.test', 25, stop, { reach: 'public', resolve: never })).rejects.toThrow()
    await expect(connectGuarded('slow.test', 25, stop, { reach: 'public' })).rejects.toThrow()
  })
})

import { connect } from 'node:net'

/** What came back on a raw connection, taken apart as far as it goes. `status` is 0 when nothing came. */
export type RawAnswer = { status: number; headers: Headers; body: string; all: string }

/**
 * Writes the parts to a new connection and reads until the server ends it, or until `isWhole` likes what has come.
 * @throws Error after `deadlineMs`: the server neither answered nor hung up
 */
export function sendRaw(
  url: string,
  parts: readonly (string | Buffer)[],
  { deadlineMs = 10_000, end = false }: { deadlineMs?: number; end?: boolean } = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let all = ''
    const socket = connect(Number(port), hostname)
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`No whole answer within ${deadlineMs} ms, only ${JSON.stringify(all.slice(0, 300))}`))
    }, deadlineMs)
    const finish = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(parse(all))
    }
    socket.on('data', (chunk) => {
      all += chunk.toString('latin1')
      if (isWhole(all)) finish()
    })
    socket.on('end', finish).on('close', finish).on('error', finish)
    for (const part of parts) socket.write(part)
    if (end) socket.end()
  })
}

/** A request as text: a start line, headers, and a body as it is. */
export function rawRequest(startLine: string, headers: readonly string[], body = ''): string {
  return `${[startLine, ...headers].join('\r\n')}\r\n\r\n${body}`
}

function isWhole(text: string): boolean {
  const { headers, body } = parse(text)
  const length = headers.get('content-length')
  return length !== null && text.includes('\r\n\r\n') && Buffer.byteLength(body, 'latin1') >= Number(length)
}

function parse(all: string): RawAnswer {
  const [head = '', ...rest] = all.split('\r\n\r\n')
  const [first = '', ...lines] = head.split('\r\n')
  const headers = new Headers()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 0), headers, body: rest.join('\r\n\r\n'), all }
}

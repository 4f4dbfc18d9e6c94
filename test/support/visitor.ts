import { request as send } from 'node:http'
import { createParser } from 'eventsource-parser'
import { eventually } from './import-client.ts'
import type { Untyped } from './untyped.ts'

export type Asked = {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  body: Untyped
}

type Headers = Record<string, string>

/** One request with exactly these headers: unlike `fetch`, nothing is forbidden and nothing added but Host. */
export function ask(url: string, method: string, path: string, body?: unknown, headers: Headers = {}): Promise<Asked> {
  const text = body === undefined ? null : JSON.stringify(body)
  const type =
    text === null ? {} : { 'content-type': 'application/json', 'content-length': `${Buffer.byteLength(text)}` }
  return new Promise((resolve, reject) => {
    const sent = send(url + path, { method, headers: { ...type, ...headers }, agent: false }, (answer) => {
      let all = ''
      answer.setEncoding('utf8').on('data', (chunk) => {
        all += chunk
      })
      answer.on('error', reject).on('end', () => {
        const isJson = answer.headers['content-type']?.startsWith('application/json')
        const parsed = isJson && all !== '' ? JSON.parse(all) : null
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: all, body: parsed })
      })
    })
    sent.setTimeout(15_000, () => sent.destroy(new Error(`No answer to ${method} ${path}`)))
    sent.on('error', reject)
    sent.end(text ?? undefined)
  })
}

/** Somebody with a browser, as far as cookies go. */
export type Visitor = {
  /** The value of the session cookie, which a test may plant. */
  cookie: string | null
  /** The last Set-Cookie as it came. */
  setCookie: string | null
  ask(method: string, path: string, body?: unknown, headers?: Headers): Promise<Asked>
  /** The same below `/api/dashboard-auth`. */
  door(method: string, path: string, body?: unknown, headers?: Headers): Promise<Asked>
}

export const sessionCookie = 'codex_lb_dashboard_session'

/** `always` go with every request: what a reverse proxy adds, for example. */
export function createVisitor(rig: { url: string }, always: Headers = {}): Visitor {
  const visitor: Visitor = {
    cookie: null,
    setCookie: null,
    async ask(method, path, body, headers) {
      const cookie: Headers = visitor.cookie === null ? {} : { cookie: `${sessionCookie}=${visitor.cookie}` }
      const answer = await ask(rig.url, method, path, body, { ...cookie, ...always, ...headers })
      const [given] = [answer.headers['set-cookie'] ?? []].flat()
      if (given !== undefined) {
        visitor.setCookie = given
        visitor.cookie = /^[^=]+=([^;]*)/.exec(given)?.[1] || null
      }
      return answer
    },
    door: (method, path, body, headers) => visitor.ask(method, `/api/dashboard-auth${path}`, body, headers),
  }
  return visitor
}

export type Heard = { id: string | undefined; name: string; data: Untyped }

/** A reader of `GET /api/events`. */
export type Listener = {
  status: number
  headers: Record<string, string | string[] | undefined>
  heard: Heard[]
  comments: string[]
  ended: boolean
  /** The first event that fits, waited for. */
  hears(name: string, fits?: (data: Heard['data']) => boolean): Promise<Heard>
  close(): void
}

/** Opens the stream and returns once its headers have come. */
export function listen(url: string, headers: Headers = {}): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const sent = send(`${url}/api/events`, { headers, agent: false }, (answer) => {
      const listener: Listener = {
        status: answer.statusCode ?? 0,
        headers: answer.headers,
        heard: [],
        comments: [],
        ended: false,
        async hears(name, fits = () => true) {
          const find = () => listener.heard.find((event) => event.name === name && fits(event.data))
          await eventually(`${name} was heard`, async () => find() !== undefined)
          const found = find()
          if (found === undefined) throw new Error(`${name} is gone.`)
          return found
        },
        close: () => sent.destroy(),
      }
      const parser = createParser({
        onEvent: ({ id, event, data }) => listener.heard.push({ id, name: event ?? '', data: JSON.parse(data) }),
        onComment: (comment) => listener.comments.push(comment),
      })
      answer.setEncoding('utf8').on('data', (chunk) => parser.feed(chunk))
      const end = () => {
        listener.ended = true
      }
      answer.on('close', end).on('error', end)
      resolve(listener)
    })
    sent.on('error', reject)
    sent.end()
  })
}
